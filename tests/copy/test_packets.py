"""SFTP with a far end that breaks the protocol."""

from __future__ import annotations

import socket
import struct
from typing import Any

import pytest

from connector.copy import sftp as module
from connector.copy.packets import Attributes, attributes_of
from connector.copy.sftp import Job, Pipeline, Reply, Sftp, SftpError
from connector.errors import ConfigError, RemoteProtocolError

from .servers import ATTRS, DATA, HANDLE, NAME, STATUS, server

INIT, VERSION, CLOSE, OPENDIR, READDIR, REMOVE, STAT = 1, 2, 4, 11, 12, 13, 17

ONE_NAME = struct.pack(">I", 1) + struct.pack(">I", 1) + b"x" + bytes(8)


def packet(kind: int, content: bytes) -> bytes:
    return struct.pack(">IB", len(content) + 1, kind) + content


def test_packet_that_is_too_large_ends_the_connection() -> None:
    with (
        server(lambda _: (DATA, bytes(300_000))) as pipeline,
        pytest.raises(RemoteProtocolError, match="a packet has"),
    ):
        pipeline.run(pipeline.sftp.read(b"", 0, 1000).wait())


def test_data_beyond_what_was_asked_for_is_refused() -> None:
    with (
        server(lambda _: (DATA, struct.pack(">I", 1001) + bytes(1001))) as pipeline,
        pytest.raises(SftpError, match="it sent more than was asked for"),
    ):
        pipeline.run(pipeline.sftp.read(b"", 0, 1000).wait())


@pytest.mark.parametrize(
    ("kind", "content"),
    [
        (NAME, b"\xff\xff\xff\xff"),
        (NAME, struct.pack(">II", 1, 2000) + bytes(2010)),
        (ATTRS, b"\x80\0\0\0" + b"\xff\xff\xff\xff"),
        (ATTRS, b"\0\0\0\1" + b"\x80" + bytes(7)),
    ],
    ids=["names", "a long name", "extensions", "a size"],
)
def test_number_that_cannot_be_true_ends_the_connection(kind: int, content: bytes) -> None:
    with server(lambda _: (kind, content)) as pipeline:
        sftp = pipeline.sftp
        reply: Reply[Any] = sftp.real_path(b".") if kind == NAME else sftp.stat(b".")
        with pytest.raises(
            RemoteProtocolError, match=r"a packet cannot hold|a name has|a file has"
        ):
            pipeline.run(reply.wait())


def status(code: int) -> tuple[int, bytes]:
    return STATUS, struct.pack(">III", code, 0, 0)


@pytest.mark.parametrize("code", [0, 1])
def test_status_that_is_no_answer_to_a_question_is_refused(code: int) -> None:
    with server(lambda _: status(code)) as pipeline:
        sftp = pipeline.sftp
        for reply in (sftp.stat(b"."), sftp.open(b"a", 1), sftp.real_path(b".")):
            with pytest.raises(SftpError):
                pipeline.run(reply.wait())


def test_end_of_file_is_a_good_answer_to_reads_alone() -> None:
    with server(lambda _: status(1)) as pipeline:
        sftp = pipeline.sftp
        assert pipeline.run(sftp.read(b"", 0, 9).wait()) == b""
        for reply in (sftp.write(b"", 0, b"x"), sftp.close(b""), sftp.remove(b"a")):
            with pytest.raises(SftpError):
                pipeline.run(reply.wait())
        with pytest.raises(SftpError):
            pipeline.run(sftp.replace(b"a", b"b"))


def test_change_that_is_answered_with_something_else_ends_the_connection() -> None:
    with (
        server(lambda _: (HANDLE, struct.pack(">I", 0))) as pipeline,
        pytest.raises(RemoteProtocolError, match="something else than a status"),
    ):
        pipeline.run(pipeline.sftp.write(b"", 0, b"x").wait())


def test_version_that_is_cut_off_ends_the_connection() -> None:
    with pytest.raises(RemoteProtocolError), server(lambda _: (STATUS, b""), version=b""):
        pass


