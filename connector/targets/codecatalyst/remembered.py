"""Names of Dev Environments that earlier commands have left, for completion. No network."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import suppress

from ...errors import ConfigError
from ..memory import Memory, cache_file, keys_of
from ..model import Remembered
from .hosts import EnvironmentName
from .names import NameCache, Names


def remembered(environ: Mapping[str, str]) -> Remembered:
    """Return the names for ssh, and the spaces and projects, of all that are remembered.

    Names of all logins and endpoints are offered: only the command itself knows which login it
    uses, and a surplus name does less harm than the time to find out.
    """
    listings = list(_listings(environ))
    listed = {names.of(each): _where(each) for names in listings for each in names.items}
    reached = {} if listed else {each.host_name: _where(each) for each in _reached(environ)}
    every = [each for names in listings for each in names.items]
    return Remembered(
        listed or reached,
        {"space": {each.space for each in every}, "project": {each.project for each in every}},
    )


def _where(name: EnvironmentName) -> str:
    return f"{name.project} in {name.space}"


def _listings(environ: Mapping[str, str]) -> Iterator[Names]:
    """Yield the last listing of each login, however old: a command checks the name it uses."""
    path = cache_file(environ, "names.json")
    for key in keys_of(path):
        known = NameCache(Memory(path, key)).recall(float("inf")) or ()
        yield Names(filter(_is_well_formed, known))


def _is_well_formed(name: EnvironmentName) -> bool:
    """Return whether a shell can be told of it. Other programs may have written the file."""
    try:
        name.check()
    except ConfigError:
        return False
    return True


def _reached(environ: Mapping[str, str]) -> list[EnvironmentName]:
    """Return the environments that there was a session with."""
    found = []
    for key in keys_of(cache_file(environ, "gateways.json")):
        with suppress(ConfigError):  # other programs may have written the file
            space, project, id = key.split("/") if key.count("/") == 2 else ("", "", "")
            found.append(EnvironmentName(space, project, id).check())
    return found
