"""Unfinished files of this machine, which one copy has for itself."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TypeVar

import pytest

from connector.copy.sftp import Job
from connector.copy.sides import Here

T = TypeVar("T")


def result(job: Job[T]) -> T:
    """Run a job of this machine, which never waits."""
    try:
        next(job)
    except StopIteration as ended:
        found: T = ended.value
        return found
    raise AssertionError("a job of this machine waits")


def write(here: Here, path: bytes, data: bytes) -> None:
    result(result(here.create(path, 0o600)).write(0, data).wait())


def test_second_copy_does_not_touch_the_file_of_the_first(tmp_path: Path) -> None:
    part, first, second = os.fsencode(tmp_path / "part"), Here(), Here()
    write(first, part, b"first")
    for job in (second.create(part, 0o600), second.reopen(part), second.remove(part)):
        with pytest.raises(OSError, match="Another copy writes to the same file"):
            result(job)
    result(first.replace(part, os.fsencode(tmp_path / "file")))
    assert (tmp_path / "file").read_bytes() == b"first"


def test_file_is_free_once_it_has_its_name(tmp_path: Path) -> None:
    part, first, second = os.fsencode(tmp_path / "part"), Here(), Here()
    write(first, part, b"first")
    result(first.replace(part, os.fsencode(tmp_path / "file")))
    write(second, part, b"second")
    result(second.remove(part))
    assert os.listdir(tmp_path) == ["file"]


def test_file_that_another_program_has_put_there_gets_no_name(tmp_path: Path) -> None:
    part, here = os.fsencode(tmp_path / "part"), Here()
    write(here, part, b"ours")
    os.unlink(part)
    Path(os.fsdecode(part)).write_bytes(b"theirs")
    with pytest.raises(OSError, match="Another copy writes to the same file"):
        result(here.replace(part, os.fsencode(tmp_path / "file")))
    os.unlink(part)
    with pytest.raises(FileNotFoundError):
        result(here.replace(part, os.fsencode(tmp_path / "file")))


def test_what_a_copy_left_that_has_ended_is_replaced(tmp_path: Path) -> None:
    part = tmp_path / "part"
    part.write_bytes(b"left")
    write(Here(), os.fsencode(part), b"new")
    assert part.read_bytes() == b"new"


def test_own_file_is_made_anew(tmp_path: Path) -> None:
    part, here = tmp_path / "part", Here()
    write(here, os.fsencode(part), b"first try")
    write(here, os.fsencode(part), b"second")
    result(here.replace(os.fsencode(part), os.fsencode(tmp_path / "file")))
    assert (tmp_path / "file").read_bytes() == b"second"


def test_link_in_the_place_of_an_unfinished_file_is_replaced(tmp_path: Path) -> None:
    precious = tmp_path / "precious"
    precious.write_bytes(b"precious")
    part = tmp_path / "part"
    part.symlink_to(precious)
    write(Here(), os.fsencode(part), b"new")
    assert not part.is_symlink()
    assert precious.read_bytes() == b"precious"
