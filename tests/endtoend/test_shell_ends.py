"""Every end of ``connector shell`` restores the terminal and leaves no session."""

from __future__ import annotations

import hashlib
import signal
import sys
from collections.abc import Iterator
from dataclasses import replace

import pytest

from connector.emulator.api.codecatalyst.model import Status
from connector.emulator.faults.plans import How
from connector.emulator.gateway.gateway import Rejoin

from .cloud import AGENT, START, Cloud
from .commands import CONNECTOR, END, Commands, Process
from .terminals import Terminal
from .waiting import eventually

#: A connector with a bug that the test triggers.
BUGGY = """\
import sys
from connector.transport import tunnel
write = tunnel.Tunnel.resize
def resize(self, columns, rows):
    if (columns, rows) == (77, 7):
        raise ZeroDivisionError
    write(self, columns, rows)
tunnel.Tunnel.resize = resize
from connector.__main__ import main
sys.exit(main())
"""


#: A connector on a system without a signal for a change of the window's size.
UNTOLD = """\
import signal, sys
del signal.SIGWINCH
from connector.__main__ import main
sys.exit(main())
"""


class Seat:
    """``connector shell`` on its own terminal."""

    def __init__(self, terminal: Terminal, commands: Commands, cloud: Cloud) -> None:
        self.terminal = terminal
        self._commands = commands
        self._cloud = cloud
        self.before = terminal.modes()

    def start(self, *command: str) -> Process:
        arguments = (*(command or CONNECTOR), "shell", self._cloud.host)
        return self.terminal.start(self._commands, *arguments)

    def open(self, *command: str) -> Process:
        """Start the shell and wait for its prompt."""
        process = self.start(*command)
        eventually(lambda: self.terminal.is_raw, "raw mode")
        self.terminal.type(b"PS1='far> '; echo a$((40+2))b\r")
        self.terminal.reader.until(b"a42b\r\n")
        return process

    def left(self, process: Process, exit_code: int, *words: str) -> None:
        """Check that the shell has ended, restored the terminal, and printed these lines only."""
        assert process.wait() == exit_code, process.stderr()
        assert self.terminal.modes() == self.before
        assert len(process.stderr().splitlines()) == len(words), process.stderr()
        for word in words:
            assert word in process.stderr()


@pytest.fixture
def seat(commands: Commands, cloud: Cloud) -> Iterator[Seat]:
    with Terminal(24, 80) as terminal:
        yield Seat(terminal, commands, cloud)


def test_exit_of_the_shell_ends_the_connector(seat: Seat, cloud: Cloud) -> None:
    process = seat.open()
    seat.terminal.type(b"exit 7\r")
    seat.left(process, 0)
    assert cloud.session().end_reason == "The agent ended the session"


def test_escape_ends_the_shell(seat: Seat, cloud: Cloud) -> None:
    process = seat.open()
    seat.terminal.type(b"~.")
    seat.left(process, 0, "Ended by ~.")
    assert cloud.stops(cloud.session()) == 1


def test_escape_ends_the_shell_while_the_far_end_hangs(seat: Seat, cloud: Cloud) -> None:
    process = seat.open()
    relay = cloud.gateway.relay(cloud.session().id)
    cloud.call(lambda: relay.cut(How.SILENCE))
    seat.terminal.type(b"ls\r~.")
    assert process.wait(END) == 0
    seat.left(process, 0, "Ended by ~.")


@pytest.mark.parametrize(
    ("number", "exit_code"),
    [(signal.SIGTERM, 143), (signal.SIGHUP, 129), (signal.SIGINT, 130), (signal.SIGQUIT, 131)],
    ids=lambda value: getattr(value, "name", str(value)),
)
def test_signal_ends_the_shell(
    seat: Seat, cloud: Cloud, number: signal.Signals, exit_code: int
) -> None:
    process = seat.open()
    process.signal(number)
    assert process.wait(END) == exit_code
    seat.left(process, exit_code)
    assert cloud.stops(cloud.session()) == 1


def test_signal_ends_a_stopped_process(seat: Seat) -> None:
    process = seat.open()
    process.signal(signal.SIGSTOP)
    process.signal(signal.SIGTERM)
    process.signal(signal.SIGCONT)
    seat.left(process, 143)


def test_keys_reach_the_shell_when_stdout_is_a_pipe(seat: Seat) -> None:
    process = seat.start("/bin/sh", "-c", '"$@" | cat', "sh", *CONNECTOR)
    eventually(lambda: seat.terminal.is_raw, "raw mode")
    seat.terminal.type(b"echo a$((40+2))b\r")
    seat.terminal.reader.until(b"a42b\r\n")
    seat.terminal.type(b"exit\r")
    seat.left(process, 0)


def test_size_is_polled_where_no_signal_reports_it(seat: Seat) -> None:
    process = seat.open(sys.executable, "-c", UNTOLD)
    seat.terminal.type(b"sh -c 'trap \"stty size; exit\" WINCH; echo b; while :; do :; done'\r")
    seat.terminal.reader.until(b"b\r\n")
    seat.terminal.resize(17, 79)
    seat.terminal.reader.until(b"17 79\r\n")
    seat.terminal.type(b"exit\r")
    seat.left(process, 0)


