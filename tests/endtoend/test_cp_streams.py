"""``connector cp`` with stdin as the source, and stdout as the destination."""

from __future__ import annotations

import signal

import pytest

from .cloud import START, Cloud
from .commands import CONNECTOR
from .copies import LARGE, Copies, LocalCopies, content, left_over, make_tree
from .waiting import eventually


def test_large_stream_is_the_same_in_both_directions(copies: Copies) -> None:
    answer = copies.run("-", copies.at("file"), input=content(LARGE))
    assert (answer.returncode, answer.stdout, answer.stderr) == (0, b"", b"")
    assert (copies.far / "file").read_bytes() == content(LARGE)
    answer = copies.run(copies.at("file"), "-")
    assert (answer.returncode, answer.stderr) == (0, b"")
    assert answer.stdout == content(LARGE)
    assert left_over(copies.far) == []


@pytest.mark.parametrize("size", [0, 1, 600_000])
def test_stream_is_the_same_in_both_directions(local: LocalCopies, size: int) -> None:
    answer = local.pipe("-", local.at("file"), input=content(size))
    assert (answer.returncode, answer.stdout, answer.stderr) == (0, b"", b"")
    assert (local.far / "file").read_bytes() == content(size)
    answer = local.pipe(local.at("file"), "-")
    assert (answer.returncode, answer.stderr) == (0, b"")
    assert answer.stdout == content(size)
    assert left_over(local.far) == []


def test_stream_takes_several_sessions(copies: Copies, cloud: Cloud) -> None:
    (copies.far / "file").write_bytes(content(2 * LARGE))
    assert copies.run("-j", "3", copies.at("file"), "-").stdout == content(2 * LARGE)
    assert cloud.count(START) == 3


def test_file_of_proc_has_its_content(local: LocalCopies) -> None:
    answer = local.pipe(f"{local.host}:/proc/self/status", "-")
    assert answer.returncode == 0, answer.stderr
    assert answer.stdout.startswith(b"Name:")


def test_reader_that_leaves_ends_the_copy(local: LocalCopies) -> None:
    (local.far / "file").write_bytes(content(LARGE))
    process = local.start(local.at("file"), "-")
    process.reader.exactly(1000)
    process.stop_reading()
    assert process.wait() == 74
    assert process.stderr() == "connector: Stdout cannot be written: Broken pipe\n"


@pytest.mark.parametrize(("redirection", "code"), [(">&-", 74), ("<&-", 78)])
def test_stream_that_is_closed_is_told(local: LocalCopies, redirection: str, code: int) -> None:
    make_tree(local.far, [("file", b"x")])
    words = ["-", local.at("file")] if code == 78 else [local.at("file"), "-"]
    shell = ("/bin/sh", "-c", f'exec "$@" {redirection}', "sh")
    answer = local.commands.run(*shell, *CONNECTOR, "cp", *words)
    assert answer.returncode == code
    assert b" closed\n" in answer.stderr
    assert (local.far / "file").read_bytes() == b"x"


def test_reader_that_pauses_gets_all_bytes(copies: Copies, cloud: Cloud) -> None:
    (copies.far / "file").write_bytes(content(2 * LARGE))
    process = copies.start(copies.at("file"), "-")
    process.reader.exactly(1000)
    cloud.wait_for_agents(2)
    assert len(process.reader.rest()) == 2 * LARGE - 1000
    assert process.wait() == 0


@pytest.mark.parametrize(
    ("number", "exit_code"),
    [(signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGHUP, 129)],
)
def test_interrupted_stream_leaves_nothing(
    local: LocalCopies, number: signal.Signals, exit_code: int
) -> None:
    process = local.start("-", local.at("file"))
    process.send(content(700_000))
    eventually(lambda: left_over(local.far), "an unfinished file")
    process.signal(number)
    assert process.wait() == exit_code
    assert left_over(local.far) == []
    assert not (local.far / "file").exists()


def test_stream_needs_the_name_of_a_file(local: LocalCopies) -> None:
    answer = local.pipe("-", local.at(""), input=b"x")
    assert answer.returncode == 78
    assert answer.stderr.endswith(b"far is a directory. Name the file to write\n")
    answer = local.pipe("-r", local.at(""), "-")
    assert (answer.returncode, answer.stdout) == (1, b"")
    assert b"is a directory, which cannot go to stdout\n" in answer.stderr
