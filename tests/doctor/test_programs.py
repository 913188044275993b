"""How the doctor waits for the end of what a program has started."""

from __future__ import annotations

import ctypes
import os
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from connector.doctor.programs import Program

from ..endtoend.waiting import eventually

_PR_SET_CHILD_SUBREAPER = 36

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="/proc and subreapers are Linux's")


@pytest.fixture
def slow_init() -> Iterator[None]:
    """Make this process the parent of orphans, and reap none of them."""
    libc = ctypes.CDLL(None)
    assert libc.prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) == 0
    yield
    assert libc.prctl(_PR_SET_CHILD_SUBREAPER, 0, 0, 0, 0) == 0


@pytest.mark.usefixtures("slow_init")
def test_end_does_not_wait_until_an_orphan_is_reaped(tmp_path: Path) -> None:
    file = tmp_path / "orphan"
    program = Program(["/bin/sh", "-c", f"sleep 600 & echo $! > {file}"], grace=30.0)
    assert program.wait(20.0).status == 0
    eventually(lambda: file.exists() and file.read_text().endswith("\n"))
    began = time.monotonic()
    program.end()

    assert time.monotonic() - began < 15.0
    assert os.waitpid(int(file.read_text()), os.WNOHANG)[0]
