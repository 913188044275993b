"""With ControlPersist, ssh gives the connector no stderr; errors go to the terminal."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from connector.emulator.api.codecatalyst.model import Status
from connector.emulator.api.errors import AccessDeniedException

from .cloud import START, Cloud
from .commands import CONNECTOR, END, Commands, Process, Ssh
from .terminals import Terminal
from .waiting import PATIENCE

#: ssh's own words when its ProxyCommand ends, by the value of ProxyUseFdpass.
CLOSED = {"yes": b"proxy dialer did not pass back", "no": b"UNKNOWN port 65535"}


@pytest.fixture(params=list(CLOSED), ids=["fdpass", "pipes"])
def fdpass(request: pytest.FixtureRequest) -> str:
    value: str = request.param
    return value


class Sharing:
    """ssh with a shared connection, on a terminal.

    :ivar terminal: closed together with this object.
    """

    def __init__(self, ssh: Ssh, directory: Path, persist: str) -> None:
        self._ssh = ssh
        options = ("ControlMaster auto", f"ControlPath {directory}/%C", f"ControlPersist {persist}")
        self._options = [word for option in options for word in ("-o", option)]
        self.terminal = Terminal(24, 200)

    def words(self, *command: str) -> list[str]:
        return self._ssh.command("ssh", *self._options, self._ssh.host, *command)

    def start(self, *command: str, shell: str = 'exec "$@" 2>&1') -> Process:
        """Start ssh on the terminal.

        :param shell: a line of sh that calls ``"$@"``.
        """
        words = ("/bin/sh", "-c", shell, "sh", *self.words(*command))
        return self.terminal.start(self._ssh.commands, *words)

    def end_master(self) -> None:
        self._ssh.commands.run(*self.words("-O", "exit"))


@pytest.fixture
def sharing(ssh: Ssh, short_path: Path) -> Iterator[Sharing]:
    sharing = Sharing(ssh, short_path, "60")
    with sharing.terminal:
        yield sharing
        sharing.end_master()


def refuse(cloud: Cloud) -> None:
    cloud.misbehaviours.refuse(START, AccessDeniedException("No"), times=10)


def said(shown: bytes) -> list[bytes]:
    """Return the connector's lines on a terminal."""
    return [line for line in shown.split(b"\r\n") if line.startswith(b"connector: ")]


@pytest.mark.parametrize("persist", ["60", "yes", "no"])
def test_reason_appears_once_on_the_terminal(
    ssh: Ssh, cloud: Cloud, short_path: Path, fdpass: str, persist: str
) -> None:
    refuse(cloud)
    sharing = Sharing(ssh, short_path, persist)
    with sharing.terminal:
        process = sharing.start("true")
        shown = sharing.terminal.reader.rest()
        assert process.wait() == 255
    (line,) = said(shown)
    assert b"No" in line
    assert shown.index(line) < shown.index(CLOSED[fdpass])


def test_missing_login_appears_on_the_terminal(sharing: Sharing, ssh: Ssh) -> None:
    """This error occurs before the command has a stream."""
    del ssh.commands.environ["AWS_BEARER_TOKEN_CODECATALYST"]
    process = sharing.start("true")
    (line,) = said(sharing.terminal.reader.rest())
    assert b"Run `connector login" in line
    assert process.wait() == 255


def test_unusable_setting_appears_on_the_terminal(sharing: Sharing, ssh: Ssh) -> None:
    ssh.commands.environ["CONNECTOR_PING_INTERVAL"] = "often"
    process = sharing.start("true")
    (line,) = said(sharing.terminal.reader.rest())
    assert b"CONNECTOR_PING_INTERVAL" in line
    assert process.wait() == 255


def test_wait_for_a_start_appears_on_the_terminal(sharing: Sharing, cloud: Cloud) -> None:
    cloud.stopped(2.0)
    process = sharing.start("echo there")
    shown = sharing.terminal.reader.until(b"there\r\n")
    (line,) = said(shown)  # without a line for each further state
    assert b"is STOPPED; the start takes" in line
    assert process.wait() == 0


