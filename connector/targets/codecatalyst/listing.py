"""All Dev Environments of a user, over spaces and projects.

By spaces, their projects and what is in each, as the AWS Toolkit for VS Code does it. The
API could list a whole space at once, but whether it then leaves out what other people have
made, and lets everybody ask, is not documented.
"""

from __future__ import annotations

import logging
import time
from dataclasses import dataclass
from typing import Any

from ...aws.api import Api, CallFailed, Refused
from ...aws.retry import Retry
from ...aws.sso.tokens import BearerToken
from ...errors import (
    NETWORK_HINT,
    AccessDenied,
    ConnectFailed,
    ConnectorError,
    CredentialsError,
    RequestRefused,
    ServiceError,
    TargetNotFound,
)
from ..parallel import for_all
from .environment import GOING
from .lists import iso_time, items_of
from .refusals import explain_any, said_by, status_of

_CONNECT_TIMEOUT, _READ_TIMEOUT = 4.0, 8.0  # seconds for one try, where there is time for that
_TRIES = 3
_SHORTEST_TRY = 0.1  # seconds

# Both lists name only what the caller can get into.
_MINE = [{"key": "hasAccessTo", "values": ["true"]}]

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Repository:
    """One that a Dev Environment has cloned; ``branch`` may be empty."""

    name: str
    branch: str


@dataclass(frozen=True)
class EnvironmentSummary:
    """A Dev Environment as the service lists it; what it does not tell is empty.

    ``inactivity_timeout``: minutes, 0 for never; ``None`` when it is not told.
    ``updated``: in ISO 8601. Texts are the service's own, not yet fit to be printed.
    """

    space: str
    project: str
    id: str
    alias: str
    status: str
    reason: str = ""
    instance_type: str = ""
    inactivity_timeout: int | None = None
    repositories: tuple[Repository, ...] = ()
    creator: str = ""
    updated: str = ""

    @property
    def is_going(self) -> bool:
        """Whether nobody can reach it any more, and its alias may be another's already."""
        return self.status in GOING


@dataclass(frozen=True)
class Problem:
    """A space or project that could not be listed; ``project`` is empty for a whole space."""

    space: str
    project: str
    error: ConnectorError

    @property
    def is_refusal(self) -> bool:
        """Whether there is nothing in it that the user could use anyway."""
        return isinstance(self.error, (AccessDenied, TargetNotFound))

    def may_hide(self, space: str | None, project: str | None) -> bool:
        """Whether it could hold what is looked for in this space, and in projects of this name."""
        pairs = ((self.space, space), (self.project, project))
        return all(
            not here or wanted is None or here.lower() == wanted.lower() for here, wanted in pairs
        )


@dataclass(frozen=True)
class Listing:
    """What was found, in no order, and what could not be looked at."""

    environments: list[EnvironmentSummary]
    problems: list[Problem]

    @property
    def is_whole(self) -> bool:
        """Whether it holds all that the user can use, as what is remembered has to."""
        return all(problem.is_refusal for problem in self.problems)


def list_environments(api: Api, token: BearerToken, timeout: float) -> Listing:
    """All Dev Environments of all spaces and projects that the caller has access to.

    A space or project that cannot be listed does not hide the others.

    :param timeout: seconds for all together.
    :raises ConnectorError: when nothing can be listed at all, or not in time.
    """
    lister = _Lister(api, token, time.monotonic() + timeout)
    try:
        return lister.run()
    except TimeoutError:
        raise ConnectFailed(
            f"CodeCatalyst has not listed all Dev Environments within {timeout:.0f} s",
            NETWORK_HINT,
        ) from None


