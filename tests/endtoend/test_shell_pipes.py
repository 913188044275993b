"""``connector shell`` without a terminal types its input and the end of the input."""

from __future__ import annotations

import time

import pytest

from connector.emulator.agent.behaviour import REAL

from .cloud import Cloud
from .commands import CONNECTOR, END, Commands, Process


@pytest.fixture
def shell(commands: Commands, cloud: Cloud) -> Process:
    return commands.start(*CONNECTOR, "shell", cloud.host)


def ends(process: Process) -> str:
    """Return the whole output after an orderly end."""
    output = process.reader.rest().decode()
    assert (process.wait(), process.stderr()) == (0, "")
    return output


def test_shell_runs_piped_commands_and_ends_with_them(shell: Process, cloud: Cloud) -> None:
    shell.send(b"echo a$((40+2))b\n")
    shell.end_input()
    assert "\na42b\r\n" in ends(shell).replace("\x1b[?2004l\r", "\n")
    assert cloud.session().end_reason == "The agent ended the session"


def test_shell_and_exec_accept_a_friendly_name(commands: Commands, cloud: Cloud) -> None:
    cloud.behave(REAL)  # which reads the terminal 1 s late
    cloud.environment.alias = "my-env"
    process = commands.start(*CONNECTOR, "shell", "my-env")
    process.send(b"echo a$((40+2))b\n")
    process.end_input()
    assert "a42b\r\n" in ends(process)
    answer = commands.run(*CONNECTOR, "exec", "my-env", "--", "echo", "a b")
    assert (answer.returncode, answer.stdout) == (0, b"a b\n")


def test_last_line_needs_no_newline(shell: Process) -> None:
    shell.send(b"echo a$((40+2))b")
    shell.end_input()
    assert "a42b\r\n" in ends(shell)


def test_empty_input_logs_out(shell: Process) -> None:
    shell.end_input()
    assert "logout" in ends(shell)


def test_shell_without_terminal_has_a_wide_window(shell: Process) -> None:
    shell.send(b"stty size\n")
    shell.end_input()
    assert "100 300\r\n" in ends(shell)


def test_command_that_outlasts_the_input_finishes(shell: Process) -> None:
    shell.send(b"sleep 3; echo a$((40+2))b\n")
    shell.end_input()
    assert "a42b\r\n" in ends(shell)


def test_end_of_input_during_a_command_ends_the_shell(shell: Process) -> None:
    """The end of input is typed while a command has the terminal, and the shell does not get it."""
    shell.send(b"echo a$((40+1))b; sleep 1.5; echo a$((40+2))b\n")
    shell.reader.until(b"a41b\r\n")
    shell.send(b"echo a$((40+3))b\n")
    shell.end_input()
    output = ends(shell)
    assert "a42b\r\n" in output
    assert "a43b\r\n" in output


def test_end_of_input_that_a_command_reads_ends_the_shell_too(shell: Process) -> None:
    shell.send(b"cat; cat; echo a$((40+2))b\n")
    shell.end_input()
    output = ends(shell)
    assert "a42b\r\n" in output
    assert "\x04" not in output  # as an ordinary character


def test_reader_that_closes_ends_the_shell(shell: Process, cloud: Cloud) -> None:
    shell.send(b"echo a$((40+1))b; yes\n")
    shell.reader.until(b"a41b\r\n")
    shell.stop_reading()
    started = time.monotonic()
    assert shell.wait(END) == 0
    assert time.monotonic() - started < END
    assert cloud.stops(cloud.session()) == 1
