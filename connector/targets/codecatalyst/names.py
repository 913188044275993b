"""Friendly names of Dev Environments: ``<alias>.<project>.<space>.codecatalyst``, and shorter.

The names of an environment are ``alias``, ``alias.project``, ``alias.project.space`` and the id,
each with and without ``.codecatalyst``. The rules are those of all kinds: :mod:`..names`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection

from ...errors import TargetNotFound, quoted
from ...fast.typed import Any
from .. import names
from ..names import SHORTEST_ID
from ..registry import has_gap
from .hosts import EnvironmentName, is_aws_name, place_of

#: What makes a name one for ssh: a ``Host`` pattern that catches these and nothing else.
SUFFIX = ".codecatalyst"

# What ssh, a shell and a Host pattern all take for a plain word. The service's own pattern of
# aliases allows no more, but its answers are not promised to keep it.
_PLAIN = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")
_PART_OF_ID = re.compile(rf"[0-9a-f-]{{{SHORTEST_ID},36}}")


def is_plain(name: str) -> bool:
    """Return whether commands and ssh take a name, and it does not look like one of AWS's."""
    return _PLAIN.fullmatch(name) is not None and not is_aws_name(name) and not has_gap(name)


class Names(names.Names[EnvironmentName]):
    """The names of all Dev Environments that exist."""

    suffix = SUFFIX
    nouns = "Dev Environments"

    def id_of(self, item: EnvironmentName) -> str:
        return item.id

    def spellings(self, item: EnvironmentName) -> list[str]:
        """Return the names that contain the alias, the shortest first."""
        if not item.alias:
            return []
        in_project = f"{item.alias}.{item.project}"
        return [item.alias, in_project, f"{in_project}.{item.space}"]

    def begins_id(self, start: str) -> bool:
        return _PART_OF_ID.fullmatch(start) is not None

    def find(
        self, name: str, space: str | None = None, project: str | None = None
    ) -> list[EnvironmentName]:
        """Return the environments that a name can mean.

        :param space: look in this space only, and in projects of the name ``project``.
        """
        return self.matching(name, self._within(space, project))

    def within(self, space: str | None, project: str | None) -> list[EnvironmentName]:
        """Return the environments in a space and in projects of a name.

        Case is ignored where no name is spelled the same.
        """
        return [self.items[number] for number in self._within(space, project)]

    def one(
        self,
        name: str,
        space: str | None = None,
        project: str | None = None,
        listing: str = "connector list",
    ) -> EnvironmentName:
        """Return the environment that a name means.

        :param listing: the command that lists all, for a hint.
        :raises TargetNotFound: when there is none; suggests similar names.
        :raises ConfigError: when there are several; gives a name that works for each.
        """
        found = self.find(name, space, project)
        if not found:
            raise self._unknown(name, space, project, listing)
        return self.only(name, found)

    def of(self, item: EnvironmentName) -> str:
        """Return the shortest name for ssh that means this environment, in any case.

        That is ``alias.codecatalyst`` if possible, else with the project, else with the space
        too. Without an alias it is eight characters of the id, or more if need be. Where aliases
        differ in case only, case counts.
        """
        aliases = [f"{alias}{SUFFIX}" for alias in self.spellings(item) if is_plain(alias)]
        for name in aliases:
            if len(self.folded.get(name.lower(), ())) == 1:
                return name
        ids = [item.id[:end] for end in range(SHORTEST_ID, len(item.id) + 1)]
        aliases = [name for name in aliases if len(self.spelled[name]) == 1]
        for name in (*aliases, *(f"{start}{SUFFIX}" for start in ids if is_plain(start))):
            if self.find(name) == [item]:
                return name
        return item.host_name

    def _within(self, space: str | None, project: str | None) -> Collection[int]:
        numbers: Collection[int] = range(len(self.items))
        places: tuple[tuple[str | None, Callable[[EnvironmentName], str]], ...] = (
            (space, lambda each: each.space),
            (project, lambda each: each.project),
        )
        for wanted, name_of in places:
            if wanted is not None:
                found = {number: name_of(self.items[number]) for number in numbers}
                exact = [number for number, name in found.items() if name == wanted]
                lower = wanted.lower()
                numbers = dict.fromkeys(exact or (n for n in found if found[n].lower() == lower))
        return numbers

    def _unknown(
        self, name: str, space: str | None, project: str | None, listing: str
    ) -> TargetNotFound:
        return TargetNotFound(
            f"There is no Dev Environment {quoted(name)}{place_of(space, project)}",
            f"{self.near(name, self._within(space, project))}See `{listing}`",
        )


class NameCache(names.NameCache[EnvironmentName]):
    """The names of the Dev Environments that one login at one endpoint can use."""

    def row_of(self, item: EnvironmentName) -> list[Any]:
        return [item.space, item.project, item.id, item.alias]

    def item_of(self, row: list[Any]) -> EnvironmentName | None:
        if len(row) != 4 or not all(isinstance(text, str) for text in row):
            return None
        return EnvironmentName(*row)
