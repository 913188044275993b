"""Sessions that killed connectors leave, and their cleanup by the next connector."""

from __future__ import annotations

import os
import signal
import sys
import time
from contextlib import suppress
from pathlib import Path

import pytest

from connector.emulator.api.errors import AccessDeniedException
from connector.emulator.sessions import Session

from .cloud import STOP, Cloud
from .commands import CONNECTOR, END, Commands, Process, Ssh
from .targets import GREETING
from .waiting import eventually

#: A connector that sweeps 0.2 s after its stream has opened instead of 2 s.
EAGER = """\
import sys
from connector.transport import tunnel
tunnel.TIDY_DELAY = 0.2
from connector.__main__ import main
sys.exit(main())
"""


def ledger(commands: Commands) -> list[Path]:
    directory = commands.directory / "home/.cache/devenv-connector/sessions"
    if not directory.exists():
        return []
    entries = []
    for path in directory.iterdir():
        with suppress(FileNotFoundError):  # its connector removes it
            if path.stat().st_size:  # else it is being written
                entries.append(path)
    return entries


def open_proxy(commands: Commands, cloud: Cloud) -> Process:
    process = commands.start(sys.executable, "-c", EAGER, "proxy", cloud.host)
    process.reader.until(GREETING)
    return process


def killed(commands: Commands, cloud: Cloud) -> Session:
    """Return the session that a killed connector has left at the service."""
    before, entries = len(cloud.sessions), len(ledger(commands))
    process = open_proxy(commands, cloud)
    eventually(lambda: len(ledger(commands)) == entries + 1, "the entry")
    process.signal(signal.SIGKILL)
    process.wait()
    assert len(cloud.sessions) == before + 1
    session = cloud.sessions[-1]
    assert session.end_reason is None
    return session


def test_next_ssh_stops_the_session_of_a_killed_proxy(ssh: Ssh, cloud: Cloud) -> None:
    commands = ssh.commands
    first = ssh.start("echo here; sleep 60")
    first.reader.until(b"here\n")
    (pid,) = commands.connector_pids()
    os.kill(pid, signal.SIGKILL)
    assert first.wait() == 255
    left = cloud.session()
    assert (left.end_reason, len(ledger(commands))) == (None, 1)

    second = ssh.start("echo here; sleep 60")
    second.reader.until(b"here\n")
    eventually(lambda: cloud.stops(left), "the sweep")
    eventually(lambda: len(ledger(commands)) == 1, "the removal of the entry")
    assert left.end_reason is not None
    assert cloud.sessions[1].end_reason is None
    second.signal(signal.SIGTERM)
    second.wait()
    commands.wait_connectors_gone()
    assert [cloud.stops(session) for session in cloud.sessions] == [1, 1]
    assert ledger(commands) == []


@pytest.mark.usefixtures("echoing")
def test_sessions_of_live_connectors_are_left_alone(commands: Commands, cloud: Cloud) -> None:
    living = [open_proxy(commands, cloud) for _ in range(2)]
    left = killed(commands, cloud)
    sweepers = [open_proxy(commands, cloud) for _ in range(2)]
    eventually(lambda: left.end_reason is not None, "the sweep")
    time.sleep(1)  # time for a sweep that stops too many sessions
    assert cloud.stops(left) == 1
    for process in living + sweepers:
        process.send(b"hello")
        assert process.reader.exactly(5) == b"hello"
        process.hang_up()
        assert (process.wait(), process.stderr()) == (0, "")
    assert ledger(commands) == []


LIBRARY = """
import sys, connector
stream = connector.open_socket(sys.argv[1])
sys.stdin.read()
"""


@pytest.mark.usefixtures("echoing")
@pytest.mark.parametrize("kind", ["shell", "exec", "library"])
def test_next_proxy_stops_sessions_of_all_kinds(
    commands: Commands, cloud: Cloud, kind: str
) -> None:
    words = {
        "shell": (*CONNECTOR, "shell", cloud.host),
        "exec": (*CONNECTOR, "exec", cloud.host, "--", "sleep", "60"),
        "library": (sys.executable, "-c", LIBRARY, cloud.host),
    }
    process = commands.start(*words[kind])
    eventually(lambda: len(ledger(commands)) == 1, "the entry")
    process.signal(signal.SIGKILL)
    process.wait()
    left = cloud.session()
    assert left.end_reason is None
    proxy = open_proxy(commands, cloud)
    eventually(lambda: left.end_reason is not None, "the sweep")
    proxy.hang_up()
    assert proxy.wait() == 0
    assert ledger(commands) == []


@pytest.mark.usefixtures("echoing")
def test_session_that_cannot_be_stopped_stays_in_the_ledger(
    commands: Commands, cloud: Cloud
) -> None:
    left = killed(commands, cloud)
    cloud.misbehaviours.refuse(STOP, AccessDeniedException("Not you"))
    process = open_proxy(commands, cloud)
    eventually(lambda: cloud.stops(left) == 1, "the sweep")
    process.hang_up()
    assert (process.wait(), process.stderr()) == (0, "")
    assert len(ledger(commands)) == 1
    process = open_proxy(commands, cloud)
    eventually(lambda: left.end_reason is not None, "the next sweep")
    process.hang_up()
    assert process.wait() == 0


@pytest.mark.usefixtures("echoing")
def test_session_that_has_already_ended_is_forgotten(commands: Commands, cloud: Cloud) -> None:
    left = killed(commands, cloud)
    cloud.stop_session(left)
    process = open_proxy(commands, cloud)
    eventually(lambda: cloud.stops(left) == 1, "the sweep")
    eventually(lambda: len(ledger(commands)) == 1, "the removal of the entry")
    process.hang_up()
    assert process.wait() == 0
    assert ledger(commands) == []


@pytest.mark.usefixtures("echoing")
def test_slow_sweep_delays_no_end(commands: Commands, cloud: Cloud) -> None:
    left = killed(commands, cloud)
    cloud.misbehaviours.delay(STOP, 60.0)
    process = open_proxy(commands, cloud)
    eventually(lambda: cloud.stops(left) == 1, "the sweep")
    process.signal(signal.SIGTERM)
    assert process.wait(END) == 143
    cloud.stop_session(left)


@pytest.mark.usefixtures("echoing")
def test_unwritable_home_does_not_matter(commands: Commands, cloud: Cloud) -> None:
    (commands.directory / "home/.cache").write_text("a file")
    process = open_proxy(commands, cloud)
    time.sleep(1)  # time for a sweep
    process.hang_up()
    assert (process.wait(), process.stderr()) == (0, "")
    assert cloud.stops(cloud.session()) == 1
