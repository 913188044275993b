"""``connector exec``: a command's output, exit status and input, in each mode."""

from __future__ import annotations

import hashlib
import os
import random
import select
import shutil
import signal
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from connector.emulator.agent.behaviour import REAL, ExecuteAs

from .cloud import START, Cloud
from .commands import CONNECTOR, END, Answer, Commands
from .failing import check
from .terminals import Terminal
from .waiting import eventually

INTERACTIVE, JOINED, SEPARATE = ExecuteAs.INTERACTIVE, ExecuteAs.JOINED, ExecuteAs.SEPARATE

#: A connector that spends ten minutes in one step of its end.
PATIENT = """\
import sys
from connector.transport import lifecycle
lifecycle.DRAIN_TIMEOUT = lifecycle.END_TIMEOUT = 600.0
from connector.__main__ import main
sys.exit(main())
"""

#: A connector that gives the agent 3 s instead of 8 s to open the session.
IMPATIENT = """\
import sys
from connector.transport import lifecycle
assert lifecycle.AGENT_TIMEOUT == 8.0
lifecycle.AGENT_TIMEOUT = 3.0
from connector.__main__ import main
sys.exit(main())
"""

#: An agent whose service does not report the end of the session.
NEVER_CLOSING = replace(
    REAL, execute_as=ExecuteAs.INTERACTIVE, message_interval=0.0, close_delay=600.0
)

#: All bytes, and sequences that the agent's UTF-8 decoding damages.
BINARY = random.Random(5).randbytes(300_000) + bytes(range(256)) + b"\xef\xbf\xbd\xef\xbf"


class Exec:
    """Runs ``connector exec`` with commands of one kind."""

    def __init__(self, commands: Commands, cloud: Cloud) -> None:
        self.commands = commands
        self.cloud = cloud

    def words(self, *command: str) -> list[str]:
        return [*CONNECTOR, "exec", self.cloud.host, "--", *command]

    def run(self, kind: ExecuteAs, *command: str, input: bytes = b"") -> Answer:
        self.cloud.behave(replace(REAL, execute_as=kind, message_interval=0.0))
        return self.commands.run(*self.words(*command), input=input)


@pytest.fixture
def execute(commands: Commands, cloud: Cloud) -> Exec:
    return Exec(commands, cloud)


def given(answer: Answer) -> tuple[int, bytes, bytes]:
    return answer.returncode, answer.stdout, answer.stderr


# Output


KINDS = pytest.mark.parametrize("kind", ExecuteAs, ids=lambda kind: kind.name)


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


