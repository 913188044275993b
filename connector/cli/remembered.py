"""Names of Dev Environments as far as they are remembered: for completion, and no network."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from ..aws.memory import Memory, cache_file, keys_of
from ..aws.namecache import NameCache
from ..errors import ConfigError
from ..ssh.hosts import DevEnvironment
from ..ssh.names import Names


def names(environ: Mapping[str, str]) -> dict[str, str]:
    """The names for ssh of all that are remembered, and where each is.

    Whatever login or endpoint they were listed with: which it will be is known when the
    command runs, and a name too many costs less than the time to find out.
    """
    return dict(_listed(environ)) or dict(_reached(environ))


def _listed(environ: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    """Those of the last listings, however old: a name is checked when it is used."""
    path = cache_file(environ, "names.json")
    for key in keys_of(path):
        known = Names(NameCache(Memory(path, key)).recall(float("inf")) or ())
        for each in known.environments:
            yield known.of(each), f"{each.project} in {each.space}"


def _reached(environ: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    """Those that there was a session with."""
    for key in keys_of(cache_file(environ, "gateways.json")):
        parts = key.split("/")
        try:
            environment = DevEnvironment(*parts)
        except (TypeError, ConfigError):  # whoever wrote the file
            continue
        yield environment.host_name, f"{environment.project} in {environment.space}"
