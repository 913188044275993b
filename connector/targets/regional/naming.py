"""Friendly names of targets in Regions, and the names of the last listings."""

from __future__ import annotations

import os
from collections.abc import Collection, Iterable, Sequence
from functools import cached_property

from ...errors import TargetNotFound, quoted
from ...fast.typed import TYPE_CHECKING, Any
from ...ssh.facts import is_plain
from .. import names
from ..memory import Memory, cache_file
from ..model import UNKNOWN, Query
from .backend import Found
from .place import ALL_REGIONS, Place, in_regions, list_command, read_place

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ...aws.cloud import Cloud
    from .backend import Backend


_ANY = Query()


def labelled(found: Found) -> list[str]:
    """Return the names that labels make: the first label alone, the first two, and so on."""
    return [".".join(found.labels[:end]) for end in range(1, len(found.labels) + 1)]


def means(name: str, found: Found) -> bool:
    """Return whether a target has this name, or an id that begins so; any case will do."""
    name = name.lower()
    whole = {each.lower() for each in (*labelled(found), *found.aliases, found.id)}
    starts = (each.lower().startswith(name) for each in (found.id, *found.aliases))
    return name in whole or (len(name) >= names.SHORTEST_ID and any(starts))


class Names(names.Names[Found]):
    """The names of targets in some Regions.

    :param home: the Regions in which a name without a Region is looked for.
    :param profile: that the names have to tell; None where the default has been used.
    :param profiles: all of the AWS configuration file.
    """

    suffix = ""  # the base has taken it off before it compares names

    def __init__(
        self,
        backend: Backend,
        items: Iterable[Found],
        home: Collection[str],
        profile: str | None = None,
        profiles: Collection[str] = (),
    ) -> None:
        super().__init__(items)
        self._ending = next(iter(backend.row.suffixes), "")
        self.nouns = backend.row.words.nouns
        self._backend = backend
        self._home = home
        self._profile = profile
        self._profiles = profiles

    def id_of(self, item: Found) -> str:
        return item.id

    def spellings(self, item: Found) -> Sequence[str]:
        return (*labelled(item), *item.aliases)

    def begins_id(self, start: str) -> bool:
        return "." not in start

    def find(self, name: str, regions: Collection[str]) -> list[Found]:
        """Return the targets of some Regions that a name can mean; ``all`` stands for all."""
        return self.matching(name, self._within(regions))

    def one(self, place: Place, regions: Collection[str], query: Query = _ANY) -> Found:
        """Return the target that a name means.

        :param query: has the options of the user, for the command in a hint.
        :raises TargetNotFound: when there is none; suggests similar names.
        :raises ConfigError: when there are several; gives a name that works for each.
        """
        found = self.find(place.name, regions)
        if not found:
            raise self._unknown(place, regions, query)
        return self.only(place.name, found)

    def of(self, item: Found) -> str:
        """Return the shortest name for ssh that means this target alone, in any case.

        That is the first label if possible, else the first two, and so on; then the id, then an
        alias. The Region follows where it is not the one that applies anyway, then the profile.
        """
        from .target import host_name

        places = ["", item.region] if item.region in self._home else [item.region]
        for name in (*labelled(item), item.id, *item.aliases):
            for region in places:
                whole = ".".join(filter(None, (name, region, self._profile))) + self._ending
                if is_plain(whole) and self._means_alone(whole, item):
                    return whole
        return host_name(self._backend, item, self._profile)

    def _means_alone(self, whole: str, item: Found) -> bool:
        from ..registry import KINDS, has_gap

        row = self._backend.row
        if has_gap(whole):
            return False
        if next((each for each in KINDS if each.recognises(whole)), row) != row:
            return False
        place = read_place(self._backend, Query(whole.lower()), lambda: self._profiles)
        if (place.profile or "").lower() != (self._profile or "").lower():
            return False
        region = place.region
        numbers = self.folded.get(place.name, [])
        if place.found:
            region, id = place.found.region or region, place.found.id
            numbers = [each for each in self.spelled.get(id, ()) if self.items[each].id == id]
        within = self._within((region,) if region else self._home)
        return [self.items[number] for number in numbers if number in within] == [item]

    def _within(self, regions: Collection[str]) -> Collection[int]:
        if ALL_REGIONS in regions:
            return range(len(self.items))
        numbers: set[int] = set()
        for region in regions:
            numbers.update(self._by_region.get(region, ()))
        return numbers

    @cached_property
    def _by_region(self) -> dict[str, list[int]]:
        found: dict[str, list[int]] = {}
        for number, each in enumerate(self.items):
            found.setdefault(each.region, []).append(number)
        return found

    def _unknown(self, place: Place, regions: Collection[str], query: Query) -> TargetNotFound:
        row = self._backend.row
        whose = f" of the profile {place.profile}" if place.profile else ""
        hint = self._backend.missing_hint(place.name, query)
        hint = hint or f"See `{list_command(row.name, query, place)}`"
        near = self.near(place.name, self._within(regions))
        return TargetNotFound(
            f"There is no {row.words.noun} {quoted(place.name)} {in_regions(regions)}{whose}",
            f"{near}{hint}",
        )


class NameCache(names.NameCache[Found]):
    """The names of one profile's targets in one Region."""

    def row_of(self, item: Found) -> list[Any]:
        return [item.id, item.region, list(item.labels), list(item.aliases), dict(item.details)]

    def item_of(self, row: list[Any]) -> Found | None:
        shapes = (str, str, list, list, dict)
        if len(row) != len(shapes) or not all(map(isinstance, row, shapes)):
            return None
        id, region, labels, aliases, details = row
        if not all(isinstance(text, str) for text in (*labels, *aliases)):
            return None
        return Found(id, tuple(labels), region, tuple(aliases), UNKNOWN, details)


def cache_of(backend: Backend, cloud: Cloud, region: str) -> NameCache:
    """Return what is remembered of a Region."""
    origin = cloud.origin(backend.service.name)
    return NameCache(Memory(path_of(backend, os.environ), f"{origin} in {region}"))


def regions_memory(backend: Backend, cloud: Cloud) -> Memory:
    """Return the memory of the Regions that the account has enabled."""
    origin = cloud.origin(backend.service.name)
    return Memory(path_of(backend, os.environ), f"{origin} in all Regions")


def path_of(backend: Backend, environ: Mapping[str, str]) -> str:
    """Return the path of the file with the names of a kind."""
    return cache_file(environ, f"names-{backend.row.name}.json")


def recall(backend: Backend, cloud: Cloud, place: Place, regions: Sequence[str]) -> Found | None:
    """Return the one target that a name means in the last listings of these Regions, or None."""
    found: list[Found] = []
    if ALL_REGIONS in regions:
        enabled = regions_memory(backend, cloud).recall()
        regions = (
            [each for each in enabled if isinstance(each, str)] if isinstance(enabled, list) else []
        )
    for region in regions:
        known = cache_of(backend, cloud, region).recall()
        if known is None:
            return None
        found += known
    matching = Names(backend, found, regions).find(place.name, regions)
    return matching[0] if len(matching) == 1 else None
