"""Friendly names of Dev Environments: ``<alias>.<project>.<space>.codecatalyst``, and shorter.

Names of spaces and projects and aliases may hold dots and capitals, and people type any case. So
a name is never taken apart. It is compared with all names of the existing Dev Environments, which
are ``alias``, ``alias.project``, ``alias.project.space`` and the id, each with and without
``.codecatalyst``. The first of these rules that matches any environment decides:

1. the name is an id: an id is unique, whatever aliases look like;
2. the name is spelled the same;
3. the name differs in case only;
4. the name is the first eight or more characters of an id.

If the rule matches several environments, the name is ambiguous.

:class:`NameCache` keeps all names as they were last listed. ``ssh`` to a remembered name needs no
more calls than to an id. The cache is a hint: a name that is missing, or that the service
contradicts, triggers a fresh listing.
"""

from __future__ import annotations

import re
import time
from bisect import bisect_left
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from functools import cached_property

from ...errors import (
    ConfigError,
    TargetNotFound,
    quoted,
)
from ..memory import Memory
from .hosts import EnvironmentName, is_aws_name

#: What makes a name one for ssh: a ``Host`` pattern that catches these and nothing else.
SUFFIX = ".codecatalyst"

#: Characters of an id that are enough to name it.
SHORTEST_ID = 8

_MOST_SHOWN = 10  # candidates in an error
_LONGEST = 300  # characters of what was mistyped that are compared: alias, project and space

# What ssh, a shell and a Host pattern all take for a plain word. The service's own pattern of
# aliases allows no more, but its answers are not promised to keep it.
_PLAIN = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")
_PART_OF_ID = re.compile(rf"[0-9a-f-]{{{SHORTEST_ID},36}}")


def is_plain(name: str) -> bool:
    """Return whether a name can be a host name of ssh, and does not look like one of AWS's."""
    return _PLAIN.fullmatch(name) is not None and not is_aws_name(name)


def bare(name: str) -> str:
    """Return the name without ``.codecatalyst``, in any case."""
    return name[: -len(SUFFIX)] if name.lower().endswith(SUFFIX) else name