def test_end_of_a_session_is_shown_to_a_waiting_user(sharing: Sharing, cloud: Cloud) -> None:
    """ssh has made the terminal raw, so the line has to begin with a carriage return."""
    process = sharing.start("-t", "echo there; sleep 600")
    sharing.terminal.reader.until(b"there\r\n")
    assert sharing.terminal.is_raw
    cloud.set_status(Status.STOPPING)
    shown = sharing.terminal.reader.rest()
    assert b"\r\nconnector: The service closed the session:" in shown
    assert process.wait() == 255


def test_end_of_a_background_session_is_not_shown(sharing: Sharing, ssh: Ssh, cloud: Cloud) -> None:
    """The user's shell has the terminal again: here, a cat in its own process group."""
    script = (
        "import os, subprocess, sys\n"
        "assert subprocess.run(sys.argv[1:], process_group=0).returncode == 0\n"
        "print('now', flush=True); sys.stdin.readline()"
    )
    if sys.version_info < (3, 11):
        script = script.replace("process_group=0", "preexec_fn=os.setpgrp")
    process = sharing.terminal.start(
        ssh.commands, sys.executable, "-c", script, *sharing.words("-n", "true")
    )
    sharing.terminal.reader.until(b"now\r\n")
    cloud.set_status(Status.STOPPING)
    ssh.commands.wait_connectors_gone()
    sharing.terminal.type(b"\n")
    assert b"connector" not in sharing.terminal.reader.rest()
    assert process.wait() == 0


def test_connector_in_the_background_writes_nothing_to_the_terminal(
    sharing: Sharing, ssh: Ssh, cloud: Cloud, fdpass: str
) -> None:
    refuse(cloud)
    script = (
        "import os, subprocess, sys\n"
        "subprocess.run(sys.argv[1:], preexec_fn=os.setpgrp, stderr=subprocess.STDOUT)"
    )
    process = sharing.terminal.start(
        ssh.commands, sys.executable, "-c", script, *sharing.words("-n", "true")
    )
    shown = sharing.terminal.reader.rest()
    assert CLOSED[fdpass] in shown
    assert said(shown) == []
    assert process.wait() == 0


@pytest.mark.skipif(sys.platform != "linux", reason="needs /proc")
def test_user_who_discards_stderr_gets_no_line(sharing: Sharing, cloud: Cloud) -> None:
    refuse(cloud)
    process = sharing.start("true", shell='exec "$@" 2>/dev/null')
    assert sharing.terminal.reader.rest() == b""
    assert process.wait() == 255


def test_connector_without_terminal_is_silent(
    sharing: Sharing, ssh: Ssh, cloud: Cloud, fdpass: str
) -> None:
    refuse(cloud)
    process = ssh.commands.start(*sharing.words("true"), start_new_session=True)
    assert process.wait() == 255
    assert CLOSED[fdpass].decode() in process.stderr()
    assert "connector:" not in process.stderr()


def test_blocked_terminal_does_not_block_the_connector(commands: Commands, cloud: Cloud) -> None:
    """Ctrl-S blocks a terminal."""
    refuse(cloud)
    script = (
        "import subprocess, sys, termios\n"
        "termios.tcflow(1, termios.TCOOFF)\n"
        "done = subprocess.run(sys.argv[1:], stdin=subprocess.PIPE, stdout=subprocess.PIPE,\n"
        f"    stderr=subprocess.DEVNULL, timeout={PATIENCE})\n"
        "sys.exit(done.returncode)"
    )
    with Terminal(24, 80) as terminal:
        words = (sys.executable, "-c", script, *CONNECTOR, "proxy", cloud.host)
        assert terminal.start(commands, *words).wait(PATIENCE + END) == 77


def test_other_commands_use_the_stderr_they_have(commands: Commands, cloud: Cloud) -> None:
    cloud.misbehaviours.refuse("ListSpaces", AccessDeniedException("No"), times=10)
    with Terminal(24, 80) as terminal:
        words = ("/bin/sh", "-c", '"$@" 2>/dev/null', "sh", *CONNECTOR, "list")
        process = terminal.start(commands, *words)
        assert terminal.reader.rest() == b""
        assert process.wait() == 77
