"""All targets of some Regions, and the sessions of one target."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from ...aws.api import CallFailed, Refused
from ...aws.cloud import Cloud, open_cloud
from ...aws.responses import Object, list_of, non_empty
from ...aws.services import Service, SignedOperation
from ...errors import (
    NETWORK_HINT,
    AccessDenied,
    ConnectFailed,
    ConnectorError,
    CredentialsError,
    TargetNotFound,
    one_line,
)
from ...ssh.facts import is_plain
from ..memory import anchor_memory
from ..model import GONE, Column, Listing, ListProblem, Query, Row, SessionInfo
from ..pages import iso_time
from ..parallel import for_all
from .backend import MEMBERS, Backend, Found
from .finder import regions_of
from .naming import Names, cache_of, regions_memory
from .place import ALL_REGIONS, ANY_REGION, Place, in_regions, is_region, region_words
from .refusals import explain
from .ssm import SSM
from .target import Calls
from .targets import Region

#: The operation of EC2 that lists the Regions that the account has enabled.
EC2_REGIONS = Service(
    "ec2",
    "ec2",
    "",
    {
        "describe_regions": SignedOperation(
            "DescribeRegions",
            Object({"Regions": list_of(Object({"RegionName": non_empty}))}),
            {"regionInfo": "Regions"},
        )
    },
)


class _Sessions(Region):
    service = SSM


class _Regions(Region):
    service = EC2_REGIONS


#: Seconds before the end in which a Region has to have answered.
_GRACE = 0.5


class Problem(NamedTuple):
    """A Region that could not be listed."""

    region: str
    error: ConnectorError

    @property
    def is_refusal(self) -> bool:
        """Whether it holds nothing that the user could use."""
        return isinstance(self.error, AccessDenied)


def list_targets(
    backend: Backend, query: Query, environ: Mapping[str, str], timeout: float
) -> Listing:
    """List the targets of the Regions of a query; see ``Kind.list_targets``.

    A Region that cannot be listed does not hide the others.
    """
    if not backend.row.has_list:  # no Region and no keys would change that
        return Listing([], (), [], True, None, "", "")
    cloud = open_cloud(query.profile, query.endpoint_url, environ, anchor_memory)
    regions = regions_of(Place(""), query, cloud)
    cloud.keys.load(timeout)  # the deadline is not that of a user who is asked for a code
    found, problems = _list(backend, cloud, regions, time.monotonic() + timeout)
    names = _names(backend, cloud, found, query.profile, environ)
    several = len({each.region for each in found}) > 1
    columns = backend.columns
    if several:
        columns = (Column("REGION", 12), *columns)
    rows = [_row(backend, names, each, several=several) for each in sorted(found, key=_order)]
    return Listing(
        rows,
        columns,
        [ListProblem(each.error, each.is_refusal) for each in problems],
        all(each.is_refusal for each in problems),
        None,
        f" {in_regions(regions)}",
        _advice(backend, query, regions),
    )


def _advice(backend: Backend, query: Query, regions: Sequence[str]) -> str:
    """Return what to do where there are no targets."""
    several = ALL_REGIONS in regions or len(regions) > 1
    region = "REGION" if several else query.option("region")
    kept = (("region", region),) if region else ()
    advice = backend.first_hint(query._replace(options=kept))
    if ALL_REGIONS in regions:
        return advice
    every = query._replace(options=(("kind", backend.row.name), ("region", ALL_REGIONS)))
    return f"{advice}, or look in all Regions: `{every.command('list')}`"


def look_up(
    backend: Backend,
    cloud: Cloud,
    place: Place,
    regions: Sequence[str],
    query: Query,
    environ: Mapping[str, str],
    timeout: float,
) -> Found:
    """Return the target that a name means.

    :raises TargetNotFound: when there is none.
    :raises ConfigError: when there are several.
    :raises ConnectorError: when a Region that may have it cannot be listed.
    """
    cloud.keys.load(timeout)
    found, problems = _list(backend, cloud, regions, time.monotonic() + timeout)
    for problem in problems:  # it may have a target of the same name
        if not problem.is_refusal:
            raise problem.error
    usable = [each for each in found if each.state.phase != GONE]
    profile = place.profile or query.profile
    names = _names(backend, cloud, usable, profile, environ)
    if not names.find(place.name, regions):
        names = _names(backend, cloud, found, profile, environ)  # the service says it is gone
    try:
        return names.one(place, regions, query)
    except TargetNotFound as error:
        closed = ", ".join(each.region for each in problems)
        if not closed:
            raise
        hint = f"{error.hint}. You may not list those in {closed}"
        raise TargetNotFound(error.message, hint) from None


def sessions_of(calls: Calls, timeout: float) -> list[SessionInfo]:
    """List the live sessions of a target by ssm:DescribeSessions."""
    if not calls.session_target:  # its name alone does not tell it
        calls.look(timeout)
    if not calls.session_target:
        return []
    filters = [{"key": "Target", "value": calls.session_target}]
    calls.cloud.keys.load(timeout)
    region = _Sessions(calls.cloud, calls.found.region, time.monotonic() + timeout)
    items = region.items("describe_sessions", "Sessions", State="Active", Filters=filters)
    return [SessionInfo(each["SessionId"], iso_time(each.get("StartDate"))) for each in items]


def enabled_regions(cloud: Cloud, deadline: float) -> list[str]:
    """Return all Regions that the account has enabled (ec2:DescribeRegions).

    :raises ConnectorError: when that cannot be asked.
    """
    try:
        answer = _Regions(cloud, cloud.region or ANY_REGION, deadline).ask("describe_regions")
    except Refused as refused:
        raise explain(refused, "list the Regions", "EC2") from refused
    except CallFailed as failure:
        raise failure.error from failure
    return sorted(each["RegionName"] for each in answer["Regions"])


def _list(
    backend: Backend, cloud: Cloud, regions: Sequence[str], deadline: float
) -> tuple[list[Found], list[Problem]]:
    """List some Regions in parallel and remember the names.

    :raises ConnectorError: when no Region can be listed; the error of the first.
    """
    if ALL_REGIONS in regions:
        regions = enabled_regions(cloud, deadline)
        regions_memory(backend, cloud).note(regions)
    words = backend.row.words

    def late(region: str) -> Problem:
        slow = f"{words.service} has not listed the {words.nouns} in {region} in time"
        return Problem(region, ConnectFailed(slow, NETWORK_HINT))

    def work(region: str) -> Sequence[Found] | Problem:
        try:
            listed = backend.targets(cloud, region, deadline - _GRACE).listed()
            return [each._replace(region=each.region or region) for each in listed]
        except Refused as refused:
            what = f"list the {words.nouns} in {region}"
            return Problem(region, explain(refused, what, words.service))
        except CallFailed as failure:
            return Problem(region, failure.error)
        except CredentialsError:
            raise  # other Regions need the same keys
        except ConnectorError as error:
            return Problem(region, error)

    found: list[Found] = []
    problems: list[Problem] = []
    for region, answer in zip(regions, for_all(work, regions, deadline, late), strict=True):
        if isinstance(answer, Problem):
            problems.append(answer)
            continue
        found += answer
        cache_of(backend, cloud, region).note(each for each in answer if each.state.phase != GONE)
    if problems and len(problems) == len(regions):
        raise problems[0].error
    return found, problems


def _names(
    backend: Backend,
    cloud: Cloud,
    found: Sequence[Found],
    profile: str | None,
    environ: Mapping[str, str],
) -> Names:
    usual = environ.get("AWS_PROFILE") or environ.get("AWS_DEFAULT_PROFILE") or "default"
    told = profile and profile != usual and is_plain(profile) and not is_region(profile.lower())
    named = profile if told else None
    return Names(backend, found, region_words(cloud.region), named, cloud.profiles)


def _order(each: Found) -> tuple[Any, ...]:
    labels = [label.lower() for label in reversed(each.labels)]
    return (each.region, labels, each.labels, each.id)


def _row(backend: Backend, names: Names, each: Found, *, several: bool) -> Row:
    name = names.of(each)
    labels = [one_line(label) for label in each.labels]
    cells = backend.cells(each)
    noun = backend.row.words.noun
    status, reason, _ = each.state
    shared = (
        *(name, backend.row.name, labels[0] if labels else None),
        *(each.region, each.id, status, reason or None),
    )
    return Row(
        name,
        each.state,
        labels[0] if labels else "",
        (".".join(labels), each.region, each.id, *each.texts(backend.fields)),
        (each.region, *cells) if several else cells,
        {
            **dict(zip(MEMBERS, shared, strict=True)),
            **{name: each.details[name] for name in backend.members if name in each.details},
        },
        backend.host_key_alias(each),
        f"{noun} {'.'.join(labels) or each.id} in {each.region}",
        backend.user(each),
    )
