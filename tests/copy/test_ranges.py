"""The ranges of a large file: every byte is copied once, by any number of connections."""

from __future__ import annotations

import random

from hypothesis import given
from hypothesis import strategies as st

from connector.copy.ranges import LEAST, MOST, Range, Ranges, gaps, merged
from connector.copy.sftp import BLOCK

SIZES = st.integers(1, 40 * LEAST)


@given(SIZES, st.integers(0, 1 << 32))
def test_ranges_cover_the_file_without_overlap(size: int, seed: int) -> None:
    rng = random.Random(seed)
    ranges = Ranges(size)
    taken: list[Range] = []
    copied: list[Range] = []
    while not ranges.is_whole:
        free = ranges.take(rng.randint(1, 8))
        if free is not None:
            assert free.start % BLOCK == 0
            assert 0 < free.size <= MOST + LEAST
            assert not any(free.start < each.end and each.start < free.end for each in taken)
            taken.append(free)
        if taken and (free is None or rng.random() < 0.5):
            part = taken.pop(rng.randrange(len(taken)))
            blocks = -(-part.size // BLOCK)
            reached = min(part.end, part.start + BLOCK * rng.randint(0, blocks))
            ranges.finish(part, reached)
            copied.append(Range(part.start, reached))
    assert merged(copied) == [Range(0, size)]
    assert ranges.copied == size
    assert ranges.take(1) is None


@given(SIZES, st.lists(st.tuples(st.integers(0, 40), st.integers(1, 9))))
def test_ranges_of_an_earlier_copy_are_not_taken(size: int, kept: list[tuple[int, int]]) -> None:
    done = [Range(start * LEAST, (start + count) * LEAST) for start, count in kept]
    done = [Range(each.start, min(each.end, size)) for each in done if each.start < size]
    ranges = Ranges(size, done)
    free = []
    while (each := ranges.take(3)) is not None:
        free.append(each)
    assert merged([*free, *done]) == [Range(0, size)]
    assert sum(each.size for each in free) + ranges.copied == size


def test_ranges_shrink_towards_the_end() -> None:
    ranges = Ranges(64 * MOST)
    sizes = []
    while (each := ranges.take(8)) is not None:
        sizes.append(each.size)
    assert sizes[0] == MOST
    assert sizes == sorted(sizes, reverse=True)
    assert sum(sizes[-8:]) <= 16 * LEAST


def test_gaps_are_what_is_missing() -> None:
    assert gaps(10, []) == [Range(0, 10)]
    assert gaps(10, [Range(0, 10)]) == []
    assert gaps(10, [Range(2, 4), Range(3, 5), Range(8, 12)]) == [Range(0, 2), Range(5, 8)]
