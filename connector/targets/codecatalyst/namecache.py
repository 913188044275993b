"""Which Dev Environments there are, as they were last listed: what names are looked up in.

So that a bare ``ssh`` to a name that is known needs no more of the network than one to an id.
It is a hint and no more: what is not in it, or not what the service then says, is listed anew.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

from ...fast.records import NamedTuple
from ..memory import Memory

if TYPE_CHECKING:
    from .listing import EnvironmentSummary

#: Seconds that a list is good for. Names change by hand and seldom, and one that has gone or
#: been given to another environment is noticed when it is used. What is not noticed is a second
#: one of the same name; a day bounds that, and costs one listing on the first ssh of the day.
MAX_AGE = 86_400.0


class KnownName(NamedTuple):
    """A Dev Environment; ``alias`` is empty when it has none."""

    space: str
    project: str
    id: str
    alias: str


class NameCache:
    """The names of one login at one endpoint.

    :param memory: the entry of these two in a file; see ``memory`` for what that promises.
    :param now: seconds since the epoch.
    """

    def __init__(self, memory: Memory, now: Callable[[], float] = time.time) -> None:
        self._memory = memory
        self._now = now

    def recall(self, max_age: float = MAX_AGE) -> list[KnownName] | None:
        """All that were listed; ``None`` when nothing is known, or it is too old.

        :param max_age: seconds.
        """
        entry = self._memory.recall()
        if not isinstance(entry, dict):
            return None
        listed_at, rows = entry.get("time"), entry.get("names")
        if not isinstance(listed_at, (int, float)) or not isinstance(rows, list):
            return None
        if not 0 <= self._now() - listed_at <= max_age:  # a clock may have been put back
            return None
        names = []
        for row in rows:
            if not isinstance(row, list) or len(row) != 4:
                return None
            if not all(isinstance(text, str) for text in row):
                return None
            names.append(KnownName(*row))
        return names

    def note(self, environments: Iterable[EnvironmentSummary]) -> None:
        """Remember all that there are now, and stay."""
        names = sorted(
            (each.space, each.project, each.id, each.alias)
            for each in environments
            if not each.is_going
        )
        self._memory.note({"time": int(self._now()), "names": [list(name) for name in names]})
