"""Dev Environments as rows of a list: for people, for programs, and for ssh's configuration."""

from __future__ import annotations

from typing import Any

from ...errors import ConfigError
from ..model import Column, ListProblem, Query, Row
from ..model import Listing as TargetListing
from .calls import CONSOLE
from .hosts import place_of
from .listing import EnvironmentSummary, Listing
from .names import Names


def rows_of(listing: Listing, query: Query) -> TargetListing:
    """Return the rows of the space of a query, and of projects of its name.

    The listing has to hold all environments: a name has to be unique among all of them.

    :raises TargetNotFound: when there is no such place.
    """
    space, project = query.option("space"), query.option("project")
    every, usable = Names(listing.names), Names(listing.usable)
    within = {name.key for name in every.within(space, project)}
    shown = sorted((each for each in listing.environments if each.name.key in within), key=_order)
    if not shown:
        listing.check_place(space, project)
    advice = f"Create one in {CONSOLE}"
    if listing.environments:
        advice = f"Others are elsewhere: run `{query.account.command('list')}`"
    problems = [
        ListProblem(problem.error, problem.is_refusal)
        for problem in listing.problems
        if problem.may_hide(space, project)
    ]
    spaces = {each.name.space for each in shown}
    projects = {(each.name.space, each.name.project) for each in shown}
    columns = [Column("REPOSITORY", 12), Column("SIZE", 6), Column("TIMEOUT", 7)]
    if len(projects) > 1:
        columns.insert(0, Column("PROJECT", 12))

    def row(each: EnvironmentSummary) -> Row:
        names = every if each.is_going else usable
        cells = _cells(each)
        if len(projects) > 1:
            at = each.name
            cells.insert(0, f"{at.space}/{at.project}" if len(spaces) > 1 else at.project)
        return _row(names.of(each.name), each, tuple(cells))

    return TargetListing(
        [row(each) for each in shown],
        tuple(columns),
        problems,
        listing.is_whole,
        _malformed(listing),
        place_of(space, project),
        advice,
    )


def _order(each: EnvironmentSummary) -> tuple[str, ...]:
    texts = (each.name.space, each.name.project, each.name.alias)
    return (*(text.lower() for text in texts), *texts, each.name.id)


def _malformed(listing: Listing) -> ConfigError | None:
    try:
        for name in listing.names:
            name.check()
    except ConfigError as error:
        return error
    return None


def _row(name: str, each: EnvironmentSummary, cells: tuple[str, ...]) -> Row:
    named = each.name
    about = f"{named.alias or named.id}, of the project {named.project} in the space {named.space}"
    return Row(
        name,
        each.state,
        named.alias,
        _fields(each),
        cells,
        _document(name, each),
        named.host_key_alias,
        about,
    )


def _fields(each: EnvironmentSummary) -> tuple[str, ...]:
    timeout = "" if each.inactivity_timeout is None else str(each.inactivity_timeout)
    repositories = ",".join(
        f"{repository.name}:{repository.branch}" if repository.branch else repository.name
        for repository in each.repositories
    )
    named = each.name
    place = (named.alias, named.space, named.project)
    return (*place, repositories, each.instance_type, timeout, named.id)


def _cells(each: EnvironmentSummary) -> list[str]:
    repositories = [
        f"{repository.name} ({repository.branch})" if repository.branch else repository.name
        for repository in each.repositories
    ]
    minutes = each.inactivity_timeout
    timeout = "" if minutes is None else f"{minutes} min" if minutes else "never"
    return ["\n".join(repositories), each.instance_type.removeprefix("dev.standard1."), timeout]


def _document(name: str, each: EnvironmentSummary) -> dict[str, Any]:
    return {
        "sshName": name,
        "alias": each.name.alias or None,
        "space": each.name.space,
        "project": each.name.project,
        "id": each.name.id,
        "state": each.state.status,
        "stateReason": each.state.reason or None,
        "instanceType": each.instance_type or None,
        "inactivityTimeoutMinutes": each.inactivity_timeout,
        "repositories": [
            {"name": repository.name, "branch": repository.branch or None}
            for repository in each.repositories
        ],
        "creatorId": each.creator or None,
        "lastUpdatedTime": each.updated or None,
    }
