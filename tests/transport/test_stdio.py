"""stdin and stdout as pipes, sockets, files and terminals."""

from __future__ import annotations

import contextlib
import hashlib
import os
import pty
import socket
import subprocess
import sys
import threading
import tty
from collections.abc import Iterator
from pathlib import Path

import pytest

from connector.transport.loop import Loop
from connector.transport.pumps import PolledInput, PolledOutput
from connector.transport.stdio import open_input, open_output
from connector.transport.threaded import ThreadedInput, ThreadedOutput

DATA = hashlib.sha512(b"seed").digest() * 16_384  # 1 MiB


@pytest.fixture
def loop() -> Iterator[Loop]:
    loop = Loop()
    yield loop
    loop.close()


class Ends:
    """Two descriptors joined by a pipe or a socket pair: the one under test and its peer."""

    def __init__(self, kind: str, *, we_read: bool) -> None:
        if kind == "pipe":
            reader, writer = os.pipe()
            self.ours, self.other = (reader, writer) if we_read else (writer, reader)
        else:
            ours, other = socket.socketpair()
            self.ours, self.other = ours.detach(), other.detach()

    def close_other(self) -> None:
        if self.other >= 0:
            os.close(self.other)
            self.other = -1


def collect(loop: Loop, source: PolledInput | ThreadedInput, wanted: int = 1 << 20) -> bytes:
    """Read all of an input through the loop."""
    received: list[bytes] = []
    ended: list[bool] = []

    def on_data(data: bytes) -> None:
        received.append(data)
        source.set_wanted(wanted)

    source.start(on_data, lambda: ended.append(True))
    source.set_wanted(wanted)
    loop.run(lambda: bool(ended))
    source.close()
    return b"".join(received)


@pytest.mark.parametrize("kind", ["pipe", "socket"])
@pytest.mark.parametrize("wanted", [1000, 1 << 20])
def test_input_gives_all_bytes_and_then_its_end(loop: Loop, kind: str, wanted: int) -> None:
    ends = Ends(kind, we_read=True)

    def write() -> None:
        with os.fdopen(ends.other, "wb") as file:
            file.write(DATA)

    writer = threading.Thread(target=write)
    writer.start()
    source = open_input(loop, ends.ours)

    assert isinstance(source, PolledInput)
    assert collect(loop, source, wanted) == DATA
    writer.join()


def test_input_reads_no_more_than_wanted(loop: Loop) -> None:
    ends = Ends("pipe", we_read=True)
    os.write(ends.other, b"0123456789")
    source = PolledInput(loop, ends.ours)
    received: list[bytes] = []
    source.start(received.append, lambda: None)

    source.set_wanted(4)
    loop.run(lambda: bool(received))
    source.set_wanted(0)
    done: list[bool] = []
    loop.call_at(loop.time() + 0.02, lambda: done.append(True))
    loop.run(lambda: bool(done))

    assert received == [b"0123"]
    source.close()
    ends.close_other()


def test_rest_of_an_input_is_what_is_there_now(loop: Loop) -> None:
    ends = Ends("pipe", we_read=True)
    os.write(ends.other, b"last words")
    source = PolledInput(loop, ends.ours)
    received: list[bytes] = []
    ended: list[bool] = []

    def on_data(data: bytes) -> None:
        received.append(data)
        source.set_wanted(4)

    source.start(on_data, lambda: ended.append(True))
    source.set_wanted(4)
    source.take_rest()
    loop.run(lambda: bool(ended))

    assert b"".join(received) == b"last words"
    source.close()
    ends.close_other()


def test_rest_of_an_input_waits_for_room(loop: Loop) -> None:
    ends = Ends("pipe", we_read=True)
    os.write(ends.other, b"last words")
    source = PolledInput(loop, ends.ours)
    received: list[bytes] = []
    ended: list[bool] = []
    source.start(received.append, lambda: ended.append(True))
    source.set_wanted(4)
    loop.run(lambda: bool(received))
    source.set_wanted(0)
    source.take_rest()
    loop.call_at(loop.time() + 0.01, lambda: source.set_wanted(100))
    loop.run(lambda: bool(ended))

    assert b"".join(received) == b"last words"
    source.close()
    ends.close_other()


@pytest.mark.parametrize("kind", ["pipe", "socket"])
def test_output_waits_for_a_slow_reader_without_blocking_the_loop(loop: Loop, kind: str) -> None:
    ends = Ends(kind, we_read=False)
    sink = open_output(loop, ends.ours)
    assert isinstance(sink, PolledOutput)
    progress: list[int] = []
    sink.start(lambda: progress.append(sink.pending_bytes), lambda _: pytest.fail("broken"))

    for start in range(0, len(DATA), 100_000):
        sink.write(DATA[start : start + 100_000])
    assert 0 < sink.pending_bytes < len(DATA)
    received: list[bytes] = []

    def read() -> None:
        while sum(map(len, received)) < len(DATA):
            received.append(os.read(ends.other, 65536))

    reader = threading.Thread(target=read)
    reader.start()
    loop.run(lambda: sink.pending_bytes == 0)
    reader.join()

    assert b"".join(received) == DATA
    assert progress[-1] == 0
    sink.close()
    ends.close_other()