class _Lister:
    """Raises TimeoutError when the time is over, and ConnectorError when all is in vain."""

    def __init__(self, api: Api, token: BearerToken, deadline: float) -> None:
        self._api = api
        self._token = token
        self._deadline = deadline

    def run(self) -> Listing:
        places, problems = self._projects(self._spaces())
        found: list[EnvironmentSummary] = []
        for answer in for_all(self._environments, places, self._deadline):
            if isinstance(answer, Problem):
                problems.append(answer)
            else:
                found += answer
        return Listing(found, problems)

    def _spaces(self) -> list[str]:
        def work(_: None) -> list[str]:
            return self._names("list_spaces", "spaces")

        return for_all(work, [None], self._deadline)[0]

    def _projects(self, spaces: list[str]) -> tuple[list[tuple[str, str]], list[Problem]]:
        """Those of all these spaces, each with its space."""

        def work(space: str) -> list[str] | Problem:
            try:
                return self._names("list_projects", "projects", space, filters=_MINE)
            except ConnectorError as error:
                return _problem(error, space)

        places: list[tuple[str, str]] = []
        problems: list[Problem] = []
        for space, answer in zip(spaces, for_all(work, spaces, self._deadline), strict=True):
            if isinstance(answer, Problem):
                problems.append(answer)
            else:
                places += [(space, name) for name in answer]
        return places, problems

    def _environments(self, place: tuple[str, str]) -> list[EnvironmentSummary] | Problem:
        space, project = place
        try:
            items = self._items(
                "list_dev_environments", "Dev Environments", space, project, projectName=project
            )
            return [_summary(item, space, project) for item in items]
        except CallFailed as failure:
            return _problem(failure.error, space, project)
        except ConnectorError as error:
            return _problem(error, space, project)

    def _names(self, operation: str, what: str, space: str = "", **members: Any) -> list[str]:
        return [item["name"] for item in self._items(operation, what, space, **members)]

    def _items(
        self, operation: str, what: str, space: str = "", project: str = "", **members: Any
    ) -> list[Any]:
        """All items of a list.

        :raises ConnectorError: with the reason, in which space and project are named.
        """
        if space:
            members["spaceName"] = space

        def ask(more: dict[str, str]) -> dict[str, Any]:
            return self._ask(operation, {**members, **more})

        try:
            return list(items_of(ask, what))
        except Refused as refused:
            raise _explained(refused, space, project, self._token) from refused
        except CallFailed as failure:
            raise failure.error from failure

    def _ask(self, operation: str, members: dict[str, Any]) -> dict[str, Any]:
        """One page; a list can be asked for again without harm."""
        retry = Retry(operation, self._deadline, tries=_TRIES)
        while True:
            left = self._deadline - time.monotonic()
            if left <= 0:
                raise TimeoutError
            try:
                return self._api.call(
                    operation,
                    self._token.value,
                    connect_timeout=min(_CONNECT_TIMEOUT, left),
                    read_timeout=min(_READ_TIMEOUT, left),
                    **members,
                )
            except (Refused, CallFailed) as failure:
                if self._deadline - time.monotonic() < _SHORTEST_TRY:
                    raise TimeoutError from failure  # it is our time that was too short for it
                if not retry.pause(failure):
                    raise


def _problem(error: ConnectorError, space: str, project: str = "") -> Problem:
    """:raises CredentialsError: which no other space will make better."""
    if isinstance(error, CredentialsError):
        raise error
    return Problem(space, project, error)


def _explained(refused: Refused, space: str, project: str, token: BearerToken) -> ConnectorError:
    said = said_by(refused, token)
    where = f"the space {space}" if space else "any space"
    if project:
        where = f"the project {space}/{project}"
    status = status_of(refused)
    if status in (401, 429):
        return explain_any(refused, token)
    if status == 403:
        return AccessDenied(f"You have no access to {where}{said}")
    if refused.code == "ResourceNotFoundException":
        return TargetNotFound(f"CodeCatalyst does not know {where}{said}")
    if status == 400:
        return RequestRefused(f"CodeCatalyst refuses to list {where}{said}")
    return ServiceError(f"CodeCatalyst cannot list {where} ({refused}){said}")


def _summary(item: dict[str, Any], space: str, project: str) -> EnvironmentSummary:
    timeout = item.get("inactivityTimeoutMinutes")
    return EnvironmentSummary(
        space=item.get("spaceName") or space,
        project=item.get("projectName") or project,
        id=item["id"],
        alias=item.get("alias", ""),
        status=item["status"],
        reason=item.get("statusReason", ""),
        instance_type=item.get("instanceType", ""),
        inactivity_timeout=None if timeout is None else int(timeout),
        repositories=tuple(
            Repository(each.get("repositoryName", ""), each.get("branchName", ""))
            for each in item.get("repositories", ())
        ),
        creator=item.get("creatorId", ""),
        updated=iso_time(item.get("lastUpdatedTime")),
    )
