"""Which end is called good, by what it has lost."""

from __future__ import annotations

import pytest

from connector.errors import LinkLost
from connector.transport.losses import judge, output_missing

#: missing, unwritten, unacknowledged, runs a program, reader gone -> words, and whether told.
VERDICTS = [
    ((False, 0, 0, False, False), None),
    ((False, 0, 5, False, False), ("before 5 bytes of input were acknowledged", True)),
    ((False, 0, 5, False, True), ("before 5 bytes of input were acknowledged", False)),
    ((False, 0, 5, True, False), None),
    ((False, 0, 5, True, True), None),
    ((False, 1024, 0, False, False), ("last 1,024 bytes of output could not be written", True)),
    ((False, 1024, 0, True, False), ("last 1,024 bytes of output could not be written", True)),
    ((False, 1024, 0, False, True), None),
    ((True, 0, 0, False, False), ("before all of its output had arrived", True)),
    ((True, 0, 0, True, False), ("before all of its output had arrived", True)),
    ((True, 9, 5, False, False), ("before all of its output had arrived", True)),
    ((True, 0, 0, False, True), None),
    ((True, 0, 5, False, True), ("before 5 bytes of input were acknowledged", False)),
]


@pytest.mark.parametrize(("lost", "verdict"), VERDICTS)
def test_end_is_judged_by_what_it_has_lost(
    lost: tuple[bool, int, int, bool, bool], verdict: tuple[str, bool] | None
) -> None:
    missing, unwritten, unacknowledged, runs_program, reader_gone = lost
    judged = judge(
        missing, unwritten, unacknowledged, runs_program=runs_program, reader_gone=reader_gone
    )
    if verdict is None:
        assert judged is None
    else:
        assert judged is not None
        error, told = judged
        assert isinstance(error, LinkLost)
        words, is_told = verdict
        assert words in str(error)
        assert told == is_told


def test_reason_of_the_service_is_told_with_the_gap() -> None:
    assert "had arrived: Maintenance. What" in str(output_missing("Maintenance"))
