"""``connector exec``: the input of a command, and what it needs of the far end."""

from __future__ import annotations

import os
import shutil
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from connector.emulator.agent.behaviour import ExecuteAs

from .cloud import AGENT
from .commands import CONNECTOR, END
from .executing import BINARY, INTERACTIVE, JOINED, KINDS, SEPARATE, Exec, given

#: A connector that spends ten minutes in one step of its end.
PATIENT = """\
import sys
from connector.transport import lifecycle
lifecycle.DRAIN_TIMEOUT = lifecycle.END_TIMEOUT = 600.0
from connector.__main__ import main
sys.exit(main())
"""

#: An agent whose service does not report the end of the session.
NEVER_CLOSING = replace(
    AGENT, execute_as=ExecuteAs.INTERACTIVE, message_interval=0.0, close_delay=600.0
)


@pytest.mark.parametrize("data", [b"", b"x", b"one\ntwo", BINARY, b"\x04\x03.\n"], ids=len)
def test_terminal_command_gets_stdin_byte_for_byte(
    execute: Exec, data: bytes, tmp_path: Path
) -> None:
    file = tmp_path / "input"
    answer = execute.run(INTERACTIVE, "tee", str(file), input=data)
    assert answer.stdout == data
    assert file.read_bytes() == data
    assert (answer.returncode, answer.stderr) == (0, b"")


def test_unread_input_does_not_delay_the_end(execute: Exec) -> None:
    answer = execute.run(INTERACTIVE, "sh", "-c", "exit 5", input=bytes(2_000_000))
    assert given(answer) == (5, b"", b"")


def test_command_exits_while_stdin_stays_open(execute: Exec) -> None:
    execute.cloud.behave(replace(AGENT, execute_as=INTERACTIVE))
    process = execute.commands.start(*execute.words("sh", "-c", "echo done; exit 5"))
    assert process.wait() == 5
    assert process.reader.rest() == b"done\n"


def test_exited_command_does_not_wait_for_its_unread_input(execute: Exec) -> None:
    execute.cloud.behave(NEVER_CLOSING)
    words = [sys.executable, "-c", PATIENT, *execute.words("sh", "-c", "exit 5")[len(CONNECTOR) :]]
    script = 'yes | head -c 20000000 | "$@"'
    process = execute.commands.start("/bin/sh", "-c", script, "sh", *words)
    assert process.wait() == 5
    assert process.stderr() == ""


def test_stdin_is_not_read_after_the_command_has_exited(execute: Exec) -> None:
    execute.cloud.behave(NEVER_CLOSING)
    reading, writing = os.pipe()
    try:
        words = execute.words("sh", "-c", "read -r line; exit 5")
        process = execute.commands.start(*words, stdin=reading)
        os.write(writing, b"line\n")
        execute.commands.wait_for_log("the command has exited with status 5")
        os.write(writing, b"next line\n")
        assert process.wait() == 5
        assert os.read(reading, 100) == b"next line\n"
    finally:
        os.close(reading)
        os.close(writing)


def test_reader_of_one_line_ends_the_command(execute: Exec) -> None:
    execute.cloud.behave(replace(AGENT, execute_as=INTERACTIVE))
    process = execute.commands.start(*execute.words("yes"))
    assert process.reader.exactly(4) == b"y\ny\n"
    process.stop_reading()
    assert process.wait(END) == 0
    assert process.stderr() == ""


def _with_programs(monkeypatch: pytest.MonkeyPatch, directory: Path, *names: str) -> None:
    """Give the far end these programs only."""
    directory.mkdir()
    for name in names:
        path = shutil.which(name)
        assert path
        (directory / name).symlink_to(path)
    monkeypatch.setenv("PATH", str(directory))


@KINDS
def test_far_end_without_base64_is_reported(
    execute: Exec, kind: ExecuteAs, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _with_programs(monkeypatch, tmp_path / "bin", "sh", "stty", "dd", "tr", "cat")
    answer = execute.run(kind, "sh", "-c", "echo out; echo err >&2; cat; exit 3", input=b"in")
    assert (answer.returncode, answer.stdout) == (3, b"out\nerr\n")
    assert answer.stderr.count(b"\n") == 1
    assert b"has no base64: the command gets no input, its errors come on stdout" in answer.stderr


def test_far_end_without_stty_is_reported(
    execute: Exec, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _with_programs(monkeypatch, tmp_path / "bin", "sh", "base64", "dd", "tr", "cat")
    script = "echo out; echo err >&2; cat; exit 3"
    answer = execute.run(INTERACTIVE, "sh", "-c", script, input=b"in")
    assert (answer.returncode, answer.stdout) == (3, b"out\n")
    assert b"has no stty: the command gets no input\n" in answer.stderr
    assert answer.stderr.endswith(b"\nerr\n")


def test_far_end_without_sh_is_reported(
    execute: Exec, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _with_programs(monkeypatch, tmp_path / "bin", "cat")
    answer = execute.run(INTERACTIVE, "cat")
    assert (answer.returncode, answer.stdout) == (69, b"")
    assert b"sh: not found" in answer.stderr
    assert b"The command was not started" in answer.stderr


@pytest.mark.parametrize("kind", [JOINED, SEPARATE], ids=lambda kind: kind.name)
def test_input_for_a_session_without_input_is_reported(execute: Exec, kind: ExecuteAs) -> None:
    answer = execute.run(kind, "cat", input=b"input")
    assert (answer.returncode, answer.stdout) == (0, b"")
    assert answer.stderr.count(b"\n") == 1
    assert b"This session has no input" in answer.stderr


@pytest.mark.parametrize("kind", [JOINED, SEPARATE], ids=lambda kind: kind.name)
def test_command_without_terminal_leaves_local_input_unread(execute: Exec, kind: ExecuteAs) -> None:
    """``while read line; do connector exec ...; done`` reads all lines."""
    reading, writing = os.pipe()
    os.write(writing, b"next line\n\x03")
    execute.cloud.behave(replace(AGENT, execute_as=kind))
    try:
        process = execute.commands.start(
            *execute.words("sh", "-c", "sleep 0.3; echo done"), stdin=reading
        )
        assert process.reader.rest() == b"done\n"
        assert process.wait() == 0
        assert os.read(reading, 100) == b"next line\n\x03"
    finally:
        os.close(reading)
        os.close(writing)


def test_ended_input_does_not_end_a_slow_command(execute: Exec) -> None:
    script = "echo first; sleep 2.3; echo last"
    assert execute.run(SEPARATE, "sh", "-c", script).stdout == b"first\nlast\n"
