"""Standard streams as Node.js makes them: UNIX sockets, and a stderr that stays unread."""

from __future__ import annotations

import contextlib
import signal
import socket
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from .cloud import Cloud
from .commands import CONNECTOR, END, Commands, Process
from .targets import GREETING, TcpService, greeting_echo
from .waiting import Reader

DATA = bytes(range(256)) * 4096


class SpawnedByNode:
    """The connector with a socket pair for each stream."""

    def __init__(self, commands: Commands, host: str) -> None:
        self._stack = contextlib.ExitStack()
        self.stdin, stdin = self._pair()
        self.stdout, stdout = self._pair()
        self.stderr, stderr = self._pair()
        # A few lines fill this buffer.
        stderr.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 1)
        command = (*CONNECTOR, "proxy", "-vv", host)
        self.process: Process = commands.start(
            *command, stdin=stdin.fileno(), stdout=stdout.fileno(), stderr=stderr.fileno()
        )
        for end in (stdin, stdout, stderr):
            end.close()
        self.reader = Reader(self.stdout.fileno())

    def _pair(self) -> tuple[socket.socket, socket.socket]:
        ours, its = socket.socketpair()
        return self._stack.enter_context(ours), self._stack.enter_context(its)

    def close(self) -> None:
        self._stack.close()


@pytest.fixture
def spawned(commands: Commands, cloud: Cloud) -> Iterator[SpawnedByNode]:
    with TcpService(greeting_echo) as service:
        cloud.port = service.port
        spawned = SpawnedByNode(commands, cloud.host)
        yield spawned
        spawned.process.close()
        spawned.close()


def echoed(spawned: SpawnedByNode) -> bytes:
    spawned.reader.until(GREETING)
    sender = threading.Thread(target=spawned.stdin.sendall, args=(DATA,), daemon=True)
    sender.start()
    answer = spawned.reader.exactly(len(DATA))
    sender.join()
    return answer


def test_sockets_carry_the_stream_while_stderr_is_unread(
    spawned: SpawnedByNode, cloud: Cloud
) -> None:
    cloud.unpaced()
    assert echoed(spawned) == DATA
    spawned.stdin.shutdown(socket.SHUT_WR)
    assert spawned.process.wait(END) == 0
    assert spawned.reader.rest() == b""


def test_dispose_of_node_ends_the_connector(spawned: SpawnedByNode, cloud: Cloud) -> None:
    cloud.unpaced()
    assert echoed(spawned) == DATA
    spawned.process.signal(signal.SIGTERM)
    assert spawned.process.wait(END) == 143
    assert cloud.stops(cloud.session()) == 1


def test_killed_node_ends_the_connector(spawned: SpawnedByNode, cloud: Cloud) -> None:
    cloud.unpaced()
    assert echoed(spawned) == DATA
    for end in (spawned.stdin, spawned.stdout, spawned.stderr):
        end.close()
    assert spawned.process.wait(END) == 0
    assert cloud.stops(cloud.session()) == 1


def test_verbose_run_keeps_the_stream_pure(commands: Commands, cloud: Cloud) -> None:
    with TcpService(greeting_echo) as service:
        cloud.port = service.port
        process = commands.proxy("-vv")
        process.send(DATA[:1000])
        assert process.reader.exactly(1008) == GREETING + DATA[:1000]
        process.signal(signal.SIGHUP)
        assert process.wait() == 0
        assert process.reader.rest() == b""
    lines = process.stderr().splitlines()
    assert lines
    assert all(line.startswith("connector: ") for line in lines)


def test_files_work_as_streams(commands: Commands, cloud: Cloud, tmp_path: Path) -> None:
    cloud.unpaced()
    (tmp_path / "input").write_bytes(DATA)
    with (
        TcpService(greeting_echo) as service,
        (tmp_path / "input").open("rb") as stdin,
        (tmp_path / "output").open("wb") as stdout,
    ):
        cloud.port = service.port
        process = commands.start(*CONNECTOR, "proxy", cloud.host, stdin=stdin, stdout=stdout)
        assert process.wait() == 0
    assert (tmp_path / "output").read_bytes() == GREETING + DATA
    assert process.stderr() == ""


def test_stream_is_carried_with_closed_stderr(commands: Commands, cloud: Cloud) -> None:
    with TcpService(greeting_echo) as service:
        cloud.port = service.port
        process = commands.closing(2, *CONNECTOR, "proxy", "-vv", cloud.host)
        process.reader.until(GREETING)
        process.send(DATA[:1000])
        assert process.reader.exactly(1000) == DATA[:1000]
        process.signal(signal.SIGHUP)
        assert process.wait() == 0
        assert process.reader.rest() == b""
