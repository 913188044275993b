"""A file that says to be empty, and has more content than its reader takes."""

from __future__ import annotations

import os
import threading
import time

import pytest

from connector.copy import streams
from connector.copy.packets import Attributes
from connector.copy.plan import FileCopy
from connector.copy.sftp import BLOCK, Job
from connector.copy.sides import File, Here, HereFile, Now
from connector.copy.streamjobs import DownloadJobs
from connector.copy.streams import Stdout
from connector.copy.work import PREPARE, Work

#: Bytes that a pipe takes at most without a reader.
PIPE = 1 << 20


class EndlessFile(HereFile):
    """A file without an end."""

    def read(self, offset: int, size: int) -> Now[bytes]:
        return Now(bytes(size))


class Endless(Here):
    """A far end whose files have no end."""

    def open_source(self, path: bytes) -> Job[File]:
        yield from ()
        return EndlessFile(-1)


def test_content_without_end_waits_for_a_slow_reader(monkeypatch: pytest.MonkeyPatch) -> None:
    reader, writer = os.pipe()
    monkeypatch.setattr(streams, "_STDOUT", writer)
    changed = threading.Condition()
    work = Work(
        [FileCopy(b"file", b"-", Attributes(0, 0o100644, 0, 0))], 1, streamed=True, changed=changed
    )
    stdout = Stdout(changed)
    item = work.take()
    assert item is not None
    assert item.kind == PREPARE
    monkeypatch.setattr(time, "sleep", lambda _: work.stop())
    jobs = DownloadJobs(work, Endless(), stdout, lambda *_: pytest.fail("a command"))
    for _ in jobs.job(item):
        continue
    assert work.copied <= streams._HELD + PIPE + BLOCK
    os.close(reader)  # this ends the thread that writes
    with changed:
        changed.wait_for(lambda: stdout.error is not None, 10)
    os.close(writer)
    assert stdout.error is not None
