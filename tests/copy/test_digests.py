"""Digests that the far end makes by its own programs."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from connector.copy.checks import Checker
from connector.copy.digests import NoDigests, far_digests
from connector.copy.packets import Attributes
from connector.copy.plan import FileCopy
from connector.copy.work import Work
from connector.programs import Ran


def far_end(path: str) -> Callable[[str, bytes, float], Ran]:
    """Return what runs commands with this PATH."""

    def run(command: str, stdin: bytes, timeout: float) -> Ran:
        shell = shutil.which(command)
        assert shell is not None
        done = subprocess.run(
            [shell], input=stdin, env={"PATH": path}, capture_output=True, timeout=60, check=False
        )
        return Ran(done.returncode, done.stdout, done.stderr)

    return run


def test_missing_program_is_named(tmp_path: Path) -> None:
    with pytest.raises(NoDigests, match="the far end has neither sha256sum nor shasum"):
        far_digests(far_end(str(tmp_path)), [(b"/file", 1)])


def test_file_that_cannot_be_read_is_left_out(tmp_path: Path) -> None:
    there, missing = os.fsencode(tmp_path / "there"), os.fsencode(tmp_path / "missing")
    (tmp_path / "there").write_bytes(b"x")
    found = far_digests(far_end(os.environ["PATH"]), [(there, 1), (missing, 1)])
    assert found == {there: hashlib.sha256(b"x").hexdigest()}


def test_file_that_has_gone_meanwhile_counts_as_not_compared(tmp_path: Path) -> None:
    attributes = Attributes(1, 0o100644, 0, 0)
    work = Work([FileCopy(b"source", os.fsencode(tmp_path / "gone"), attributes)], 1)
    item = work.take()
    assert item is not None
    item.task.digest = hashlib.sha256(b"x").hexdigest()
    work.whole_done(item)
    checker = Checker(work, far_end(os.environ["PATH"]), downloads=False)
    checker.start()
    while (last := work.take()) is None:
        work.wait_for_item(1.0)
    work.finished(last)
    checker.join()
    assert (work.unchecked, work.why_unchecked) == (1, "the far end could not read them")
