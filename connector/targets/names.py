"""Friendly names of targets, and the names of the last listing, for all kinds.

Labels of names may hold dots and capitals, and people type any case. So a name is never taken
apart. It is compared with all names of the existing targets, with and without the kind's suffix.
The first of these rules that matches any target decides:

1. the name is an id: an id is unique, whatever other names look like;
2. the name is spelled the same;
3. the name differs in case only;
4. the name is the first eight or more characters of an id.

If the rule matches several targets, the name is ambiguous.

:class:`NameCache` keeps all names as they were last listed. ``ssh`` to a remembered name needs no
more calls than to an id. The cache is a hint: a name that is missing, or that the service
contradicts, triggers a fresh listing.
"""

from __future__ import annotations

import time
from abc import ABC, abstractmethod
from bisect import bisect_left
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from functools import cached_property

from ..errors import ConfigError, quoted
from ..fast.typed import TYPE_CHECKING, Any, Generic, TypeVar

if TYPE_CHECKING:
    from .memory import Memory

Item = TypeVar("Item")

#: Characters of an id that are enough to name it.
SHORTEST_ID = 8

_MOST_SHOWN = 10  # candidates in an error
_LONGEST = 300  # characters of what was mistyped that are compared


def bare(name: str, suffix: str) -> str:
    """Return the name without the suffix of its kind, in any case."""
    return name[: len(name) - len(suffix)] if name.lower().endswith(suffix) else name


class Names(ABC, Generic[Item]):
    """The names of all targets that exist. A kind's subclass says what they are.

    :cvar suffix: of the kind's names.
    :cvar nouns: what several targets are called in messages.
    """

    suffix: str
    nouns: str

    def __init__(self, items: Iterable[Item]) -> None:
        self.items: Sequence[Item] = tuple(items)

    @abstractmethod
    def id_of(self, item: Item) -> str:
        """Return the target's id."""

    @abstractmethod
    def spellings(self, item: Item) -> Sequence[str]:
        """Return the target's names besides its id, without suffix, the shortest first."""

    @abstractmethod
    def of(self, item: Item) -> str:
        """Return the shortest name for ssh that means this target, in any case."""

    @abstractmethod
    def begins_id(self, start: str) -> bool:
        """Return whether text of at least ``SHORTEST_ID`` characters can begin an id."""

    @cached_property
    def spelled(self) -> dict[str, list[int]]:
        """Name -> the numbers of the targets that have it."""
        found: dict[str, list[int]] = {}
        for number, each in enumerate(self.items):
            names = (*self.spellings(each), self.id_of(each))
            for spelling in {*names, *(name + self.suffix for name in names)}:
                found.setdefault(spelling, []).append(number)
        return found

    @cached_property
    def folded(self) -> dict[str, list[int]]:
        """Name in lower case -> the numbers of the targets that have it."""
        found: dict[str, set[int]] = {}
        for name, numbers in self.spelled.items():
            found.setdefault(name.lower(), set()).update(numbers)
        return {name: sorted(numbers) for name, numbers in found.items()}

    @cached_property
    def _ids(self) -> list[tuple[str, int]]:
        """The ids in lower case, sorted, each with the number of its target."""
        return sorted((self.id_of(each).lower(), number) for number, each in enumerate(self.items))

    def matching(self, name: str, within: Collection[int]) -> list[Item]:
        """Return the targets that a name can mean, of those with the numbers ``within``."""
        exact = self.spelled.get(name, ())
        meant = (name, bare(name, self.suffix))
        by_id = [number for number in exact if self.id_of(self.items[number]) in meant]
        for numbers in (by_id, exact, self.folded.get(name.lower(), ())):
            if found := [number for number in numbers if number in within]:
                return [self.items[number] for number in found]
        start = meant[1].lower()
        if len(start) < SHORTEST_ID or not self.begins_id(start):
            return []
        found = sorted(number for number in self._with_id(start) if number in within)
        return [self.items[number] for number in found]

    def only(self, name: str, found: list[Item]) -> Item:
        """Return the one target that was found for a name.

        :raises ConfigError: when there are several; gives a name that works for each.
        """
        if len(found) > 1:
            raise self._ambiguous(name, found)
        return found[0]

    def near(self, name: str, within: Collection[int]) -> str:
        """Return similar names, the best first, as a question to the user; else nothing."""
        from difflib import get_close_matches  # for mistyped names alone

        meant: dict[str, int] = {}
        for number in within:
            for spelling in self.spellings(self.items[number]):
                meant.setdefault(spelling.lower(), number)
        typed = bare(name, self.suffix).lower()[:_LONGEST]
        close = get_close_matches(typed, meant, n=3, cutoff=0.6)
        names = list(dict.fromkeys(self.of(self.items[meant[each]]) for each in close))
        return f"Did you mean {_alternatives(names)}? " if names else ""

    def _with_id(self, start: str) -> Iterator[int]:
        """Yield the numbers of the targets whose id begins so."""
        for place in range(bisect_left(self._ids, (start,)), len(self._ids)):
            id, number = self._ids[place]
            if not id.startswith(start):
                return
            yield number

    def _ambiguous(self, name: str, found: list[Item]) -> ConfigError:
        names = sorted(self.of(each) for each in found)
        shown = _alternatives(names[:_MOST_SHOWN])
        more = f", or one of {len(names) - _MOST_SHOWN} more" if len(names) > _MOST_SHOWN else ""
        return ConfigError(
            f"{len(names)} {self.nouns} can be meant by {quoted(name)}",
            f"Give {shown}{more}",
        )


def _alternatives(names: list[str]) -> str:
    *others, last = names
    return f"{', '.join(others)} or {last}" if others else last


#: Seconds that a listing is good for. A name that has gone or moved is noticed when it is used. A
#: second target of the same name is not; a day bounds that, and costs one listing a day.
MAX_AGE = 86_400.0


class NameCache(ABC, Generic[Item]):
    """The names of one login at one endpoint. A kind's subclass says what is kept of each.

    :param memory: the entry of this login and endpoint.
    :param now: seconds since the epoch.
    """

    def __init__(self, memory: Memory, now: Callable[[], float] = time.time) -> None:
        self._memory = memory
        self._now = now

    @abstractmethod
    def row_of(self, item: Item) -> list[Any]:
        """Return a target as a JSON list that begins with texts."""

    @abstractmethod
    def item_of(self, row: list[Any]) -> Item | None:
        """Return the target of a row; None for a row that another program has written."""

    def recall(self, max_age: float = MAX_AGE) -> list[Item] | None:
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
        items = []
        for row in rows:
            item = self.item_of(row) if isinstance(row, list) else None
            if item is None:
                return None
            items.append(item)
        return items

    def note(self, items: Iterable[Item]) -> None:
        """Remember all targets that can be used."""
        rows = sorted((self.row_of(each) for each in items), key=repr)
        self._memory.note({"time": int(self._now()), "names": rows})
