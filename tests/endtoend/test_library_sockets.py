"""The library's socket behaves as any socket, and reports the reason of a failure."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import select
import socket
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest

import connector
from connector.datachannel.channel import DataChannel
from connector.emulator.api.codecatalyst.model import Status
from connector.emulator.faults.plans import (
    At,
    Cut,
    Direction,
    FaultPlan,
    How,
)
from connector.emulator.gateway.gateway import Rejoin
from connector.transport import dial, lifecycle

from .cloud import STOP, Cloud
from .commands import AT_ONCE
from .library import DATA
from .matrix import FAST
from .targets import GREETING, Recorder, TcpService, receive_exactly
from .waiting import PATIENCE, eventually, free_port, settle

pytestmark = pytest.mark.usefixtures("library")


def open_socket(cloud: Cloud) -> connector.TunnelSocket:
    """Open a socket with a timeout, so that a failing test does not hang."""
    stream = connector.open_socket(cloud.host)
    stream.settimeout(PATIENCE)
    return stream


def exchange(cloud: Cloud, data: bytes) -> bytes:
    """Send data to an echo service and return the answer."""
    with open_socket(cloud) as stream:
        assert receive_exactly(stream, len(GREETING)) == GREETING
        sender = threading.Thread(target=stream.sendall, args=(data,))
        sender.start()
        answer = receive_exactly(stream, len(data))
        sender.join()
    return answer


@pytest.mark.usefixtures("echoing")
def test_bytes_come_back_unchanged(cloud: Cloud) -> None:
    answer = exchange(cloud, DATA)
    assert hashlib.sha256(answer).digest() == hashlib.sha256(DATA).digest()
    session = cloud.session()
    assert cloud.stops(session) == 1
    assert session.end_reason, "the session outlived the socket"


@pytest.mark.usefixtures("echoing")
def test_many_sockets_work_at_once_outside_the_main_thread(cloud: Cloud) -> None:
    parts = [DATA[number * 100_000 :][:200_000] for number in range(8)]
    with ThreadPoolExecutor(len(parts)) as pool:
        assert list(pool.map(lambda part: exchange(cloud, part), parts)) == parts
    assert len(cloud.sessions) == len(parts)


@pytest.mark.usefixtures("echoing")
def test_socket_can_be_selected_and_read_as_a_file(cloud: Cloud) -> None:
    with open_socket(cloud) as stream:
        assert select.select([stream], [stream], [], PATIENCE)[1] == [stream]
        with stream.makefile("rwb", buffering=0) as file:
            assert file.readline() == GREETING
            stream.close()  # the file still works
            file.write(b"line\n")
            assert file.readline() == b"line\n"
            assert cloud.session().end_reason is None
        stream.wait_closed()
    assert cloud.stops(cloud.session()) == 1


@pytest.mark.usefixtures("echoing")
def test_socket_is_usable_after_a_timeout(cloud: Cloud) -> None:
    with open_socket(cloud) as stream:
        receive_exactly(stream, len(GREETING))
        stream.settimeout(0.01)
        with pytest.raises(TimeoutError):
            stream.recv(1)
        stream.settimeout(PATIENCE)
        stream.sendall(b"x")
        assert stream.recv(1) == b"x"


@pytest.mark.usefixtures("echoing")
def test_close_wakes_a_blocked_recv_at_once(cloud: Cloud) -> None:
    stream = open_socket(cloud)
    receive_exactly(stream, len(GREETING))
    woken: list[bytes] = []
    still_ending: list[bool] = []

    def read() -> None:
        try:
            woken.append(stream.recv(1))
        except OSError:
            woken.append(b"")  # recv was called after the close
        # The end of the connector's thread wakes the reader too, but its loop is closed by then.
        still_ending.append(stream._carrier._loop.wake_writer.fileno() >= 0)

    reader = threading.Thread(target=read)
    reader.start()
    eventually(lambda: is_asleep(reader), "a blocked reader")
    cloud.misbehaviours.delay(STOP, 2.5)
    stream.close()
    reader.join(PATIENCE)
    assert still_ending == [True], "the reader waited for the service"
    stream.wait_closed()
    assert (woken, stream.error) == ([b""], None)


def is_asleep(thread: threading.Thread) -> bool:
    """Return whether a thread sleeps, as the system reports it."""
    stat = Path(f"/proc/self/task/{thread.native_id}/stat")
    return not stat.exists() or stat.read_text().rpartition(")")[2].split()[0] == "S"


def test_close_is_not_taken_for_a_half_close(cloud: Cloud, monkeypatch: pytest.MonkeyPatch) -> None:
    # A half-close ends the session after this time.
    monkeypatch.setattr(lifecycle, "QUIET_TIMEOUT", PATIENCE)
    with Recorder() as recorder:
        cloud.port = recorder.port
        stream = open_socket(cloud)
        receive_exactly(stream, len(GREETING))
        stream.sendall(b"x")
        recorder.wait_for(1)
        began = time.monotonic()
        stream.close()
        stream.wait_closed()
        assert time.monotonic() - began < AT_ONCE


def test_data_sent_before_close_is_delivered(cloud: Cloud) -> None:
    cloud.unpaced()
    with Recorder() as recorder:
        cloud.port = recorder.port
        with open_socket(cloud) as stream:
            receive_exactly(stream, len(GREETING))
            stream.sendall(DATA[:300_000])
        recorder.wait_for(300_000)
        assert recorder.received == DATA[:300_000]


def test_server_that_closes_reads_as_the_end(cloud: Cloud) -> None:
    with TcpService(lambda connection: connection.sendall(DATA[:50_000])) as service:
        cloud.port = service.port
        with open_socket(cloud) as stream:
            assert receive_exactly(stream, 60_000) == DATA[:50_000]
            assert (stream.recv(1), stream.error) == (b"", None)
            with pytest.raises(BrokenPipeError):
                stream.sendall(b"too late")


@pytest.mark.usefixtures("echoing")
def test_dropped_socket_ends_its_session(cloud: Cloud) -> None:
    stream = open_socket(cloud)
    stream.sendall(b"x")  # unread output must not delay the end
    with pytest.warns(ResourceWarning, match="unclosed"):
        del stream
    cloud.wait_all_ended()
    eventually(lambda: not any(t.name.startswith("connector ") for t in threading.enumerate()))


@pytest.mark.usefixtures("echoing")
def test_socket_cannot_be_duplicated(cloud: Cloud) -> None:
    with open_socket(cloud) as stream, pytest.raises(NotImplementedError):
        stream.dup()


# Back-pressure


def test_slow_reader_stops_the_far_end(cloud: Cloud) -> None:
    cloud.unpaced()
    sent = [0]

    def pour(connection: socket.socket) -> None:
        while True:
            sent[0] += connection.send(bytes(65536))

    with TcpService(pour) as service:
        cloud.port = service.port
        with open_socket(cloud) as stream:
            settled = settle(sent)
            # In flight are the tunnel's 256 KiB, and the sockets and windows of both sides.
            assert settled < 24 << 20
            receive_exactly(stream, settled)
            eventually(lambda: sent[0] > settled, "the transfer")


def send_until_full(stream: socket.socket) -> int:
    """Send until the socket blocks, and return the number of bytes sent."""
    taken = 0
    with contextlib.suppress(TimeoutError):
        while taken < 64 << 20:
            taken += stream.send(bytes(65536))
    return taken


def test_far_end_that_does_not_read_stops_the_sender(cloud: Cloud) -> None:
    cloud.unpaced()
    go_on = threading.Event()
    with Recorder(go_on) as recorder:
        cloud.port = recorder.port
        with open_socket(cloud) as stream:
            receive_exactly(stream, len(GREETING))
            stream.settimeout(0.5)
            taken = send_until_full(stream)
            assert taken < 24 << 20
            go_on.set()
            stream.settimeout(PATIENCE)
            stream.sendall(bytes(65536))
            eventually(lambda: len(recorder.received) == taken + 65536, "the whole output")


# Failures


def test_malformed_name_fails(cloud: Cloud) -> None:
    with pytest.raises(connector.ConfigError, match="not have three parts"):
        connector.open_socket("codecatalyst-dev-env=")
    with pytest.raises(
        connector.ConfigError, match="argument wait is 0, which is not from 1 to 3600"
    ):
        connector.open_socket(cloud.host, wait=0)
    assert cloud.sessions == []


def test_missing_environment_fails(cloud: Cloud) -> None:
    other = cloud.host[:-12] + "0" * 12
    with pytest.raises(connector.TargetNotFound):
        connector.open_socket(other)


def test_missing_login_fails(cloud: Cloud, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dial, "AHEAD_LIFETIME", 0.1)  # nothing takes the API's connection
    monkeypatch.delenv("AWS_BEARER_TOKEN_CODECATALYST")
    with pytest.raises(connector.CredentialsError, match="connector login"):
        connector.open_socket(cloud.host)


def test_expired_token_fails(cloud: Cloud, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_BEARER_TOKEN_CODECATALYST", "expired")
    with pytest.raises(connector.CredentialsError):
        connector.open_socket(cloud.host)


def test_unreachable_service_fails(cloud: Cloud) -> None:
    with pytest.raises(connector.ConnectFailed, match=r"127\.0\.0\.1"):
        connector.open_socket(cloud.host, endpoint_url=f"https://127.0.0.1:{free_port()}")


def test_refused_ssh_port_is_reported_to_the_reader(cloud: Cloud) -> None:
    cloud.port = free_port()
    with open_socket(cloud) as stream:
        with pytest.raises(connector.ConnectorError, match="SSH server") as raised:
            stream.recv(1)
        assert stream.error is raised.value
        with pytest.raises(type(raised.value)):
            stream.recv_into(bytearray(1))
        with pytest.raises(type(raised.value)):
            stream.send(b"x")
        with pytest.raises(type(raised.value)):
            stream.sendall(b"x")


@pytest.mark.usefixtures("echoing")
def test_link_that_cannot_be_rejoined_fails(cloud: Cloud) -> None:
    cut = Cut(How.RESET, At(bytes=2000, direction=Direction.TO_AGENT))
    cloud.behave(FAST)
    cloud.gateway.behaviour = replace(
        cloud.gateway.behaviour, faults=FaultPlan((cut,)), rejoin=Rejoin.FORBIDDEN
    )
    with open_socket(cloud) as stream:
        receive_exactly(stream, len(GREETING))
        stream.sendall(DATA[:20_000])
        with pytest.raises(connector.LinkLost, match="refused to resume the session"):
            receive_exactly(stream, 20_000)
    assert cloud.stops(cloud.session()) == 1


@pytest.mark.usefixtures("echoing")
def test_session_stopped_by_another_caller_fails(cloud: Cloud) -> None:
    with open_socket(cloud) as stream:
        receive_exactly(stream, len(GREETING))
        cloud.stop_session(cloud.session())
        with pytest.raises(connector.SessionEnded):
            stream.recv(1)


def test_internal_error_is_raised_too(cloud: Cloud, monkeypatch: pytest.MonkeyPatch) -> None:
    def stumble(*_: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr(DataChannel, "receive_messages", stumble)
    with pytest.raises(connector.InternalError, match="a bug in the connector") as raised:
        connector.open_socket(cloud.host)
    assert isinstance(raised.value.__cause__, ZeroDivisionError)
    assert cloud.stops(cloud.session()) == 1


def test_missing_thread_fails(cloud: Cloud, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(_: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    async def main() -> None:
        await connector.connect(cloud.host)

    monkeypatch.setattr(threading.Thread, "start", refuse)
    with pytest.raises(RuntimeError, match="can't start"):
        connector.open_socket(cloud.host)
    with pytest.raises(RuntimeError, match="can't start"):
        asyncio.run(main())


# Friendly names


@pytest.mark.usefixtures("echoing")
def test_friendly_name_is_looked_up(cloud: Cloud) -> None:
    cloud.environment.alias = "My-Env"
    for name in ("my-env", "My-Env.web.site-1.ExampleCorp.codecatalyst"):
        with connector.open_socket(name) as stream:
            assert receive_exactly(stream, len(GREETING)) == GREETING
    with pytest.raises(connector.TargetNotFound, match="another"):
        connector.open_socket("another")
    with pytest.raises(connector.TargetNotFound, match="no space"):
        connector.open_socket("my-env", space="Other.Space")


# Stopped environments


@pytest.mark.usefixtures("echoing")
def test_stopped_environment_is_started_with_progress(cloud: Cloud) -> None:
    cloud.stopped(start_seconds=2)
    seen: list[tuple[str, int]] = []
    stream = connector.open_socket(
        cloud.host,
        on_waiting=lambda waiting: seen.append((waiting.status, threading.get_ident())),
    )
    with stream:
        assert receive_exactly(stream, len(GREETING)) == GREETING
    assert {status for status, _ in seen} == {"STOPPED", "STARTING"}
    assert {thread for _, thread in seen} == {threading.get_ident()}


def test_start_false_leaves_environment_stopped(cloud: Cloud) -> None:
    cloud.set_status(Status.STOPPED)
    with pytest.raises(connector.TargetNotReady):
        connector.open_socket(cloud.host, start=False)
    assert cloud.count("StartDevEnvironment") == 0


def test_wait_limits_the_start(cloud: Cloud) -> None:
    cloud.stopped(start_seconds=600)
    with pytest.raises(connector.TargetNotReady, match="after 1 s"):
        connector.open_socket(cloud.host, wait=1)


def test_progress_callback_can_abort_the_start(cloud: Cloud) -> None:
    cloud.stopped(start_seconds=600)

    def enough(waiting: connector.Waiting) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        connector.open_socket(cloud.host, on_waiting=enough)
    assert cloud.sessions == []
