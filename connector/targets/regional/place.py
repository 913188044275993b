"""The place that a name gives: a profile, a Region, and what is left to look for.

A name is ``<labels>[.<region>][.<profile>]<suffix>``, in any case. A last label is a Region if it
looks like one, else a profile if AWS's files have it. Both win over options and variables.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping

from ...errors import ConfigError, quoted
from ...fast.records import NamedTuple
from ...fast.typed import TYPE_CHECKING
from ..model import Query
from ..registry import check_parts

if TYPE_CHECKING:
    from .backend import Backend, Found

#: The word before the number in the name of every Region (botocore's partitions.json).
_DIRECTIONS = frozenset(
    (
        *("north", "east", "south", "west", "central"),
        *("northeast", "northwest", "southeast", "southwest"),
    )
)

#: The Region that is asked for what all Regions tell, if none applies.
ANY_REGION = "us-east-1"

#: The value of ``--region`` for all that the account has enabled.
ALL_REGIONS = "all"


class Place(NamedTuple):
    """Where to look, and for which name.

    :param name: without suffix, Region and profile.
    :param region: in the name; may be empty.
    :param profile: in the name; None where it has none.
    :param found: the target, if the name needs no look-up; its Region may be empty.
    """

    name: str
    region: str = ""
    profile: str | None = None
    found: Found | None = None


def read_place(backend: Backend, query: Query, profiles: Callable[[], Collection[str]]) -> Place:
    """Return what the name of a query says. An id or an ARN is never taken apart.

    :param profiles: return the names of all profiles; :func:`known_profiles` reads them.
    :raises ConfigError: when the AWS configuration file cannot be read, or the name is none of a
        target that can be made, as the query wants, or malformed.
    """
    name = query.name
    suffix = next((each for each in backend.row.suffixes if name.lower().endswith(each)), "")
    name = name[: len(name) - len(suffix)]
    found = backend.exact(name)
    if found:
        return Place(name, found=backend.made(name, query) or found)
    profile, region = None, ""
    rest, _, label = name.rpartition(".")
    if rest and not is_region(label.lower()):
        profile = _profile(label, query.profile, profiles)
        if profile is not None:
            name = rest
            rest, _, label = name.rpartition(".")
    if rest and is_region(label.lower()):
        name, region = rest, label.lower()
    found = backend.made(name, query) or (backend.exact(name) if profile or region else None)
    if query.name and not found:
        check_parts(query.name)
        if not backend.row.has_list:  # a look-up finds nothing
            raise ConfigError(
                f"The name {quoted(query.name)} has none of the forms of such targets",
                backend.missing_hint(name, query),
            )
    return Place(name, region, profile, found)


def list_command(kind: str, query: Query, place: Place) -> str:
    """Return the command that lists the targets among which a query looks, for hints."""
    at = place_query(query, place)
    return at._replace(options=(("kind", kind), *at.options)).command("list")


def place_query(query: Query, place: Place) -> Query:
    """Return the query for all targets among which a query looks."""
    region = place.region or (place.found.region if place.found else "") or query.option("region")
    return query._replace(
        name="",
        options=(("region", region),) if region else (),
        profile=place.profile or query.profile,
    )


def in_regions(regions: Collection[str]) -> str:
    """Return the words for some Regions in a message."""
    return "in any Region" if ALL_REGIONS in regions else f"in {' or '.join(regions)}"


def is_region(text: str) -> bool:
    """Return whether text in lower case can be the name of a Region."""
    first, *words = text.split("-")
    return (
        len(words) > 1
        and first.isalpha()
        and words[-1].isdigit()
        and words[-1].isascii()
        and words[-2] in _DIRECTIONS
    )


def read_arn(name: str, service: str, kind: str) -> tuple[str, str] | None:
    """Return the Region of an ARN and what follows the kind in it; else None.

    :param kind: the word before the first slash: ``task`` in ``…:<account>:task/a/b``.
    """
    parts = name.split(":", 5)
    found, slash, rest = parts[-1].partition("/")
    named = (parts[0], len(parts), *parts[2:3], found, slash)
    return (parts[3], rest) if named == ("arn", 6, service, kind, "/") else None


def region_words(text: str | None) -> tuple[str, ...]:
    """Return the Regions of an option: names with commas between them, or ``all``."""
    words = (word.strip().lower() for word in (text or "").split(","))
    return tuple(dict.fromkeys(word for word in words if word))


def known_profiles(environ: Mapping[str, str]) -> Collection[str]:
    """Return the names of all profiles in AWS's configuration and credentials files.

    :raises ConfigError: when a file cannot be read.
    """
    from ...aws.profile import load_profile, with_credentials

    return with_credentials(load_profile(None, environ), environ).profiles


def _profile(label: str, given: str | None, profiles: Callable[[], Collection[str]]) -> str | None:
    """Return the profile that a label names. Case counts where two differ in nothing else.

    :param given: the option ``--profile``, besides which no other profile can be meant.
    """
    if given is not None:
        return given if label.lower() == given.lower() else None
    known = profiles()
    if label in known:
        return label
    folded = [name for name in known if name.lower() == label.lower()]
    return folded[0] if len(folded) == 1 else None
