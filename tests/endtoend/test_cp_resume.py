"""``connector cp`` that is interrupted, and goes on."""

from __future__ import annotations

import hashlib
import signal
from pathlib import Path

import pytest

from connector.copy.journal import Kept, Source, head, line
from connector.copy.ranges import LEAST, Range
from connector.emulator.agent.behaviour import REAL

from .cloud import Cloud
from .copies import LARGE, Copies, LocalCopies, content, events, left_over, make_tree, tree_of
from .waiting import eventually

PART, JOURNAL = ".file.connector-part", ".file.connector-journal"


def leave(source: Path, target: Path, kept: list[Range], damaged: Range | None = None) -> None:
    """Leave an unfinished copy of a file beside its target."""
    whole = source.read_bytes()
    part = bytearray(6 * LEAST)
    status = source.stat()
    notes = head(Source(status.st_size, int(status.st_mtime)))
    for each in kept:
        piece = whole[each.start : each.end]
        notes += line(Kept(each, hashlib.sha256(piece).hexdigest()))
        part[each.start : each.end] = piece
    if damaged is not None:
        part[damaged.start] ^= 1
    (target / PART).write_bytes(part)
    (target / JOURNAL).write_bytes(notes)


@pytest.mark.parametrize("way", ["up", "down"])
def test_ranges_that_are_there_are_checked_and_kept(local: LocalCopies, way: str) -> None:
    source, target = local.ends(way)
    (source / "file").write_bytes(content(LARGE))
    first, second = Range(0, 4 * LEAST), Range(5 * LEAST, 6 * LEAST)
    leave(source / "file", target, [first, second], damaged=second)
    answer = local.run("--resume", "--json", *local.way(way, "file", "file"))
    assert answer.returncode == 0, answer.stderr
    assert (target / "file").read_bytes() == content(LARGE)
    assert events(answer.stdout)[-1]["keptBytes"] == first.size
    assert left_over(target) == []


@pytest.mark.parametrize("way", ["up", "down"])
def test_unfinished_copy_of_another_source_is_not_used(local: LocalCopies, way: str) -> None:
    source, target = local.ends(way)
    (source / "file").write_bytes(content(LARGE, 2))
    leave(source / "file", target, [Range(0, 4 * LEAST)])
    (source / "file").write_bytes(content(LARGE + 1))
    answer = local.run("--resume", "--json", *local.way(way, "file", "file"))
    assert answer.returncode == 0, answer.stderr
    assert (target / "file").read_bytes() == content(LARGE + 1)
    assert events(answer.stdout)[-1]["keptBytes"] == 0


def test_without_the_option_an_unfinished_copy_is_replaced(local: LocalCopies) -> None:
    (local.far / "file").write_bytes(content(LARGE))
    leave(local.far / "file", local.here, [Range(0, 4 * LEAST)], damaged=Range(0, 1))
    assert local.run(local.at("file"), local.here).returncode == 0
    assert (local.here / "file").read_bytes() == content(LARGE)


@pytest.mark.parametrize("way", ["up", "down"])
def test_files_that_are_the_same_are_kept(local: LocalCopies, way: str) -> None:
    source, target = local.ends(way)
    make_tree(source, [("tree/same", b"same"), ("tree/other", b"new"), ("tree/more", b"more")])
    make_tree(target, [("tree/same", b"same"), ("tree/other", b"old")])
    kept = (target / "tree/same").stat().st_ino
    answer = local.run("-r", "--resume", "--json", *local.way(way, "tree", ""))
    assert answer.returncode == 0, answer.stderr
    assert tree_of(target) == tree_of(source)
    assert (target / "tree/same").stat().st_ino == kept
    end = events(answer.stdout)[-1]
    assert (end["keptBytes"], end["files"]) == (4, 3)


@pytest.mark.parametrize(("number", "exit_code"), [(signal.SIGINT, 130), (signal.SIGKILL, -9)])
def test_interrupted_download_goes_on(
    copies: Copies, cloud: Cloud, number: signal.Signals, exit_code: int
) -> None:
    cloud.behave(REAL)
    (copies.far / "file").write_bytes(content(2 * LARGE))
    process = copies.start("-j", "3", copies.at("file"), copies.here)
    notes = copies.here / JOURNAL
    two_lines = 2 * len(head(Source(0, 0)))
    eventually(lambda: notes.exists() and notes.stat().st_size >= two_lines, "a range")
    process.signal(number)
    assert process.wait() == exit_code
    assert left_over(copies.here) == [JOURNAL, PART]
    assert not (copies.here / "file").exists()
    if number != signal.SIGKILL:  # a killed one can say nothing, and ends its sessions later
        cloud.wait_all_ended(3.0)
        said = process.stderr()
        assert "To go on later, run `connector cp --resume -j 3 " in said
    for session in cloud.sessions:
        cloud.stop_session(session)
    cloud.unpaced()
    answer = copies.run("--resume", "--json", copies.at("file"), copies.here)
    assert answer.returncode == 0, answer.stderr
    assert (copies.here / "file").read_bytes() == content(2 * LARGE)
    assert events(answer.stdout)[-1]["keptBytes"] > 0


def test_interrupted_tree_leaves_no_unfinished_small_files(copies: Copies, cloud: Cloud) -> None:
    cloud.behave(REAL)
    make_tree(copies.far, [(f"tree/{index}", content(400_000, index)) for index in range(20)])
    process = copies.start("-r", "-j", "3", copies.at("tree"), copies.here)
    eventually(lambda: left_over(copies.here), "an unfinished file")
    process.signal(signal.SIGTERM)
    assert process.wait() == 143
    assert left_over(copies.here) == []
    whole = tree_of(copies.far / "tree")
    assert all(whole[name] == found for name, found in tree_of(copies.here / "tree").items())
