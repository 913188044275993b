"""The library's socket: as any other, and with the reason when it fails."""

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
from connector.emulator.api.codecatalyst.resources import Status
from connector.emulator.faults.plans import (
    At,
    Cut,
    Direction,
    FaultPlan,
    How,
)
from connector.emulator.gateway.gateway import Rejoin
from connector.transport import lifecycle

from .cloud import STOP, Cloud
from .commands import AT_ONCE
from .library import DATA
from .matrix import FAST
from .targets import GREETING, Recorder, TcpService, receive_exactly
from .waiting import PATIENCE, eventually, free_port, settle

pytestmark = pytest.mark.usefixtures("library")


def open_socket(cloud: Cloud) -> connector.TunnelSocket:
    """One that a test which goes wrong does not hang on."""
    stream = connector.open_socket(cloud.host)
    stream.settimeout(PATIENCE)
    return stream


def exchange(cloud: Cloud, data: bytes) -> bytes:
    """What an echo gives back of some data."""
    with open_socket(cloud) as stream:
        assert receive_exactly(stream, len(GREETING)) == GREETING
        sender = threading.Thread(target=stream.sendall, args=(data,))
        sender.start()
        answer = receive_exactly(stream, len(data))
        sender.join()
    return answer


@pytest.mark.usefixtures("echoing")
def test_bytes_come_back_as_they_went(cloud: Cloud) -> None:
    answer = exchange(cloud, DATA)
    assert hashlib.sha256(answer).digest() == hashlib.sha256(DATA).digest()
    session = cloud.session()
    assert cloud.stops(session) == 1
    assert session.end_reason, "it lives when the socket is closed"


@pytest.mark.usefixtures("echoing")
def test_many_at_once_and_none_in_the_main_thread(cloud: Cloud) -> None:
    parts = [DATA[number * 100_000 :][:200_000] for number in range(8)]
    with ThreadPoolExecutor(len(parts)) as pool:
        assert list(pool.map(lambda part: exchange(cloud, part), parts)) == parts
    assert len(cloud.sessions) == len(parts)


@pytest.mark.usefixtures("echoing")
def test_it_can_be_waited_for_and_read_as_a_file(cloud: Cloud) -> None:
    with open_socket(cloud) as stream:
        assert select.select([stream], [stream], [], PATIENCE)[1] == [stream]
        with stream.makefile("rwb", buffering=0) as file:
            assert file.readline() == GREETING
            stream.close()  # the file goes on
            file.write(b"line\n")
            assert file.readline() == b"line\n"
            assert cloud.session().end_reason is None
        stream.wait_closed()
    assert cloud.stops(cloud.session()) == 1


@pytest.mark.usefixtures("echoing")
def test_a_timeout_leaves_it_usable(cloud: Cloud) -> None:
    with open_socket(cloud) as stream:
        receive_exactly(stream, len(GREETING))
        stream.settimeout(0.01)
        with pytest.raises(TimeoutError):
            stream.recv(1)
        stream.settimeout(PATIENCE)
        stream.sendall(b"x")
        assert stream.recv(1) == b"x"


@pytest.mark.usefixtures("echoing")
def test_closing_wakes_who_sits_in_recv_at_once(cloud: Cloud) -> None:
    stream = open_socket(cloud)
    receive_exactly(stream, len(GREETING))
    woken: list[bytes] = []
    still_ending: list[bool] = []

    def read() -> None:
        try:
            woken.append(stream.recv(1))
        except OSError:
            woken.append(b"")  # it came too late to sit there
        # What ends the reading last of all comes after its loop is closed.
        still_ending.append(stream._carrier._loop.wake_writer.fileno() >= 0)

    reader = threading.Thread(target=read)
    reader.start()
    eventually(lambda: is_asleep(reader), "that it waits")
    cloud.misbehaviours.delay(STOP, 2.5)
    stream.close()
    reader.join(PATIENCE)
    assert still_ending == [True], "it waits for the service"
    stream.wait_closed()
    assert (woken, stream.error) == ([b""], None)


def is_asleep(thread: threading.Thread) -> bool:
    """Whether it waits, as far as the system tells."""
    stat = Path(f"/proc/self/task/{thread.native_id}/stat")
    return not stat.exists() or stat.read_text().rpartition(")")[2].split()[0] == "S"


def test_closing_is_not_taken_for_a_mere_end_of_input(
    cloud: Cloud, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lifecycle, "QUIET_TIMEOUT", PATIENCE)  # which follows a mere end
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


def test_what_was_sent_before_closing_is_delivered(cloud: Cloud) -> None:
    cloud.unpaced()
    with Recorder() as recorder:
        cloud.port = recorder.port
        with open_socket(cloud) as stream:
            receive_exactly(stream, len(GREETING))
            stream.sendall(DATA[:300_000])
        recorder.wait_for(300_000)
        assert recorder.received == DATA[:300_000]


def test_a_server_that_closes_reads_as_the_end(cloud: Cloud) -> None:
    with TcpService(lambda connection: connection.sendall(DATA[:50_000])) as service:
        cloud.port = service.port
        with open_socket(cloud) as stream:
            assert receive_exactly(stream, 60_000) == DATA[:50_000]
            assert (stream.recv(1), stream.error) == (b"", None)
            with pytest.raises(BrokenPipeError):
                stream.sendall(b"too late")


