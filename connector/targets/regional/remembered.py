"""Names that earlier commands have left, for completion. No network."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from contextlib import suppress

from ...aws.regions import region_of
from ...errors import ConfigError
from ...ssh.facts import is_plain
from ..memory import Memory, keys_of
from ..model import Remembered
from .backend import Backend
from .naming import NameCache, Names, path_of
from .place import is_region, known_profiles, region_words


def remembered(backend: Backend, environ: Mapping[str, str]) -> Remembered:
    """Return the names for ssh of all that are remembered, and their Regions.

    Names of all profiles are offered: only the command itself knows which one it uses. Each has
    its Region, unless variables name the same. Other programs may have written the file, so that
    names which a shell could misread are left out.
    """
    path = path_of(backend, environ)
    profiles: Collection[str] = ()
    with suppress(ConfigError):  # a broken file is no obstacle to the names of a default profile
        profiles = known_profiles(environ)
    home = region_words(region_of(environ))
    found: dict[str, str] = {}
    regions: set[str] = set()
    for key in keys_of(path):
        known = NameCache(Memory(path, key)).recall(float("inf")) or ()
        names = Names(
            backend, (each for each in known if is_region(each.region)), home, None, profiles
        )
        told = {names.of(each): each.region for each in names.items}
        found |= {name: region for name, region in told.items() if is_plain(name)}
        regions.update(told.values())
    return Remembered(found, {"region": regions})