def test_paste_arrives_whole(seat: Seat) -> None:
    paste = b"".join(b"%04d ~. what is pasted in one go\n" % number for number in range(5000))
    process = seat.open()
    seat.terminal.type(b"stty -echo; echo b$((40+2))c; cat | sha256sum; stty echo\r")
    seat.terminal.reader.until(b"b42c\r\n")
    seat.terminal.type(paste + b"\x04")
    seat.terminal.reader.until(hashlib.sha256(paste).hexdigest().encode())
    seat.terminal.type(b"exit\r")
    seat.left(process, 0)


def test_shell_is_not_suspended_without_a_shell_to_resume_it(seat: Seat) -> None:
    process = seat.open()
    seat.terminal.type(b"~\x1aecho b$((40+2))c\r")
    seat.terminal.reader.until(b"b42c\r\n")
    assert seat.terminal.is_raw
    seat.terminal.type(b"exit\r")
    seat.left(process, 0)


def test_closed_terminal_ends_the_shell(seat: Seat, cloud: Cloud) -> None:
    process = seat.open()
    seat.terminal.hang_up()
    assert process.wait() == 129
    assert cloud.stops(cloud.session()) == 1


def test_ctrl_c_ends_a_start(seat: Seat, cloud: Cloud) -> None:
    """The terminal is not raw during a start, so Ctrl-C is a signal."""
    cloud.stopped(start_seconds=600)
    process = seat.start()
    cloud.wait_for_requests("StartDevEnvironment")
    assert not seat.terminal.is_raw
    seat.terminal.type(b"\x03")
    assert process.wait(END) == 130
    assert seat.terminal.modes() == seat.before
    assert cloud.sessions == []


def test_ctrl_c_ends_the_call_that_starts_the_session(seat: Seat, cloud: Cloud) -> None:
    cloud.misbehaviours.delay(START, 1.0)
    process = seat.start()
    cloud.wait_for_requests(START)
    seat.terminal.type(b"\x03")
    assert process.wait(END) == 130
    assert seat.terminal.modes() == seat.before


def test_session_stopped_by_another_caller_ends_the_shell(seat: Seat, cloud: Cloud) -> None:
    process = seat.open()
    cloud.stop_session(cloud.session())
    seat.left(process, 69, "The service closed the session: Stopped by an administrator")


def test_stopped_environment_ends_the_shell(seat: Seat, cloud: Cloud) -> None:
    process = seat.open()
    cloud.set_status(Status.STOPPED)
    assert process.wait() in (0, 69)
    assert seat.terminal.modes() == seat.before


def test_refused_rejoin_ends_the_shell(seat: Seat, cloud: Cloud) -> None:
    cloud.gateway.behaviour = replace(cloud.gateway.behaviour, rejoin=Rejoin.FORBIDDEN)
    process = seat.open()
    relay = cloud.gateway.relay(cloud.session().id)
    cloud.call(lambda: relay.cut(How.RESET))
    seat.left(process, 74, "refused to resume the session")


def test_internal_error_restores_the_terminal(seat: Seat) -> None:
    process = seat.open(sys.executable, "-c", BUGGY)
    seat.terminal.resize(7, 77)
    seat.left(process, 70, "Internal error (ZeroDivisionError)")


@pytest.mark.parametrize("how", [How.RESET, How.CLOSE], ids=["reset", "closed"])
def test_lost_link_is_replaced_silently(seat: Seat, cloud: Cloud, how: How) -> None:
    process = seat.open()
    relay = cloud.gateway.relay(cloud.session().id)
    old = relay.link
    assert cloud.call(lambda: relay.cut(how))
    eventually(lambda: relay.link not in (None, old), "another link")
    seat.terminal.type(b"echo b$((40+2))c\r")
    seat.terminal.reader.until(b"b42c\r\n")
    seat.terminal.type(b"exit\r")
    seat.left(process, 0)


def test_outage_and_its_end_are_reported(seat: Seat, cloud: Cloud) -> None:
    process = seat.open()
    assert cloud.call(lambda: cloud.gateway.restart(2.0))
    eventually(lambda: "reconnecting; ~. ends the session" in process.stderr(), "output")
    assert seat.terminal.is_raw
    eventually(lambda: "Connected again" in process.stderr(), "more output")
    seat.terminal.type(b"echo b$((40+2))c\r")
    seat.terminal.reader.until(b"b42c\r\n")
    seat.terminal.type(b"exit\r")
    seat.left(process, 0, "The connection is lost", "Connected again")


def test_encrypted_session_is_refused(seat: Seat, cloud: Cloud) -> None:
    cloud.behave(replace(AGENT, kms_key_id="arn:aws:kms:eu-west-1:1:key/2"))
    process = seat.start()
    seat.left(process, 76, "must be encrypted with a KMS key")


def test_stopped_environment_is_started(seat: Seat, cloud: Cloud) -> None:
    cloud.stopped(start_seconds=0.5)
    process = seat.open()
    seat.terminal.type(b"exit\r")
    assert process.wait() == 0
    assert seat.terminal.modes() == seat.before
    (line,) = process.stderr().splitlines()
    assert "is STOPPED" in line
    assert "ssh" not in line
