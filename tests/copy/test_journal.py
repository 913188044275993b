"""The journal of an unfinished file."""

from __future__ import annotations

from connector.copy.journal import LINE_SIZE, Kept, Source, head, line, read
from connector.copy.ranges import Range

SOURCE = Source(1000, 1_700_000_000)
FIRST, SECOND = Kept(Range(0, 300), "0" * 64), Kept(Range(600, 1000), "a" * 64)


def test_journal_returns_its_ranges() -> None:
    content = head(SOURCE) + line(FIRST) + line(SECOND)
    assert len(content) == 3 * LINE_SIZE
    assert read(content, SOURCE) == [FIRST, SECOND]


def test_journal_of_another_source_counts_for_nothing() -> None:
    content = head(SOURCE) + line(FIRST)
    assert read(content, SOURCE._replace(size=1001)) == []
    assert read(content, SOURCE._replace(mtime=1)) == []
    assert read(b"", SOURCE) == []
    assert read(b"nonsense", SOURCE) == []


def test_damaged_lines_are_skipped() -> None:
    hole = bytes(LINE_SIZE)
    assert read(head(SOURCE) + hole + line(SECOND), SOURCE) == [SECOND]
    assert read(head(SOURCE) + line(FIRST) + line(SECOND)[:40], SOURCE) == [FIRST]
    backwards = line(Kept(Range(300, 0), "0" * 64))
    assert read(head(SOURCE) + backwards, SOURCE) == []


def test_range_beyond_the_source_is_skipped() -> None:
    assert read(head(SOURCE) + line(Kept(Range(0, 1001), "0" * 64)), SOURCE) == []
