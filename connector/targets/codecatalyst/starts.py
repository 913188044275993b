"""What is known of starts before there is one: whether it may be, and how long they took."""

from __future__ import annotations

from ...fast.records import NamedTuple
from ..memory import Memory

_MOST_DURATIONS = 5


class StartSettings(NamedTuple):
    """:param allowed: whether to start it; one that starts by itself is waited for anyway.
    :param timeout: seconds until it has to run.
    """

    allowed: bool = True
    timeout: float = 600.0


class Durations:
    """How many seconds the last starts of a Dev Environment took."""

    def __init__(self, memory: Memory) -> None:
        self._memory = memory

    def usual(self) -> float | None:
        """``None`` when nothing is known."""
        known = self._known()
        return sorted(known)[len(known) // 2] if known else None

    def note(self, seconds: float) -> None:
        self._memory.note([*self._known(), round(seconds, 1)][-_MOST_DURATIONS:])

    def _known(self) -> list[float]:
        known = self._memory.recall()
        values = known if isinstance(known, list) else []
        return [value for value in values if isinstance(value, (int, float)) and 0 < value < 1e5]
