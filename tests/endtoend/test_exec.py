"""``connector exec``: a command's output, errors and exit status, in each mode."""

from __future__ import annotations

import hashlib
import os
import select
import signal
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from connector.emulator.agent.behaviour import REAL, ExecuteAs

from .cloud import AGENT
from .commands import CONNECTOR, END
from .executing import BINARY, INTERACTIVE, JOINED, KINDS, SEPARATE, Exec, given
from .waiting import eventually

#: A connector that gives the agent 3 s instead of 8 s to open the session.
IMPATIENT = """\
import sys
from connector.transport import lifecycle
assert lifecycle.AGENT_TIMEOUT == 8.0
lifecycle.AGENT_TIMEOUT = 3.0
from connector.__main__ import main
sys.exit(main())
"""


@KINDS
def test_output_errors_and_status_are_those_of_the_command(execute: Exec, kind: ExecuteAs) -> None:
    answer = execute.run(kind, "sh", "-c", "echo out; echo err >&2; exit 3")
    assert given(answer) == (3, b"out\n", b"err\n")
    assert execute.cloud.session().end_reason == "The agent ended the session"


@KINDS
def test_binary_output_arrives_byte_for_byte(
    execute: Exec, kind: ExecuteAs, tmp_path: Path
) -> None:
    file = tmp_path / "binary"
    file.write_bytes(BINARY)
    answer = execute.run(kind, "cat", str(file))
    assert hashlib.sha256(answer.stdout).digest() == hashlib.sha256(BINARY).digest()
    assert (answer.returncode, answer.stderr) == (0, b"")


@pytest.mark.parametrize(
    ("kind", "output"),
    [
        *(
            (INTERACTIVE, output)
            for output in (b"no line end", b"\r\n\r", b"\xff", b"\xef\xbf\xbd", b"\x04\x03\x1c")
        ),
        (JOINED, b"\xff"),
        (SEPARATE, b"\xff"),
    ],
    ids=repr,
)
def test_short_output_arrives_byte_for_byte(
    execute: Exec, kind: ExecuteAs, output: bytes, tmp_path: Path
) -> None:
    file = tmp_path / "output"
    file.write_bytes(output)
    assert given(execute.run(kind, "cat", str(file))) == (0, output, b"")


@KINDS
def test_output_that_looks_like_a_marker_is_output(execute: Exec, kind: ExecuteAs) -> None:
    text = f"<{'0' * 32}:B><{'0' * 32}:0>{{YWJj}}"
    assert given(execute.run(kind, "sh", "-c", f"echo '{text}'; exit 4")) == (
        4,
        f"{text}\n".encode(),
        b"",
    )


def test_output_arrives_while_the_command_runs(execute: Exec) -> None:
    execute.cloud.behave(replace(AGENT, execute_as=INTERACTIVE))
    script = 'printf prompt; read -r line; printf %s "$line" >&2; read -r line'
    process = execute.commands.start(*execute.words("sh", "-c", script))
    assert process.reader.exactly(6) == b"prompt"
    process.send(b"answer\n")
    eventually(lambda: process.stderr() == "answer", "the errors")
    process.end_input()
    assert process.wait() == 1


def test_long_output_and_errors_arrive_together(execute: Exec) -> None:
    answer = execute.run(SEPARATE, "sh", "-c", "seq 5000 & seq 7000 >&2; wait")
    assert list(map(int, answer.stdout.split())) == list(range(1, 5_001))
    assert list(map(int, answer.stderr.split())) == list(range(1, 7_001))


def test_output_and_errors_in_one_slow_pipe_are_whole(execute: Exec) -> None:
    execute.cloud.behave(replace(AGENT, execute_as=SEPARATE, message_interval=0.0))
    words = execute.words("sh", "-c", "seq 16000 >&2; echo out")
    late = '"$@" 2>&1 | (sleep 1; cat)'
    text = execute.commands.run("/bin/sh", "-c", late, "sh", *words).stdout
    errors = text.replace(b"out\n", b"")  # whole, at any position
    assert list(map(int, errors.split())) == list(range(1, 16_001))  # more than a pipe holds
    assert len(text) == len(errors) + len(b"out\n")


def test_unread_errors_do_not_block_a_signal(execute: Exec) -> None:
    execute.cloud.behave(replace(AGENT, execute_as=SEPARATE, message_interval=0.0))
    reading, writing = os.pipe()
    try:
        process = execute.commands.start(*execute.words("sh", "-c", "yes >&2"), stderr=writing)
        eventually(lambda: not select.select([], [writing], [], 0)[1], "a full pipe")
        process.signal(signal.SIGTERM)
        assert process.wait(END) == 143
    finally:
        os.close(reading)
        os.close(writing)


def test_arguments_arrive_unchanged(execute: Exec) -> None:
    arguments = ["a b", "$HOME", "*", "'", '"', "\\", "-x", "--", "\u20ac", "a\nb"]
    answer = execute.run(SEPARATE, "printf", "%s|", *arguments)
    assert answer.stdout.decode() == "".join(f"{argument}|" for argument in arguments)


@KINDS
def test_command_without_output_succeeds(execute: Exec, kind: ExecuteAs) -> None:
    assert given(execute.run(kind, "true")) == (0, b"", b"")


def test_command_may_be_silent_longer_than_the_agent_timeout(execute: Exec) -> None:
    execute.cloud.behave(replace(REAL, execute_as=INTERACTIVE))
    words = execute.words("sh", "-c", "sleep 4; echo done")[len(CONNECTOR) :]
    answer = execute.commands.run(sys.executable, "-c", IMPATIENT, *words)
    assert given(answer) == (0, b"done\n", b"")


@pytest.mark.parametrize(
    ("kind", "script", "status"),
    [
        (INTERACTIVE, "exit 255", 255),
        (INTERACTIVE, "kill -9 $$", 137),
        (INTERACTIVE, "kill $$", 143),
        (JOINED, "kill -9 $$", 137),
        (SEPARATE, "kill -9 $$", 137),
    ],
)
def test_exit_status_is_that_of_the_command(
    execute: Exec, kind: ExecuteAs, script: str, status: int
) -> None:
    assert given(execute.run(kind, "sh", "-c", script)) == (status, b"", b"")


@pytest.mark.parametrize(
    ("kind", "program"),
    [
        *((INTERACTIVE, program) for program in ("no-such-program", "./no such", "eval")),
        (JOINED, "no-such-program"),
        (SEPARATE, "no-such-program"),
    ],
)
def test_missing_command_ends_with_127(execute: Exec, kind: ExecuteAs, program: str) -> None:
    answer = execute.run(kind, program)
    assert (answer.returncode, answer.stdout) == (127, b"")
    assert program.encode() in answer.stderr
    assert b"connector: " not in answer.stderr


@KINDS
def test_session_that_ends_without_a_status_is_an_error(execute: Exec, kind: ExecuteAs) -> None:
    execute.cloud.behave(replace(AGENT, execute_as=kind, message_interval=0.0))
    # The agent waits for the leader of the session.
    script = "kill -9 $(ps -o sid= -p $$)"
    if kind is INTERACTIVE:
        script += "; sleep 60"  # until the terminal hangs up; or the shell might report a status
    answer = execute.commands.run(*execute.words("sh", "-c", script))
    assert answer.returncode == (255 if kind is SEPARATE else 69)
    if kind is not SEPARATE:
        assert b"without the exit status of the command" in answer.stderr
