"""The work of a copy: what its connections and its checker do next."""

from __future__ import annotations

import stat

import pytest

from connector.copy.packets import Attributes
from connector.copy.plan import FileCopy
from connector.copy.ranges import Ranges
from connector.copy.work import (
    FINISH,
    LARGE,
    LEAST_FILES,
    MOST_FILES,
    PREPARE,
    RANGE,
    WHOLE,
    Item,
    Work,
)

SMALL = 1000


@pytest.fixture
def work() -> Work:
    """Return the work of a large file and three small ones."""
    sizes = (LARGE, SMALL, SMALL, SMALL)
    return Work([file(index, size) for index, size in enumerate(sizes)], LARGE)


def file(index: int, size: int) -> FileCopy:
    attributes = Attributes(size, stat.S_IFREG, 0, 0)
    return FileCopy(b"from%d" % index, b"to%d" % index, attributes)


def take(work: Work, kind: str) -> Item:
    item = work.take()
    assert item is not None
    assert item.kind == kind
    return item


def copy_large(work: Work) -> None:
    ranges = Ranges(LARGE)
    work.prepared(take(work, PREPARE), ranges)
    while not ranges.is_whole:
        assert not work.wait_for_checks(0)
        item = take(work, RANGE)
        item.reached = item.range.end
        work.range_done(item)


def test_large_file_is_compared_before_the_small_ones_are_copied(work: Work) -> None:
    copy_large(work)
    assert work.wait_for_checks(0)
    (large,) = work.take_checks(10)
    assert large.is_large
    assert not work.wait_for_checks(0)


def test_small_files_are_compared_together_when_no_other_is_on_its_way(work: Work) -> None:
    copy_large(work)
    assert work.wait_for_checks(0)
    (large,) = work.take_checks(10)
    work.checked(large, "", compared=True)
    work.finished(take(work, FINISH))
    for _ in range(2):
        work.whole_done(take(work, WHOLE))
        assert not work.wait_for_checks(0)
    work.fail(take(work, WHOLE), "it is gone")
    assert work.wait_for_checks(0)
    assert len(work.take_checks(10)) == 2


def test_end_wakes_the_checker(work: Work) -> None:
    assert not work.wait_for_checks(0)
    work.stop()
    assert work.wait_for_checks(0)


def test_connections_begin_fewer_files_at_the_end() -> None:
    work = Work([file(index, SMALL) for index in range(1000)], LARGE)
    work.connections = 4
    begun = []
    while work.take() is not None:
        begun.append(work.files_each)
    assert (begun[0], begun[499], begun[-1]) == (124, 62, LEAST_FILES)
    alone = Work([file(index, SMALL) for index in range(1000)], LARGE)
    assert alone.files_each == MOST_FILES