@KINDS
@pytest.mark.parametrize(
    "output",
    [b"no line end", b"\r\n\r", b"\xff", "\N{REPLACEMENT CHARACTER}".encode(), b"\x04\x03\x1c"],
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
    execute.cloud.behave(replace(REAL, execute_as=INTERACTIVE))
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
    execute.cloud.behave(replace(REAL, execute_as=SEPARATE, message_interval=0.0))
    words = execute.words("sh", "-c", "seq 30000 >&2; echo out")
    late = '"$@" 2>&1 | (sleep 1; cat)'
    text = execute.commands.run("/bin/sh", "-c", late, "sh", *words).stdout
    errors = text.replace(b"out\n", b"")  # whole, at any position
    assert list(map(int, errors.split())) == list(range(1, 30_001))
    assert len(text) == len(errors) + len(b"out\n")


def test_unread_errors_do_not_block_a_signal(execute: Exec) -> None:
    execute.cloud.behave(replace(REAL, execute_as=SEPARATE, message_interval=0.0))
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


@pytest.mark.parametrize("kind", ExecuteAs, ids=lambda kind: kind.name)
def test_command_without_output_succeeds(execute: Exec, kind: ExecuteAs) -> None:
    assert given(execute.run(kind, "true")) == (0, b"", b"")


def test_command_may_be_silent_longer_than_the_agent_timeout(execute: Exec) -> None:
    execute.cloud.behave(replace(REAL, execute_as=INTERACTIVE))
    words = execute.words("sh", "-c", "sleep 4; echo done")[len(CONNECTOR) :]
    answer = execute.commands.run(sys.executable, "-c", IMPATIENT, *words)
    assert given(answer) == (0, b"done\n", b"")


# Exit status


@KINDS
@pytest.mark.parametrize(
    ("script", "status"),
    [("exit 0", 0), ("exit 1", 1), ("exit 255", 255), ("kill -9 $$", 137), ("kill $$", 143)],
)
def test_exit_status_is_that_of_the_command(
    execute: Exec, kind: ExecuteAs, script: str, status: int
) -> None:
    assert given(execute.run(kind, "sh", "-c", script)) == (status, b"", b"")


@KINDS
@pytest.mark.parametrize("program", ["no-such-program", "./no such", "eval"])
def test_missing_command_ends_with_127(execute: Exec, kind: ExecuteAs, program: str) -> None:
    answer = execute.run(kind, program)
    assert (answer.returncode, answer.stdout) == (127, b"")
    assert program.encode() in answer.stderr
    assert b"connector: " not in answer.stderr


@KINDS
def test_session_that_ends_without_a_status_is_an_error(execute: Exec, kind: ExecuteAs) -> None:
    execute.cloud.behave(replace(REAL, execute_as=kind, message_interval=0.0))
    # The agent waits for the leader of the session.
    script = "kill -9 $(ps -o sid= -p $$)"
    answer = execute.commands.run(*execute.words("sh", "-c", script))
    assert answer.returncode == (255 if kind is SEPARATE else 69)
    if kind is not SEPARATE:
        assert b"without the exit status of the command" in answer.stderr


# Input


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
    execute.cloud.behave(replace(REAL, execute_as=INTERACTIVE))
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
    execute.cloud.behave(replace(REAL, execute_as=INTERACTIVE))
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
    execute.cloud.behave(replace(REAL, execute_as=kind))
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
    script = "echo first; sleep 3; echo last"
    assert execute.run(SEPARATE, "sh", "-c", script).stdout == b"first\nlast\n"


# End


def test_reader_that_closes_ends_the_command(execute: Exec) -> None:
    execute.cloud.behave(replace(REAL, execute_as=SEPARATE))
    process = execute.commands.start(*execute.words("yes"))
    assert process.reader.exactly(4) == b"y\ny\n"
    process.stop_reading()
    assert process.wait(END) == 0
    assert process.stderr() == ""


@pytest.mark.parametrize(
    ("number", "exit_code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGHUP, 129)]
)
def test_signal_ends_the_command(execute: Exec, number: signal.Signals, exit_code: int) -> None:
    execute.cloud.behave(replace(REAL, execute_as=SEPARATE))
    process = execute.commands.start(*execute.words("sh", "-c", "echo ready; exec sleep 600"))
    process.reader.until(b"ready\n")
    process.signal(number)
    assert process.wait(END) == exit_code
    assert execute.cloud.stops(execute.cloud.session()) == 1


def test_keys_of_a_terminal_go_to_a_command_with_terminal(execute: Exec) -> None:
    execute.cloud.behave(replace(REAL, execute_as=INTERACTIVE))
    script = (
        "trap 'echo interrupted' INT; stty size; until read -r line; do :; done; echo \"<$line>\"; "
        "exit 6"
    )
    with Terminal(31, 97) as terminal:
        before = terminal.modes()
        process = terminal.start(execute.commands, *execute.words("sh", "-c", script))
        terminal.reader.until(b" ")
        eventually(lambda: terminal.is_raw, "raw mode")
        terminal.type(b"\x03")
        terminal.reader.until(b"interrupted\r\n")
        terminal.type(b"word\r")
        terminal.reader.until(b"<word>\r\n")
        assert process.wait() == 6
        assert terminal.modes() == before


def test_interrupted_terminal_command_ends_with_130(execute: Exec) -> None:
    execute.cloud.behave(replace(REAL, execute_as=INTERACTIVE))
    with Terminal(24, 80) as terminal:
        words = execute.words("sh", "-c", "echo ready; exec sleep 600")
        process = terminal.start(execute.commands, *words)
        assert terminal.reader.until(b"ready\r\n") == b"ready\r\n"
        eventually(lambda: terminal.is_raw, "raw mode")
        terminal.type(b"\x03")
        assert process.wait(END) == 130
        assert terminal.reader.rest() == b"^C"


def test_ctrl_c_ends_the_connector_if_the_command_has_no_terminal(execute: Exec) -> None:
    execute.cloud.behave(replace(REAL, execute_as=SEPARATE))
    with Terminal(24, 80) as terminal:
        before = terminal.modes()
        script = "echo ready; exec sleep 600"
        process = terminal.start(execute.commands, *execute.words("sh", "-c", script))
        terminal.reader.until(b"ready\r\n")
        assert terminal.modes() == before
        terminal.type(b"\x03")
        assert process.wait(END) == 130
        assert terminal.modes() == before


# Refusals


def test_too_long_command_is_refused_before_the_api_is_called(execute: Exec) -> None:
    process = execute.commands.start(*execute.words("sh", "-c", "x" * 256))
    check(process, 78, "Argument 2 of the command is 256 characters long", "1 to 255")
    assert execute.cloud.count(START) == 0


def test_no_start_leaves_a_stopped_environment_stopped(execute: Exec) -> None:
    execute.cloud.stopped(start_seconds=0.1)
    words = [*CONNECTOR, "exec", "--no-start", execute.cloud.host, "--", "true"]
    check(execute.commands.start(*words), 75, "is STOPPED", "connector start")


def test_encrypted_session_is_refused(execute: Exec) -> None:
    execute.cloud.behave(replace(REAL, kms_key_id="arn:aws:kms:eu-west-1:1:key/2"))
    process = execute.commands.start(*execute.words("true"))
    check(process, 76, "must be encrypted with a KMS key", "Use ssh")


@pytest.mark.parametrize("words", [[], ["--"]])
def test_missing_command_is_wrong_usage(execute: Exec, words: list[str]) -> None:
    answer = execute.commands.run(*CONNECTOR, "exec", execute.cloud.host, *words)
    assert answer.returncode == 2
    assert b"the command to run is missing: put it after a --" in answer.stderr


@pytest.mark.parametrize("words", [["ls"], ["ls", "-l"], ["-l"]])
def test_command_without_dashes_gets_a_hint(execute: Exec, words: list[str]) -> None:
    answer = execute.commands.run(*CONNECTOR, "exec", execute.cloud.host, *words)
    assert answer.returncode == 2
    assert b"put the command to run after a --" in answer.stderr


def test_options_after_the_dashes_belong_to_the_command(execute: Exec) -> None:
    answer = execute.run(SEPARATE, "printf", "%s ", "--no-start", "--help", "--")
    assert given(answer) == (0, b"--no-start --help -- ", b"")
