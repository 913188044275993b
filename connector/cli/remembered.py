"""Names of Dev Environments as far as they are remembered: for completion, and no network."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import suppress

from ..errors import ConfigError
from ..targets.codecatalyst.hosts import DevEnvironment
from ..targets.codecatalyst.namecache import KnownName, NameCache
from ..targets.codecatalyst.names import Names
from ..targets.memory import (
    Memory,
    cache_file,
    keys_of,
)


def names(environ: Mapping[str, str]) -> dict[str, str]:
    """The names for ssh of all that are remembered, and where each is.

    Whatever login or endpoint they were listed with: which it will be is known when the
    command runs, and a name too many costs less than the time to find out.
    """
    listed = {
        known.of(each): f"{each.project} in {each.space}"
        for known in _listings(environ)
        for each in known.environments
    }
    return listed or {
        environment.host_name: f"{environment.project} in {environment.space}"
        for environment in _reached(environ)
    }


def places(environ: Mapping[str, str]) -> list[tuple[str, str]]:
    """The spaces and projects of all that were listed."""
    environments = [each for known in _listings(environ) for each in known.environments]
    return [(each.space, each.project) for each in environments]


def _listings(environ: Mapping[str, str]) -> Iterator[Names[KnownName]]:
    """The last of each login, however old: a name is checked when it is used."""
    path = cache_file(environ, "names.json")
    for key in keys_of(path):
        known = NameCache(Memory(path, key)).recall(float("inf")) or ()
        yield Names(filter(_is_well_formed, known))


def _is_well_formed(known: KnownName) -> bool:
    """Whether a shell can be told of it; anybody may have written the file."""
    try:
        DevEnvironment(known.space, known.project, known.id)
    except ConfigError:
        return False
    return True


def _reached(environ: Mapping[str, str]) -> list[DevEnvironment]:
    """Those that there was a session with."""
    found = []
    for key in keys_of(cache_file(environ, "gateways.json")):
        with suppress(TypeError, ConfigError):  # whoever wrote the file
            found.append(DevEnvironment(*key.split("/")))
    return found
