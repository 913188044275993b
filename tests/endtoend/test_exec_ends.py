"""``connector exec``: signals, keys and closed readers end a command; refusals."""

from __future__ import annotations

import signal
from dataclasses import replace

import pytest

from .cloud import AGENT, START
from .commands import CONNECTOR, END
from .executing import INTERACTIVE, SEPARATE, Exec, given
from .failing import check
from .terminals import Terminal
from .waiting import eventually


def test_reader_that_closes_ends_the_command(execute: Exec) -> None:
    execute.cloud.behave(replace(AGENT, execute_as=SEPARATE))
    process = execute.commands.start(*execute.words("yes"))
    assert process.reader.exactly(4) == b"y\ny\n"
    process.stop_reading()
    assert process.wait(END) == 0
    assert process.stderr() == ""


@pytest.mark.parametrize(
    ("number", "exit_code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGHUP, 129)]
)
def test_signal_ends_the_command(execute: Exec, number: signal.Signals, exit_code: int) -> None:
    execute.cloud.behave(replace(AGENT, execute_as=SEPARATE))
    process = execute.commands.start(*execute.words("sh", "-c", "echo ready; exec sleep 600"))
    process.reader.until(b"ready\n")
    process.signal(number)
    assert process.wait(END) == exit_code
    assert execute.cloud.stops(execute.cloud.session()) == 1


def test_keys_of_a_terminal_go_to_a_command_with_terminal(execute: Exec) -> None:
    execute.cloud.behave(replace(AGENT, execute_as=INTERACTIVE))
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
    execute.cloud.behave(replace(AGENT, execute_as=INTERACTIVE))
    with Terminal(24, 80) as terminal:
        words = execute.words("sh", "-c", "echo ready; exec sleep 600")
        process = terminal.start(execute.commands, *words)
        assert terminal.reader.until(b"ready\r\n") == b"ready\r\n"
        eventually(lambda: terminal.is_raw, "raw mode")
        terminal.type(b"\x03")
        assert process.wait(END) == 130
        assert terminal.reader.rest() == b"^C"


def test_ctrl_c_ends_the_connector_if_the_command_has_no_terminal(execute: Exec) -> None:
    execute.cloud.behave(replace(AGENT, execute_as=SEPARATE))
    with Terminal(24, 80) as terminal:
        before = terminal.modes()
        script = "echo ready; exec sleep 600"
        process = terminal.start(execute.commands, *execute.words("sh", "-c", script))
        terminal.reader.until(b"ready\r\n")
        assert terminal.modes() == before
        terminal.type(b"\x03")
        assert process.wait(END) == 130
        assert terminal.modes() == before


def test_too_long_command_is_refused_before_the_api_is_called(execute: Exec) -> None:
    process = execute.commands.start(*execute.words("sh", "-c", "x" * 256))
    check(process, 78, "Argument 2 of the command is 256 characters long", "1 to 255")
    assert execute.cloud.count(START) == 0


def test_no_start_leaves_a_stopped_environment_stopped(execute: Exec) -> None:
    execute.cloud.stopped(start_seconds=0.1)
    words = [*CONNECTOR, "exec", "--no-start", execute.cloud.host, "--", "true"]
    check(execute.commands.start(*words), 75, "is STOPPED", "connector start")


def test_encrypted_session_is_refused(execute: Exec) -> None:
    execute.cloud.behave(replace(AGENT, kms_key_id="arn:aws:kms:eu-west-1:1:key/2"))
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