@pytest.mark.parametrize("kind", ["pipe", "socket"])
def test_output_notices_without_a_write_that_the_reader_left(loop: Loop, kind: str) -> None:
    ends = Ends(kind, we_read=False)
    sink = open_output(loop, ends.ours)
    broken: list[OSError | None] = []
    sink.start(lambda: None, broken.append)

    ends.close_other()
    loop.run(lambda: bool(broken))

    assert broken == [None]
    sink.write(b"unread output")
    assert sink.pending_bytes == 0
    sink.close()


def test_bytes_sent_to_an_output_socket_do_not_break_it(loop: Loop) -> None:
    ends = Ends("socket", we_read=False)
    sink = open_output(loop, ends.ours)
    broken: list[OSError | None] = []
    sink.start(lambda: None, broken.append)
    os.write(ends.other, b"?")
    done: list[bool] = []
    loop.call_at(loop.time() + 0.02, lambda: done.append(True))
    loop.run(lambda: bool(done))
    sink.write(b"still here")

    assert not broken
    assert os.read(ends.other, 100) == b"still here"
    sink.close()
    ends.close_other()


def test_blocking_mode_of_a_shared_pipe_is_restored(loop: Loop) -> None:
    ends = Ends("pipe", we_read=True)
    shared = os.dup(ends.ours)
    source = PolledInput(loop, ends.ours)
    source.start(lambda _: None, lambda: None)
    assert not os.get_blocking(shared)

    source.close()

    assert os.get_blocking(shared)
    os.close(shared)
    ends.close_other()


def test_files_are_read_and_written_by_threads(loop: Loop, tmp_path: Path) -> None:
    (tmp_path / "in").write_bytes(DATA)
    source = open_input(loop, os.open(tmp_path / "in", os.O_RDONLY))
    assert isinstance(source, ThreadedInput)
    assert collect(loop, source) == DATA

    sink = open_output(loop, os.open(tmp_path / "out", os.O_WRONLY | os.O_CREAT, 0o600))
    assert isinstance(sink, ThreadedOutput)
    sink.start(lambda: None, lambda _: pytest.fail("broken"))
    sink.write(DATA)
    loop.run(lambda: sink.pending_bytes == 0)
    sink.close()
    assert (tmp_path / "out").read_bytes() == DATA


def test_non_blocking_terminal_is_waited_for(loop: Loop) -> None:
    master, slave = pty.openpty()
    tty.setraw(slave)
    os.set_blocking(slave, False)
    source, sink = open_input(loop, slave), open_output(loop, slave)
    given: list[bytes] = []
    source.start(given.append, lambda: pytest.fail("ended"))
    sink.start(lambda: None, lambda _: pytest.fail("broken"))
    source.set_wanted(100)
    sink.write(DATA)
    threading.Timer(0.05, os.write, (master, b"key")).start()
    loop.run(lambda: bool(given))
    read = b""
    while len(read) < len(DATA):
        read += os.read(master, 65536)
    loop.run(lambda: sink.pending_bytes == 0)
    assert (given, read) == ([b"key"], DATA)
    source.close()
    sink.close()
    os.close(master)
    os.close(slave)


def test_full_disk_is_reported_as_its_error(loop: Loop) -> None:
    sink = open_output(loop, os.open("/dev/full", os.O_WRONLY))
    broken: list[OSError | None] = []
    sink.start(lambda: None, broken.append)

    sink.write(b"x")
    loop.run(lambda: bool(broken))

    assert broken[0] is not None
    assert "No space left" in str(broken[0])


def test_terminal_is_read_without_changing_its_mode(loop: Loop) -> None:
    master, slave = pty.openpty()
    source = open_input(loop, slave)
    assert isinstance(source, ThreadedInput)
    os.write(master, b"typed\n\x04")

    assert collect(loop, source) == b"typed\n"
    assert os.get_blocking(slave)
    os.close(master)
    with contextlib.suppress(OSError):
        os.close(slave)


def test_keys_after_the_end_are_left_to_the_next_reader_of_the_terminal(loop: Loop) -> None:
    master, slave = pty.openpty()
    source = open_input(loop, slave)
    before = set(threading.enumerate())
    source.start(lambda _: pytest.fail("read"), lambda: pytest.fail("ended"))
    (reader,) = set(threading.enumerate()) - before
    source.set_wanted(100)
    source.close()
    reader.join(60)
    assert not reader.is_alive()
    os.write(master, b"later\n")
    assert os.read(slave, 100) == b"later\n"
    os.close(master)
    os.close(slave)


def test_print_does_not_reach_the_stream() -> None:
    script = """
import os, subprocess, sys
from connector.transport.stdio import take_standard_streams
stream_in, stream_out = take_standard_streams()
print("from print", flush=True)
os.write(1, b"from descriptor 1\\n")
subprocess.run([sys.executable, "-c", "print('from a child'); print(input())"], stderr=2)
os.write(stream_out, os.read(stream_in, 100))
"""
    done = subprocess.run(
        [sys.executable, "-c", script], input=b"the stream", capture_output=True, check=True
    )

    assert done.stdout == b"the stream"
    for words in (b"from print", b"from descriptor 1", b"from a child", b"EOFError"):
        assert words in done.stderr


def test_closed_stdin_is_reported_in_one_line() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "connector", "attach"],
        stdin=None,
        capture_output=True,
        check=False,
        preexec_fn=lambda: os.close(0),
    )

    assert done.returncode == 78
    assert done.stdout == b""
    assert done.stderr.startswith(b"connector: Stdin or stdout is closed.")
