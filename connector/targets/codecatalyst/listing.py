"""The lists of the API: all Dev Environments of a user, and the sessions of one.

Environments are listed by spaces, their projects, and what is in each, as the AWS Toolkit for VS
Code does it. The API can list a whole space at once. Its documentation does not say whether it
then leaves out the environments of others, and whether every user may ask.
"""

from __future__ import annotations

import logging
import time
from dataclasses import dataclass, field
from functools import partial
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
    quoted,
)
from ..model import GONE, SessionInfo, State
from ..pages import iso_time, items_of
from ..parallel import for_all
from ..refusals import said_by
from .calls import Calls, state_of
from .hosts import EnvironmentName, place_of
from .refusals import explain_any

_CONNECT_TIMEOUT, _READ_TIMEOUT = 4.0, 8.0  # seconds for one try, where there is time for that
_TRIES = 3
_SHORTEST_TRY = 0.1  # seconds

# Spaces and projects that the caller has access to.
_MINE = [{"key": "hasAccessTo", "values": ["true"]}]

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Repository:
    """A repository that a Dev Environment has cloned; ``branch`` may be empty."""

    name: str
    branch: str


@dataclass(frozen=True)
class EnvironmentSummary:
    """A Dev Environment as the service lists it; members that are not told are empty.

    :param inactivity_timeout: minutes, 0 for never; ``None`` when it is not told.
    :param updated: in ISO 8601. Texts are the service's own, not yet fit to be printed.
    """

    name: EnvironmentName
    state: State
    instance_type: str = ""
    inactivity_timeout: int | None = None
    repositories: tuple[Repository, ...] = ()
    creator: str = ""
    updated: str = ""

    @property
    def is_going(self) -> bool:
        """Whether it cannot be reached any more, and its alias may be another's already."""
        return self.state.phase == GONE


@dataclass(frozen=True)
class Problem:
    """A space or project that could not be listed; ``project`` is empty for a whole space."""

    space: str
    project: str
    error: ConnectorError

    @property
    def is_refusal(self) -> bool:
        """Whether it holds nothing that the user could use."""
        return isinstance(self.error, (AccessDenied, TargetNotFound))

    def may_hide(self, space: str | None, project: str | None) -> bool:
        """Return whether it could hold an environment of this space and a project of this name."""
        pairs = ((self.space, space), (self.project, project))
        return all(
            not here or wanted is None or here.lower() == wanted.lower() for here, wanted in pairs
        )


@dataclass(frozen=True)
class Listing:
    """The environments that were found, in no order, and what could not be listed.

    :param spaces: that the user has access to; ``projects``: likewise, each with its space.
    """

    environments: list[EnvironmentSummary]
    problems: list[Problem]
    spaces: list[str] = field(default_factory=list)
    projects: list[tuple[str, str]] = field(default_factory=list)

    def check_place(self, space: str | None, project: str | None) -> None:
        """Check that the place of a search exists, where nothing was found in it.

        :raises TargetNotFound: when the user has no such space, or no such project in it.
        """
        if any(problem.may_hide(space, project) for problem in self.problems):
            return
        spaces = [each for each in self.spaces if space is None or each.lower() == space.lower()]
        if space is not None and not spaces:
            raise TargetNotFound(
                f"You have access to no space {quoted(space)}", "Check --space and SPACE_NAME"
            )
        within = [name.lower() for place, name in self.projects if place in spaces]
        if project is not None and project.lower() not in within:
            raise TargetNotFound(
                f"You have access to no project {quoted(project)}{place_of(space, None)}",
                "Check --project and PROJECT_NAME",
            )

    @property
    def is_whole(self) -> bool:
        """Whether it holds all that the user can use. Only then may it be remembered."""
        return all(problem.is_refusal for problem in self.problems)

    @property
    def names(self) -> list[EnvironmentName]:
        return [each.name for each in self.environments]

    @property
    def usable(self) -> list[EnvironmentName]:
        """The names of those that are not going."""
        return [each.name for each in self.environments if not each.is_going]


def list_environments(api: Api, token: BearerToken, timeout: float) -> Listing:
    """List the Dev Environments of all spaces and projects that the caller has access to.

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


def sessions_of(calls: Calls, timeout: float) -> list[SessionInfo]:
    """List the live sessions of an environment; ``timeout`` is in seconds for each page."""
    operation = "list_dev_environment_sessions"
    page = partial(calls.call, timeout, operation, id_name="devEnvironmentId")
    items = items_of(page, "items", "sessions")
    return [SessionInfo(item["id"], iso_time(item.get("startedTime"))) for item in items]


class _Lister:
    """Raises TimeoutError when the time is over, and ConnectorError when nothing can be listed."""

    def __init__(self, api: Api, token: BearerToken, deadline: float) -> None:
        self._api = api
        self._token = token
        self._deadline = deadline

    def run(self) -> Listing:
        spaces = self._spaces()
        places, problems = self._projects(spaces)
        found: list[EnvironmentSummary] = []
        for answer in for_all(self._environments, places, self._deadline):
            if isinstance(answer, Problem):
                problems.append(answer)
            else:
                found += answer
        return Listing(found, problems, spaces, places)

    def _spaces(self) -> list[str]:
        def work(_: None) -> list[str]:
            return self._names("list_spaces", "spaces")

        return for_all(work, [None], self._deadline)[0]

    def _projects(self, spaces: list[str]) -> tuple[list[tuple[str, str]], list[Problem]]:
        """Return the projects of these spaces, each with its space."""

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
        """Return all items of a list.

        :raises ConnectorError: with the reason, which names space and project.
        """
        if space:
            members["spaceName"] = space
        try:
            return list(items_of(partial(self._ask, operation, **members), "items", what))
        except Refused as refused:
            raise _explained(refused, space, project, self._token) from refused
        except CallFailed as failure:
            raise failure.error from failure

    def _ask(self, operation: str, **members: Any) -> dict[str, Any]:
        """Return one page. Listing is idempotent, so that failures may be tried again."""
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
                    raise TimeoutError from failure  # our own deadline cut the call short
                if not retry.pause(failure):
                    raise


def _problem(error: ConnectorError, space: str, project: str = "") -> Problem:
    """:raises CredentialsError: since other spaces refuse the same token."""
    if isinstance(error, CredentialsError):
        raise error
    return Problem(space, project, error)


def _explained(refused: Refused, space: str, project: str, token: BearerToken) -> ConnectorError:
    said = said_by(refused, token.value)
    where = f"the space {space}" if space else "any space"
    if project:
        where = f"the project {space}/{project}"
    status = refused.status
    if status in (401, 429) or refused.is_unserved:
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
        EnvironmentName(
            item.get("spaceName") or space,
            item.get("projectName") or project,
            item["id"],
            item.get("alias", ""),
        ),
        state_of(item["status"], item.get("statusReason", "")),
        instance_type=item.get("instanceType", ""),
        inactivity_timeout=None if timeout is None else int(timeout),
        repositories=tuple(
            Repository(each.get("repositoryName", ""), each.get("branchName", ""))
            for each in item.get("repositories", ())
        ),
        creator=item.get("creatorId", ""),
        updated=iso_time(item.get("lastUpdatedTime")),
    )
