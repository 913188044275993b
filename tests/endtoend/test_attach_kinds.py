"""``connector attach`` to a session of each type: its end, and the terminal's state."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from connector.emulator.agent.behaviour import ExecuteAs
from connector.emulator.faults.plans import At, Close, FaultPlan

from .cloud import AGENT, Cloud
from .commands import CONNECTOR, END, Commands
from .targets import GREETING, TcpService, greeting_echo
from .terminals import Terminal
from .waiting import eventually

INTERACTIVE, JOINED, SEPARATE = ExecuteAs.INTERACTIVE, ExecuteAs.JOINED, ExecuteAs.SEPARATE


class Attach:
    """Runs ``connector attach`` against sessions of a type."""

    def __init__(self, commands: Commands, cloud: Cloud, directory: Path) -> None:
        self.commands = commands
        self.cloud = cloud
        self._file = directory / "session.json"

    def words(self, *command: str, kind: ExecuteAs = INTERACTIVE, shell: bool = False) -> list[str]:
        self.cloud.behave(replace(AGENT, execute_as=kind, message_interval=0.0))
        self._file.write_text(json.dumps(self.cloud.start_session(*command, shell=shell)))
        return [*CONNECTOR, "attach", "--session-file", str(self._file)]

    def stop(self) -> None:
        """Stop the session that ``attach`` leaves, because it has no access to the API."""
        self.cloud.stop_session(self.cloud.session())


@pytest.fixture
def attach(commands: Commands, cloud: Cloud, tmp_path: Path) -> Attach:
    return Attach(commands, cloud, tmp_path)


@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        (INTERACTIVE, (0, b"out\r\nerr\r\n", b"")),
        (JOINED, (0, b"out\nerr\n", b"")),
        (SEPARATE, (3, b"out\n", b"err\n")),
    ],
    ids=lambda value: getattr(value, "name", ""),
)
def test_command_silent_beyond_quiet_timeout_ends_with_its_status(
    attach: Attach, kind: ExecuteAs, expected: tuple[int, bytes, bytes]
) -> None:
    script = "sleep 2.3; echo out; echo err >&2; exit 3"
    answer = attach.commands.run(*attach.words("sh", "-c", script, kind=kind))
    assert (answer.returncode, answer.stdout, answer.stderr) == expected
    assert attach.cloud.session().end_reason == "The agent ended the session"


def test_session_opens_before_the_command_prints(attach: Attach, tmp_path: Path) -> None:
    may_go_on = tmp_path / "go"
    script = f"until [ -e {may_go_on} ]; do sleep 0.05; done"
    process = attach.commands.start(*attach.words("sh", "-c", script))
    attach.commands.wait_for_log("session open")
    may_go_on.touch()
    assert process.wait(END) == 0
    assert process.reader.rest() == b""
    assert process.stderr() == ""


@pytest.mark.parametrize("kind", ExecuteAs, ids=lambda kind: kind.name)
def test_command_without_output_succeeds(attach: Attach, kind: ExecuteAs) -> None:
    answer = attach.commands.run(*attach.words("true", kind=kind))
    assert (answer.returncode, answer.stdout, answer.stderr) == (0, b"", b"")


def test_port_without_output_is_an_error(attach: Attach) -> None:
    with TcpService(lambda connection: None) as service:
        attach.cloud.port = service.port
        answer = attach.commands.run(*attach.words())
    assert (answer.returncode, answer.stdout) == (69, b"")
    assert b"The service closed the session before the first byte of output" in answer.stderr


def test_session_closed_before_the_agent_speaks_is_an_error(
    attach: Attach,
) -> None:
    words = attach.words("sleep", "600")
    close = Close(At(seconds=0.5), "")
    gateway = attach.cloud.gateway
    gateway.behaviour = replace(gateway.behaviour, faults=FaultPlan((close,)))
    answer = attach.commands.run(*words)
    assert (answer.returncode, answer.stdout) == (69, b"")
    assert b"The service closed the session before the first byte of output" in answer.stderr


def test_command_reads_stdin_to_its_end(attach: Attach) -> None:
    script = "stty -echo; echo ready; sort; echo done"
    answer = attach.commands.run(*attach.words("sh", "-c", script), input=b"b\na")
    assert answer.returncode == 0
    assert answer.stdout.endswith(b"a\r\nb\r\ndone\r\n")


def test_shell_runs_piped_lines_until_it_ends(attach: Attach) -> None:
    lines = b"sleep 2.3\necho a$((40+2))b"
    answer = attach.commands.run(*attach.words(shell=True), input=lines)
    assert (answer.returncode, answer.stderr) == (0, b"")
    assert b"a42b" in answer.stdout


def test_shell_makes_terminal_raw_and_follows_its_size(attach: Attach) -> None:
    with Terminal(31, 97) as terminal:
        before = terminal.modes()
        process = terminal.start(attach.commands, *attach.words(shell=True))
        eventually(lambda: terminal.is_raw, "raw mode")
        terminal.type(b"echo a$((40+2))b; stty size\r")
        terminal.reader.until(b"a42b\r\n")
        terminal.reader.until(b"31 97\r\n")
        terminal.resize(20, 61)
        terminal.type(b"until stty size | grep '20 6[1]'; do sleep 0.05; done\r")
        terminal.reader.until(b"20 61\r\n")
        terminal.type(b"\rexit\r")
        assert process.wait(END) == 0
        assert terminal.modes() == before


def test_escape_ends_shell_and_restores_terminal(attach: Attach) -> None:
    with Terminal(24, 80) as terminal:
        before = terminal.modes()
        process = terminal.start(attach.commands, *attach.words(shell=True))
        eventually(lambda: terminal.is_raw, "raw mode")
        terminal.type(b"\r~.")
        assert process.wait(END) == 0
        assert "Ended by ~." in process.stderr()
        assert terminal.modes() == before
    attach.stop()


def test_keys_go_to_interactive_command(attach: Attach) -> None:
    script = "trap 'echo interrupted' INT; echo ready; until read -r x; do :; done; echo \"<$x>\""
    with Terminal(24, 80) as terminal:
        process = terminal.start(attach.commands, *attach.words("sh", "-c", script))
        eventually(lambda: terminal.is_raw, "raw mode")
        terminal.reader.until(b"ready\r\n")
        terminal.type(b"\x03")
        terminal.reader.until(b"interrupted\r\n")
        terminal.type(b"word\r")
        terminal.reader.until(b"<word>\r\n")
        assert process.wait(END) == 0


def test_ctrl_c_ends_command_without_terminal(attach: Attach) -> None:
    with Terminal(24, 80) as terminal:
        before = terminal.modes()
        words = attach.words("sh", "-c", "echo ready; exec sleep 600", kind=SEPARATE)
        process = terminal.start(attach.commands, *words)
        terminal.reader.until(b"ready\r\n")
        assert terminal.modes() == before
        terminal.type(b"\x03")
        assert process.wait(END) == 130
        assert terminal.modes() == before
    attach.stop()


def test_terminal_keeps_its_modes_for_a_port(attach: Attach) -> None:
    with TcpService(greeting_echo) as service, Terminal(24, 80) as terminal:
        attach.cloud.port = service.port
        before = terminal.modes()
        process = terminal.start(attach.commands, *attach.words())
        terminal.reader.until(GREETING.rstrip())
        assert terminal.modes() == before
        terminal.type(b"~.word\n\x04")
        assert process.wait(END) == 0
        assert terminal.reader.rest().count(b"~.word") == 2  # typed, and echoed by the port
