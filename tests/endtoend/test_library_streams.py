"""The library's asyncio stream: back-pressure, cancellation and failures at every point."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import hashlib
import socket
import threading
from collections.abc import Callable
from functools import partial
from typing import TypeVar

import pytest

import connector
from connector.emulator.sessions import Session

from .cloud import START, STOP, Cloud
from .commands import AT_ONCE
from .library import DATA, carriers
from .targets import GREETING, Recorder, TcpService
from .waiting import PATIENCE, eventually, free_port, settle

T = TypeVar("T")

pytestmark = pytest.mark.usefixtures("library")


async def read_exactly(stream: connector.Stream, size: int) -> bytes:
    data = bytearray()
    while len(data) < size and (chunk := await stream.read(size - len(data))):
        data += chunk
    return bytes(data)


async def exchange(host: str, data: bytes) -> bytes:
    """Send data to an echo service and return the answer."""
    async with connector.connect(host) as stream:
        assert await read_exactly(stream, len(GREETING)) == GREETING
        writing = asyncio.create_task(stream.write(data))
        answer = await read_exactly(stream, len(data))
        await writing
    return answer


@pytest.mark.usefixtures("echoing")
def test_bytes_come_back_unchanged(cloud: Cloud) -> None:
    answer = asyncio.run(exchange(cloud.host, DATA))
    assert hashlib.sha256(answer).digest() == hashlib.sha256(DATA).digest()
    assert cloud.stops(cloud.session()) == 1
    assert cloud.session().end_reason, "it lives when the stream is closed"


@pytest.mark.usefixtures("echoing")
def test_many_streams_in_one_loop(cloud: Cloud) -> None:
    parts = [DATA[number * 100_000 :][:200_000] for number in range(8)]

    async def main() -> list[bytes]:
        return await asyncio.gather(*(exchange(cloud.host, part) for part in parts))

    assert asyncio.run(main()) == parts
    assert len(cloud.sessions) == len(parts)


@pytest.mark.usefixtures("echoing")
def test_several_loops_at_once(cloud: Cloud) -> None:
    answers: dict[int, bytes] = {}

    def run(number: int) -> None:
        answers[number] = asyncio.run(exchange(cloud.host, bytes([number]) * 100_000))

    threads = [threading.Thread(target=run, args=(number,)) for number in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(PATIENCE)
    assert answers == {number: bytes([number]) * 100_000 for number in range(3)}


@pytest.mark.usefixtures("echoing")
def test_stream_can_be_awaited_and_closed_by_hand(cloud: Cloud) -> None:
    async def main() -> None:
        stream = await connector.connect(cloud.host)
        await stream.write(bytearray(b"x"))
        assert await read_exactly(stream, len(GREETING) + 1) == GREETING + b"x"
        await asyncio.gather(stream.close(), stream.close())
        for use in (stream.read(), stream.write(b"x")):
            with pytest.raises(ValueError, match="closed"):
                await use
        with pytest.raises(ValueError, match="at least one byte"):
            await stream.read(-1)

    asyncio.run(main())


def test_busy_stream_does_not_block_the_loop(cloud: Cloud) -> None:
    cloud.unpaced()
    sent = [0]

    async def main() -> None:
        turns = 0

        async def count() -> None:
            nonlocal turns
            while True:
                turns += 1
                await asyncio.sleep(0)

        async with connector.connect(cloud.host) as stream:
            await asyncio.to_thread(settle, sent)  # enough data for the rest of the test
            counting = asyncio.create_task(count())
            for _ in range(100):
                await stream.read(10)
                await stream.write(b"x")
            counting.cancel()
        assert turns >= 100

    with TcpService(partial(pour, sent)) as service:
        cloud.port = service.port
        asyncio.run(main())


def pour(sent: list[int], connection: socket.socket) -> None:
    """Send without end, and count the bytes."""
    while True:
        sent[0] += connection.send(bytes(65536))


def test_server_that_closes_reads_as_the_end(cloud: Cloud) -> None:
    async def main() -> None:
        async with connector.connect(cloud.host) as stream:
            assert await read_exactly(stream, 60_000) == DATA[:50_000]
            assert await stream.read() == b""
            with pytest.raises(connector.SessionEnded, match="nothing can be written"):
                await stream.write(b"too late")

    with TcpService(lambda connection: connection.sendall(DATA[:50_000])) as service:
        cloud.port = service.port
        asyncio.run(main())


def test_data_written_before_close_is_delivered(cloud: Cloud) -> None:
    async def main() -> None:
        async with connector.connect(cloud.host) as stream:
            assert await read_exactly(stream, len(GREETING)) == GREETING
            await stream.write(DATA[:300_000])

    cloud.unpaced()
    with Recorder() as recorder:
        cloud.port = recorder.port
        asyncio.run(main())
        recorder.wait_for(300_000)
        assert recorder.received == DATA[:300_000]


# Back-pressure


def test_slow_reader_stops_the_far_end(cloud: Cloud) -> None:
    cloud.unpaced()
    sent = [0]

    async def main() -> None:
        async with connector.connect(cloud.host) as stream:
            settled = await asyncio.to_thread(settle, sent)
            # In flight are the tunnel's 256 KiB, and the sockets and windows of both sides.
            assert settled < 24 << 20
            await read_exactly(stream, settled)
            await asyncio.to_thread(eventually, lambda: sent[0] > settled, "the transfer")

    with TcpService(partial(pour, sent)) as service:
        cloud.port = service.port
        asyncio.run(main())


def test_far_end_that_does_not_read_stops_the_writer(cloud: Cloud) -> None:
    cloud.unpaced()
    go_on = threading.Event()

    async def main() -> None:
        async with connector.connect(cloud.host) as stream:
            await read_exactly(stream, len(GREETING))
            taken = 0
            with contextlib.suppress(asyncio.TimeoutError):
                while taken < 64 << 20:
                    await asyncio.wait_for(stream.write(bytes(65536)), 0.5)
                    taken += 65536
            assert taken < 24 << 20
            go_on.set()
            await asyncio.to_thread(
                eventually, lambda: len(recorder.received) >= taken, "the whole output"
            )

    with Recorder(go_on) as recorder:
        cloud.port = recorder.port
        asyncio.run(main())


# Cancellation


async def cancelled(task: asyncio.Task[T]) -> None:
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


async def until(happens: threading.Event) -> None:
    assert await asyncio.to_thread(happens.wait, PATIENCE)


@pytest.mark.usefixtures("echoing")
def test_connect_is_cancelled_while_the_environment_starts(cloud: Cloud) -> None:
    cloud.stopped(start_seconds=600)

    async def opened(host: str, on_waiting: Callable[[connector.Waiting], None]) -> None:
        async with connector.connect(host, on_waiting=on_waiting):
            raise AssertionError("it is open")

    async def main() -> None:
        waiting = asyncio.Event()
        task = asyncio.create_task(opened(cloud.host, lambda _: waiting.set()))
        await waiting.wait()
        await cancelled(task)
        assert carriers() == []

    asyncio.run(main())
    assert cloud.sessions == []


@pytest.mark.usefixtures("echoing")
def test_connect_is_cancelled_while_the_service_starts_a_session(cloud: Cloud) -> None:
    cloud.misbehaviours.delay(START, 0.3)

    async def main() -> None:
        task = asyncio.create_task(exchange(cloud.host, b""))
        await asyncio.to_thread(cloud.wait_for_requests, START)
        await cancelled(task)
        assert carriers() == []

    asyncio.run(main())
    assert cloud.stops(cloud.session()) == 1


@pytest.mark.usefixtures("echoing")
def test_connect_is_cancelled_while_the_stream_opens(cloud: Cloud) -> None:
    started = threading.Event()

    def after_start(session: Session) -> None:
        started.set()

    cloud.after_start = after_start

    async def main() -> None:
        task = asyncio.create_task(exchange(cloud.host, b""))
        await until(started)
        await cancelled(task)
        assert carriers() == []

    asyncio.run(main())
    assert cloud.stops(cloud.session()) == 1


def test_connect_is_cancelled_while_the_name_is_looked_up(cloud: Cloud) -> None:
    cloud.misbehaviours.delay("ListSpaces", AT_ONCE + 0.5)

    async def main() -> None:
        task = asyncio.create_task(exchange("my-env", b""))
        await asyncio.to_thread(cloud.wait_for_requests, "ListSpaces")
        before = asyncio.get_running_loop().time()
        await cancelled(task)
        assert asyncio.get_running_loop().time() - before < AT_ONCE
        assert carriers() == []

    asyncio.run(main())
    assert cloud.sessions == []


@pytest.mark.usefixtures("echoing")
def test_cancelled_read_takes_no_data(cloud: Cloud) -> None:
    async def main() -> None:
        async with connector.connect(cloud.host) as stream:
            await read_exactly(stream, len(GREETING))
            reading = asyncio.create_task(stream.read())
            await asyncio.sleep(0.01)
            await cancelled(reading)
            await stream.write(DATA[:1000])
            assert await read_exactly(stream, 1000) == DATA[:1000]

    asyncio.run(main())


@pytest.mark.usefixtures("echoing")
def test_task_is_cancelled_while_it_uses_the_stream(cloud: Cloud) -> None:
    async def main() -> None:
        task = asyncio.create_task(forever(cloud.host))
        await asyncio.to_thread(cloud.wait_for_agents)
        await cancelled(task)
        assert carriers() == []

    async def forever(host: str) -> None:
        async with connector.connect(host) as stream:
            while True:
                await stream.read()

    asyncio.run(main())
    assert cloud.stops(cloud.session()) == 1


@pytest.mark.usefixtures("echoing")
def test_close_wakes_a_blocked_reader_and_writer(cloud: Cloud) -> None:
    async def main() -> None:
        stream = await connector.connect(cloud.host)
        await read_exactly(stream, len(GREETING))

        async def read() -> tuple[bytes, bool]:
            data = await stream.read()
            # The end of the connector's thread wakes the reader too, but its loop is closed by
            # then.
            return data, stream._carrier._loop.wake_writer.fileno() >= 0

        reading = asyncio.create_task(read())
        await asyncio.sleep(0.01)
        cloud.misbehaviours.delay(STOP, 2.5)
        await stream.close()
        assert await reading == (b"", True), "the reader waited for the service"

        stream = await connector.connect(cloud.host)
        # The far end's echo stays unread.
        writing = asyncio.create_task(stream.write(bytes(64 << 20)))
        await asyncio.sleep(0.1)
        await stream.close()
        with pytest.raises((connector.SessionEnded, ValueError)):
            await writing

    asyncio.run(main())


@pytest.mark.usefixtures("echoing")
def test_dropped_stream_ends_its_session(cloud: Cloud) -> None:
    async def main() -> None:
        stream = await connector.connect(cloud.host)
        await read_exactly(stream, len(GREETING))

    def drop() -> None:
        asyncio.run(main())
        gc.collect()

    with pytest.warns(ResourceWarning, match="unclosed"):
        drop()
    cloud.wait_all_ended()
    eventually(lambda: not carriers(), "the end of its thread")


# Failures


def test_errors_of_the_start_are_raised_by_connect(cloud: Cloud) -> None:
    async def main() -> None:
        other = cloud.host[:-12] + "0" * 12
        with pytest.raises(connector.TargetNotFound):
            await connector.connect(other)
        with pytest.raises(connector.ConfigError):
            async with connector.connect("codecatalyst-dev-env="):
                pass
        with pytest.raises(connector.ConfigError, match="payload_size"):
            connector.connect(cloud.host, payload_size=0)

    asyncio.run(main())


def test_errors_of_the_stream_are_raised_by_read_and_write(cloud: Cloud) -> None:
    cloud.port = free_port()

    async def main() -> None:
        async with connector.connect(cloud.host) as stream:
            for use in (stream.read, stream.read, lambda: stream.write(b"x")):
                with pytest.raises(connector.ConnectorError, match="SSH server") as raised:
                    await use()
                assert stream.error is raised.value

    asyncio.run(main())


def test_exception_of_the_progress_callback_ends_the_start(cloud: Cloud) -> None:
    cloud.stopped(start_seconds=600)
    seen: list[connector.Waiting] = []

    def show(waiting: connector.Waiting) -> None:
        seen.append(waiting)
        raise LookupError("enough")

    async def main() -> None:
        with pytest.raises(LookupError, match="enough"):
            await connector.connect(cloud.host, on_waiting=show)

    asyncio.run(main())
    assert [waiting.status for waiting in seen] == ["STOPPED"]
