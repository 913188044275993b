"""``connector shell`` without a terminal: what is piped in is typed, and its end as well."""

from __future__ import annotations

import time

import pytest

from .cloud import Cloud
from .commands import CONNECTOR, END, Commands, Process


@pytest.fixture
def shell(commands: Commands, cloud: Cloud) -> Process:
    return commands.start(*CONNECTOR, "shell", cloud.host)


def ends(process: Process) -> str:
    """Its whole output, once it has ended as it should."""
    output = process.reader.rest().decode()
    assert (process.wait(), process.stderr()) == (0, "")
    return output


def test_commands_are_run_and_their_end_ends_it(shell: Process, cloud: Cloud) -> None:
    shell.send(b"echo a$((40+2))b\n")
    shell.end_input()
    assert "\na42b\r\n" in ends(shell).replace("\x1b[?2004l\r", "\n")
    assert cloud.session().end_reason == "The agent ended the session"


def test_a_friendly_name_will_do(commands: Commands, cloud: Cloud) -> None:
    cloud.environment.alias = "my-env"
    process = commands.start(*CONNECTOR, "shell", "my-env")
    process.send(b"echo a$((40+2))b\n")
    process.end_input()
    assert "a42b\r\n" in ends(process)
    answer = commands.run(*CONNECTOR, "exec", "my-env", "--", "echo", "a b")
    assert (answer.returncode, answer.stdout) == (0, b"a b\n")


def test_a_last_line_needs_no_end(shell: Process) -> None:
    shell.send(b"echo a$((40+2))b")
    shell.end_input()
    assert "a42b\r\n" in ends(shell)


def test_nothing_at_all(shell: Process) -> None:
    shell.end_input()
    assert "logout" in ends(shell)


def test_the_window_is_wide_where_there_is_none(shell: Process) -> None:
    shell.send(b"stty size\n")
    shell.end_input()
    assert "100 300\r\n" in ends(shell)


def test_what_still_works_when_the_input_ends_has_its_time(shell: Process) -> None:
    shell.send(b"sleep 3; echo a$((40+2))b\n")
    shell.end_input()
    assert "a42b\r\n" in ends(shell)


def test_an_end_that_comes_while_a_command_runs_is_the_shells_too(shell: Process) -> None:
    """It is typed while the terminal is not the shell's, and lost to it."""
    shell.send(b"echo a$((40+1))b; sleep 1.5; echo a$((40+2))b\n")
    shell.reader.until(b"a41b\r\n")
    shell.send(b"echo a$((40+3))b\n")
    shell.end_input()
    output = ends(shell)
    assert "a42b\r\n" in output
    assert "a43b\r\n" in output


def test_an_end_that_a_command_takes_is_the_shells_too(shell: Process) -> None:
    shell.send(b"cat; cat; echo a$((40+2))b\n")
    shell.end_input()
    output = ends(shell)
    assert "a42b\r\n" in output
    assert "\x04" not in output  # as a character among others


def test_a_reader_that_goes_away_ends_it(shell: Process, cloud: Cloud) -> None:
    shell.send(b"echo a$((40+1))b; yes\n")
    shell.reader.until(b"a41b\r\n")
    shell.stop_reading()
    started = time.monotonic()
    assert shell.wait(END) == 0
    assert time.monotonic() - started < END
    assert cloud.stops(cloud.session()) == 1
