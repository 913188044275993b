"""Analyse a recorded dialogue: mark its retransmissions and gaps, and count its messages."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import pairwise

from . import messages
from .dialogue import MALFORMED, OPEN, RECEIVED, SENT, Line


class Direction:
    """The stream messages of one direction.

    :ivar sent: their number, retransmissions included.
    :ivar retransmitted: the number of retransmissions.
    :ivar stream_bytes: the bytes of Output payloads, each once.
    :ivar round_trips: seconds from a message that was sent once to its ack.
    """

    def __init__(self) -> None:
        self.sent = 0
        self.retransmitted = 0
        self.stream_bytes = 0
        self.round_trips: list[float] = []
        self._times: dict[int, int] = {}  # number -> transmissions
        self._sent_at: dict[int, float] = {}
        self._acked: set[int] = set()
        self._highest = -1

    def note(self, line: Line, number: int, at: float) -> str:
        """Take in a message; return a remark on it, which may be empty."""
        self.sent += 1
        times = self._times.get(number, 0)
        highest, self._highest = self._highest, max(self._highest, number)
        self._times[number] = times + 1
        self._sent_at[number] = at
        if times:
            self.retransmitted += 1
            return f"retransmission {times}"
        if line.payload == "output":
            self.stream_bytes += line.size
        if number > highest + 1:
            return f"gap: {_words([(highest + 1, number - 1)])} missing"
        return "fills a gap" if number < highest else ""

    def note_ack(self, number: int, at: float) -> str:
        """Take in an ack of a message; return a remark on it, which may be empty."""
        times = self._times.get(number, 0)
        if not times:
            return "of a message that is not here"
        again = number in self._acked
        self._acked.add(number)
        if again:
            return "again"
        if times > 1:
            return ""
        took = at - self._sent_at[number]
        self.round_trips.append(took)
        return f"after {1000 * took:.0f} ms"

    @property
    def unacked(self) -> list[tuple[int, int]]:
        """The runs of messages without an ack, each as its first and last number."""
        return _runs(self._times.keys() - self._acked)

    @property
    def missing(self) -> list[tuple[int, int]]:
        """The runs of numbers below the highest one for which there is no message."""
        present = [(-1, -1), *_runs(number for number in self._times if number >= 0)]
        return [
            (end + 1, start - 1) for (_, end), (start, _) in pairwise(present) if start > end + 1
        ]


class Trace:
    """One session's dialogue, read line by line.

    :ivar links: the number of links.
    :ivar malformed: the number of malformed frames that arrived.
    """

    def __init__(self) -> None:
        self.links = 0
        self.malformed = 0
        self.input = Direction()
        self.output = Direction()

    def note(self, line: Line, at: float) -> str:
        """Take in the next line; return a remark on it, which may be empty.

        :param at: seconds, of any clock.
        """
        if line.kind == OPEN and line.direction == SENT:
            self.links += 1
            return f"link {self.links}"
        if line.kind == MALFORMED:
            self.malformed += 1
        if line.number is None:
            return ""
        if line.kind == messages.INPUT_STREAM_DATA:
            return self.input.note(line, line.number, at)
        if line.kind == messages.OUTPUT_STREAM_DATA:
            return self.output.note(line, line.number, at)
        if line.kind == messages.ACKNOWLEDGE:
            acked = self.input if line.direction == RECEIVED else self.output
            return acked.note_ack(line.number, at)
        return ""

    def totals(self) -> Iterator[str]:
        """Yield the lines of the summary."""
        yield f"{'':24}{'input':>12}{'output':>12}"
        for title, count in (
            ("stream bytes", lambda end: end.stream_bytes),
            ("messages", lambda end: end.sent),
            ("retransmissions", lambda end: end.retransmitted),
            ("messages without ack", lambda end: _count(end.unacked)),
            ("messages missing", lambda end: _count(end.missing)),
        ):
            yield f"{title:24}{count(self.input):12,}{count(self.output):12,}"
        if self.input.round_trips:
            trips = sorted(self.input.round_trips)
            middle, longest = 1000 * trips[len(trips) // 2], 1000 * trips[-1]
            yield f"round trip of input: median {middle:.0f} ms, longest {longest:.0f} ms"
        yield f"links: {self.links}, malformed frames: {self.malformed}"
        for title, runs in (
            ("input without ack", self.input.unacked),
            ("output without ack", self.output.unacked),
            ("output missing", self.output.missing),
        ):
            if runs:
                yield f"{title}: {_words(runs)}"


def _runs(numbers: Iterable[int]) -> list[tuple[int, int]]:
    """Return numbers as runs of consecutive ones, each as its first and last number."""
    runs: list[tuple[int, int]] = []
    for number in sorted(numbers):
        if runs and runs[-1][1] + 1 == number:
            runs[-1] = (runs[-1][0], number)
        else:
            runs.append((number, number))
    return runs


def _count(runs: list[tuple[int, int]]) -> int:
    return sum(last - first + 1 for first, last in runs)


def _words(runs: list[tuple[int, int]]) -> str:
    """Return runs as words, such as ``3-5, 9``; after the tenth an ellipsis."""
    words = [str(first) if first == last else f"{first}-{last}" for first, last in runs[:10]]
    return ", ".join([*words, "…"] if len(runs) > 10 else words)
