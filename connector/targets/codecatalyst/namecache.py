"""The names of all Dev Environments as they were last listed.

``ssh`` to a remembered name needs no more calls than to an id. The cache is a hint: a name that
is missing, or that the service contradicts, triggers a fresh listing.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable

from ..memory import Memory
from .hosts import EnvironmentName

#: Seconds that a listing is good for. A name that has gone or moved is noticed when it is used. A
#: second environment of the same name is not; a day bounds that, and costs one listing a day.
MAX_AGE = 86_400.0


class NameCache:
    """The names of one login at one endpoint.

    :param memory: the entry of this login and endpoint.
    :param now: seconds since the epoch.
    """

    def __init__(self, memory: Memory, now: Callable[[], float] = time.time) -> None:
        self._memory = memory
        self._now = now

    def recall(self, max_age: float = MAX_AGE) -> list[EnvironmentName] | None:
        """Return all that were listed, or None when nothing is known or it is too old.

        :param max_age: seconds.
        """
        entry = self._memory.recall()
        if not isinstance(entry, dict):
            return None
        listed_at, rows = entry.get("time"), entry.get("names")
        if not isinstance(listed_at, (int, float)) or not isinstance(rows, list):
            return None
        if not 0 <= self._now() - listed_at <= max_age:  # the clock may have been set back
            return None
        names = []
        for row in rows:
            if not isinstance(row, list) or len(row) != 4:
                return None
            if not all(isinstance(text, str) for text in row):
                return None
            names.append(EnvironmentName(*row))
        return names

    def note(self, environments: Iterable[EnvironmentName]) -> None:
        """Remember all environments that can be used."""
        rows = sorted([each.space, each.project, each.id, each.alias] for each in environments)
        self._memory.note({"time": int(self._now()), "names": rows})