@pytest.mark.usefixtures("echoing")
def test_one_that_was_dropped_ends_its_session(cloud: Cloud) -> None:
    stream = open_socket(cloud)
    stream.sendall(b"x")  # what is left unread must not keep it
    with pytest.warns(ResourceWarning, match="unclosed"):
        del stream
    cloud.wait_all_ended()
    eventually(lambda: not any(t.name.startswith("connector ") for t in threading.enumerate()))


@pytest.mark.usefixtures("echoing")
def test_it_cannot_be_duplicated(cloud: Cloud) -> None:
    with open_socket(cloud) as stream, pytest.raises(NotImplementedError):
        stream.dup()


# Who does not read


def test_a_slow_reader_stops_the_far_end(cloud: Cloud) -> None:
    cloud.unpaced()
    sent = [0]

    def pour(connection: socket.socket) -> None:
        while True:
            sent[0] += connection.send(bytes(65536))

    with TcpService(pour) as service:
        cloud.port = service.port
        with open_socket(cloud) as stream:
            settled = settle(sent)
            # What is on the way: the tunnel's 256 KiB, and sockets and windows of both sides.
            assert settled < 24 << 20
            receive_exactly(stream, settled)
            eventually(lambda: sent[0] > settled, "that it goes on")


def send_until_full(stream: socket.socket) -> int:
    """How many bytes it has taken when it takes no more."""
    taken = 0
    with contextlib.suppress(TimeoutError):
        while taken < 64 << 20:
            taken += stream.send(bytes(65536))
    return taken


def test_a_far_end_that_does_not_read_stops_the_sender(cloud: Cloud) -> None:
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
            eventually(lambda: len(recorder.received) == taken + 65536, "all of it")


# Failures


def test_a_name_that_is_none(cloud: Cloud) -> None:
    with pytest.raises(connector.ConfigError, match="not have three parts"):
        connector.open_socket("codecatalyst-dev-env=")
    with pytest.raises(
        connector.ConfigError, match="argument wait is 0, which is not from 1 to 3600"
    ):
        connector.open_socket(cloud.host, wait=0)
    assert cloud.sessions == []


def test_an_environment_that_is_not_there(cloud: Cloud) -> None:
    other = cloud.host[:-12] + "0" * 12
    with pytest.raises(connector.TargetNotFound):
        connector.open_socket(other)


def test_nobody_is_logged_in(cloud: Cloud, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AWS_BEARER_TOKEN_CODECATALYST")
    with pytest.raises(connector.CredentialsError, match="connector login"):
        connector.open_socket(cloud.host)


def test_a_token_that_has_expired(cloud: Cloud, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_BEARER_TOKEN_CODECATALYST", "expired")
    with pytest.raises(connector.CredentialsError):
        connector.open_socket(cloud.host)


def test_a_service_that_is_not_reached(cloud: Cloud) -> None:
    with pytest.raises(connector.ConnectFailed, match=r"127\.0\.0\.1"):
        connector.open_socket(cloud.host, endpoint_url=f"https://127.0.0.1:{free_port()}")


def test_an_ssh_server_that_is_not_there_is_told_to_the_reader(cloud: Cloud) -> None:
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
def test_a_link_that_is_lost_for_good(cloud: Cloud) -> None:
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
def test_a_session_that_somebody_ends(cloud: Cloud) -> None:
    with open_socket(cloud) as stream:
        receive_exactly(stream, len(GREETING))
        cloud.stop_session(cloud.session())
        with pytest.raises(connector.SessionEnded):
            stream.recv(1)


def test_a_bug_of_ours_is_an_error_too(cloud: Cloud, monkeypatch: pytest.MonkeyPatch) -> None:
    def stumble(*_: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr(DataChannel, "receive_messages", stumble)
    with pytest.raises(connector.InternalError, match="a bug of the connector") as raised:
        connector.open_socket(cloud.host)
    assert isinstance(raised.value.__cause__, ZeroDivisionError)
    assert cloud.stops(cloud.session()) == 1


def test_no_thread_is_to_be_had(cloud: Cloud, monkeypatch: pytest.MonkeyPatch) -> None:
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
def test_a_friendly_name_is_looked_up(cloud: Cloud) -> None:
    cloud.environment.alias = "My-Env"
    for name in ("my-env", "My-Env.web.site-1.ExampleCorp.codecatalyst"):
        with connector.open_socket(name) as stream:
            assert receive_exactly(stream, len(GREETING)) == GREETING
    with pytest.raises(connector.TargetNotFound, match="another"):
        connector.open_socket("another")
    with pytest.raises(connector.TargetNotFound):
        connector.open_socket("my-env", space="Other.Space")


# A Dev Environment that is stopped


@pytest.mark.usefixtures("echoing")
def test_a_stopped_environment_is_started_and_shown(cloud: Cloud) -> None:
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


def test_it_is_left_alone_where_that_is_asked_for(cloud: Cloud) -> None:
    cloud.set_status(Status.STOPPED)
    with pytest.raises(connector.TargetNotReady):
        connector.open_socket(cloud.host, start=False)
    assert cloud.count("StartDevEnvironment") == 0


def test_it_is_waited_for_no_longer_than_asked(cloud: Cloud) -> None:
    cloud.stopped(start_seconds=600)
    with pytest.raises(connector.TargetNotReady, match="after 1 s"):
        connector.open_socket(cloud.host, wait=1)


def test_who_is_shown_it_may_give_up(cloud: Cloud) -> None:
    cloud.stopped(start_seconds=600)

    def enough(waiting: connector.Waiting) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        connector.open_socket(cloud.host, on_waiting=enough)
    assert cloud.sessions == []