class Names:
    """The names of all Dev Environments that exist."""

    def __init__(self, environments: Iterable[EnvironmentName]) -> None:
        self.environments: Sequence[EnvironmentName] = tuple(environments)

    @cached_property
    def _spelled(self) -> dict[str, list[int]]:
        """Name -> the numbers of the environments that have it."""
        found: dict[str, list[int]] = {}
        for number, each in enumerate(self.environments):
            names = (*_aliases(each), each.id)
            for spelling in {*names, *(name + SUFFIX for name in names)}:
                found.setdefault(spelling, []).append(number)
        return found

    @cached_property
    def _folded(self) -> dict[str, list[int]]:
        """Name in lower case -> the numbers of the environments that have it."""
        found: dict[str, set[int]] = {}
        for name, numbers in self._spelled.items():
            found.setdefault(name.lower(), set()).update(numbers)
        return {name: sorted(numbers) for name, numbers in found.items()}

    @cached_property
    def _ids(self) -> list[tuple[str, int]]:
        """The ids in lower case, sorted, each with the number of its environment."""
        return sorted((each.id.lower(), number) for number, each in enumerate(self.environments))

    def find(
        self, name: str, space: str | None = None, project: str | None = None
    ) -> list[EnvironmentName]:
        """Return the environments that a name can mean.

        :param space: look in this space only, and in projects of the name ``project``.
        """
        exact = self._spelled.get(name, ())
        by_id = [number for number in exact if self.environments[number].id in (name, bare(name))]
        within = self._within(space, project)
        for numbers in (by_id, exact, self._folded.get(name.lower(), ())):
            if found := [number for number in numbers if number in within]:
                return [self.environments[number] for number in found]
        start = bare(name).lower()
        if not _PART_OF_ID.fullmatch(start):
            return []
        found = sorted(number for number in self._with_id(start) if number in within)
        return [self.environments[number] for number in found]

    def within(self, space: str | None, project: str | None) -> list[EnvironmentName]:
        """Return the environments in a space and in projects of a name.

        Case is ignored where no name is spelled the same.
        """
        return [self.environments[number] for number in self._within(space, project)]

    def one(
        self, name: str, space: str | None = None, project: str | None = None
    ) -> EnvironmentName:
        """Return the environment that a name means.

        :raises TargetNotFound: when there is none; suggests similar names.
        :raises ConfigError: when there are several; gives a name that works for each.
        """
        found = self.find(name, space, project)
        if not found:
            raise self._unknown(name, space, project)
        if len(found) > 1:
            raise self._ambiguous(name, found)
        return found[0]

    def of(self, environment: EnvironmentName) -> str:
        """Return the shortest name for ssh that means this environment, in any case.

        That is ``alias.codecatalyst`` if possible, else with the project, else with the space
        too. Without an alias it is eight characters of the id, or more if need be. Where aliases
        differ in case only, case counts.
        """
        aliases = [f"{alias}{SUFFIX}" for alias in _aliases(environment) if is_plain(alias)]
        for name in aliases:
            if len(self._folded.get(name.lower(), ())) == 1:
                return name
        ids = [environment.id[:end] for end in range(SHORTEST_ID, len(environment.id) + 1)]
        aliases = [name for name in aliases if len(self._spelled[name]) == 1]
        for name in (*aliases, *(f"{start}{SUFFIX}" for start in ids if is_plain(start))):
            if self.find(name) == [environment]:
                return name
        return environment.host_name

    def _with_id(self, start: str) -> Iterator[int]:
        """Yield the numbers of the environments whose id begins so."""
        for place in range(bisect_left(self._ids, (start,)), len(self._ids)):
            id, number = self._ids[place]
            if not id.startswith(start):
                return
            yield number

    def _within(self, space: str | None, project: str | None) -> Collection[int]:
        numbers: Collection[int] = range(len(self.environments))
        for wanted, name_of in ((space, _space_of), (project, _project_of)):
            if wanted is not None:
                names = {number: name_of(self.environments[number]) for number in numbers}
                exact = [number for number, name in names.items() if name == wanted]
                lower = wanted.lower()
                numbers = dict.fromkeys(exact or (n for n in names if names[n].lower() == lower))
        return numbers

    def _unknown(self, name: str, space: str | None, project: str | None) -> TargetNotFound:
        where = "".join(
            f" in the {what} {quoted(value)}"
            for what, value in (("project", project), ("space", space))
            if value is not None
        )
        near = self._near(name, self._within(space, project))
        hint = f"Did you mean {_alternatives(near)}? " if near else ""
        return TargetNotFound(
            f"There is no Dev Environment {quoted(name)}{where}",
            f"{hint}See `connector list`",
        )

    def _near(self, name: str, within: Collection[int]) -> list[str]:
        """Return similar names, the best first."""
        from difflib import get_close_matches  # for mistyped names alone

        meant: dict[str, int] = {}
        for number in within:
            for alias in _aliases(self.environments[number]):
                meant.setdefault(alias.lower(), number)
        close = get_close_matches(bare(name).lower()[:_LONGEST], meant, n=3, cutoff=0.6)
        return list(dict.fromkeys(self.of(self.environments[meant[each]]) for each in close))

    def _ambiguous(self, name: str, found: list[EnvironmentName]) -> ConfigError:
        names = sorted(self.of(each) for each in found)
        shown = _alternatives(names[:_MOST_SHOWN])
        more = f", or one of {len(names) - _MOST_SHOWN} more" if len(names) > _MOST_SHOWN else ""
        return ConfigError(
            f"{len(names)} Dev Environments can be meant by {quoted(name)}",
            f"Give {shown}{more}",
        )


def _space_of(environment: EnvironmentName) -> str:
    return environment.space


def _project_of(environment: EnvironmentName) -> str:
    return environment.project


def _aliases(environment: EnvironmentName) -> list[str]:
    """Return the names that contain the alias, the shortest first."""
    alias = environment.alias
    if not alias:
        return []
    in_project = f"{alias}.{environment.project}"
    return [alias, in_project, f"{in_project}.{environment.space}"]


def _alternatives(names: list[str]) -> str:
    *others, last = names
    return f"{', '.join(others)} or {last}" if others else last


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