def test_packet_that_is_cut_off_ends_the_connection() -> None:
    with (
        server(lambda _: (DATA, struct.pack(">I", 5) + b"four")) as pipeline,
        pytest.raises(RemoteProtocolError, match="a packet is cut off"),
    ):
        pipeline.run(pipeline.sftp.read(b"", 0, 1000).wait())


def test_far_end_that_does_not_speak_sftp_ends_the_connection() -> None:
    near, far = socket.socketpair()
    with near, far:
        far.sendall(packet(STATUS, bytes(12)))
        with pytest.raises(RemoteProtocolError, match="does not speak SFTP"):
            Sftp(near)


def test_words_of_a_shell_in_place_of_sftp_are_told() -> None:
    near, far = socket.socketpair()
    with near, far:
        far.sendall(b"Welcome to this machine\r\nNext line")
        with pytest.raises(RemoteProtocolError, match="has sent 'Welcome to this machine'"):
            Sftp(near)


def test_answer_without_a_request_ends_the_connection() -> None:
    near, far = socket.socketpair()
    with near, far:
        far.sendall(packet(VERSION, struct.pack(">I", 3)))
        sftp = Sftp(near)
        far.sendall(packet(STATUS, bytes(12)))
        with pytest.raises(RemoteProtocolError, match="a request that was not made"):
            sftp.receive()


def test_requests_of_jobs_are_sent_together_and_answers_taken_in_any_pieces() -> None:
    near, far = socket.socketpair()
    sizes: list[int] = []

    def job(name: bytes) -> Job[None]:
        found = yield from pipeline.sftp.stat(name).wait()
        sizes.append(found.size)

    with near, far:
        far.sendall(packet(VERSION, struct.pack(">I", 3)))
        pipeline = Pipeline(Sftp(near))
        assert far.recv(1000) == packet(INIT, struct.pack(">I", 3))
        for name in (b"a", b"b", b"c"):
            pipeline.start(job(name))
        far.setblocking(False)
        with pytest.raises(BlockingIOError):
            far.recv(1000)
        answers = b"".join(
            packet(ATTRS, struct.pack(">IIQ", number, 1, 100 + number)) for number in range(3)
        )
        for start in range(0, len(answers), 10):
            far.sendall(answers[start : start + 10])
            pipeline.turn()
        asked = (
            struct.pack(">II", number, 1) + name for number, name in enumerate((b"a", b"b", b"c"))
        )
        assert far.recv(1000) == b"".join(packet(STAT, each) for each in asked)
    assert sizes == [100, 101, 102]


def test_directory_without_end_ends_the_copy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MOST_FILES", 1000)
    handle = struct.pack(">I", 1) + b"h"
    with (
        server(lambda kind: (HANDLE, handle) if kind == OPENDIR else (NAME, ONE_NAME)) as pipeline,
        pytest.raises(ConfigError, match="more than 1,000 files"),
    ):
        pipeline.run(pipeline.sftp.list_directory(b"."))


def test_directory_that_cannot_be_read_to_its_end_is_closed() -> None:
    asked: list[int] = []

    def answer(kind: int) -> tuple[int, bytes]:
        asked.append(kind)
        return (HANDLE, struct.pack(">I", 1) + b"h") if kind == OPENDIR else status(4)

    with server(answer) as pipeline:
        with pytest.raises(SftpError):
            pipeline.run(pipeline.sftp.list_directory(b"."))
        with pytest.raises(SftpError):
            pipeline.run(pipeline.sftp.remove(b"a").wait())
    assert asked == [OPENDIR, READDIR, CLOSE, REMOVE]


def test_all_attributes_are_read() -> None:
    content = struct.pack(">IQIIIII", 0x8000000F, 5, 1, 2, 0o100644, 7, 8)
    content += struct.pack(">I", 1) + struct.pack(">I", 1) + b"a" + struct.pack(">I", 1) + b"b"
    with server(lambda _: (ATTRS, content)) as pipeline:
        found = pipeline.run(pipeline.sftp.stat(b".").wait())
    assert found == Attributes(5, 0o100644, 8, 7)


def test_times_that_sftp_cannot_hold_become_the_nearest() -> None:
    held = struct.pack(">III", 8, 0, 0xFFFF_FFFF)
    assert attributes_of(times=(-5, 1 << 40)) == held
