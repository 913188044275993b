"""CodeCatalyst's operations, carried out on the model."""

from __future__ import annotations

import base64
import operator
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime, timezone
from typing import Any, TypeVar

from ...sessions import Form, Session
from ..errors import (
    AccessDeniedException,
    ResourceNotFoundException,
    ValidationException,
)
from ..rest import BearerTokens, Endpoint
from . import operations
from .model import CodeCatalystModel, DevEnvironment, Ide, Project, Space

Members = Mapping[str, Any]
Answer = dict[str, Any]
Item = TypeVar("Item")

SPACES_PER_PAGE = 20  # a choice: ListSpaces pages without a size in the request


class CodeCatalystService:
    """The API, as endpoints for a ``RestServer``.

    :param tokens: the tokens that the API accepts.
    :param stream_url: returns a new session's ``streamUrl``.
    """

    def __init__(
        self,
        model: CodeCatalystModel,
        tokens: BearerTokens,
        stream_url: Callable[[Session], str],
    ) -> None:
        self._model = model
        self._tokens = tokens
        self._stream_url = stream_url

    def endpoints(self) -> list[Endpoint]:
        """Return all operations."""
        handlers = (
            (operations.START_SESSION, self._start_session),
            (operations.STOP_SESSION, self._stop_session),
            (operations.LIST_SESSIONS, self._list_sessions),
            (operations.GET_ENVIRONMENT, self._get_environment),
            (operations.START_ENVIRONMENT, self._start_environment),
            (operations.STOP_ENVIRONMENT, self._stop_environment),
            (operations.LIST_ENVIRONMENTS, self._list_environments),
            (operations.LIST_ENVIRONMENTS_OF_PROJECT, self._list_environments),
            (operations.LIST_SPACES, self._list_spaces),
            (operations.LIST_PROJECTS, self._list_projects),
            (operations.VERIFY_SESSION, self._verify_session),
            (operations.GET_USER_DETAILS, self._get_user_details),
        )
        return [
            Endpoint(operation, self._tokens.user_of, handler, ValidationException)
            for operation, handler in handlers
        ]

    # Sessions

    def _start_session(self, caller: str, members: Members) -> Answer:
        environment = self._environment(caller, members)
        configuration = members["sessionConfiguration"]
        command = configuration.get("executeCommandSessionConfiguration")
        # The API ignores the command of a session of type SSH. A choice.
        if configuration["sessionType"] == "SSH":
            session = self._model.start_session(environment)
        elif command is None:
            session = self._model.start_session(environment, Form.SHELL)
        else:
            words = (command["command"], *(command.get("arguments") or ()))
            session = self._model.start_session(environment, Form.COMMAND, words)
        access = {"streamUrl": self._stream_url(session), "tokenValue": session.token_value}
        return {**_name(environment), "sessionId": session.id, "accessDetails": access}

    def _stop_session(self, caller: str, members: Members) -> Answer:
        environment = self._environment(caller, members)
        session = self._model.session(environment, members["sessionId"])
        self._model.sessions.end(session, "StopDevEnvironmentSession was called")
        return {**_name(environment), "sessionId": session.id}

    def _list_sessions(self, caller: str, members: Members) -> Answer:
        environment = self._environment(caller, {**members, "id": members["devEnvironmentId"]})
        return _listing(
            members,
            self._model.sessions.living(environment.id),
            lambda session: (_timestamp(session.started_time), session.id),
            f"sessions of {environment.id}",
            200,
            lambda session: _session_summary(environment, session),
        )

    # Dev Environments

    def _get_environment(self, caller: str, members: Members) -> Answer:
        return _environment_summary(self._environment(caller, members))

    def _start_environment(self, caller: str, members: Members) -> Answer:
        environment = self._environment(caller, members)
        settings: dict[str, Any] = {}
        if members.get("ides"):
            settings["ides"] = tuple(
                Ide(ide.get("name"), ide.get("runtime")) for ide in members["ides"]
            )
        if "instanceType" in members:
            settings["instance_type"] = members["instanceType"]
        if "inactivityTimeoutMinutes" in members:
            settings["inactivity_timeout_minutes"] = members["inactivityTimeoutMinutes"]
        self._model.start_environment(environment, **settings)
        return {**_name(environment), "status": environment.status.value}

    def _stop_environment(self, caller: str, members: Members) -> Answer:
        environment = self._environment(caller, members)
        self._model.stop_environment(environment)
        return {**_name(environment), "status": environment.status.value}

    def _list_environments(self, caller: str, members: Members) -> Answer:
        space, project = members["spaceName"], members.get("projectName")
        found = [
            environment
            for environment in self._model.environments(space, project)
            if _matches(_environment_attributes(environment), members.get("filters"))
        ]
        return _listing(
            members,
            found,
            lambda environment: (environment.project_name, environment.id),
            f"environments of {space} {project or ''}",
            50,
            _environment_summary,
        )

    def _environment(self, caller: str, members: Members) -> DevEnvironment:
        environment = self._model.environment(
            members["spaceName"], members["projectName"], members["id"]
        )
        if environment.creator_id != caller:
            raise AccessDeniedException("Only its creator has access to a Dev Environment")
        return environment

    # Spaces, projects and users

    def _list_spaces(self, caller: str, members: Members) -> Answer:
        spaces = self._model.spaces()
        return _listing(
            members, spaces, lambda space: (space.name,), "spaces", SPACES_PER_PAGE, _space_summary
        )

    def _list_projects(self, caller: str, members: Members) -> Answer:
        space = members["spaceName"]
        found = []
        for project in self._model.projects(space):
            has_access = str(caller not in project.outsiders).lower()
            attributes = {"name": project.name, "hasAccessTo": has_access}
            if _matches(attributes, members.get("filters")):
                found.append(project)
        return _listing(
            members,
            found,
            lambda project: (project.name,),
            f"projects of {space}",
            100,
            _project_summary,
        )

    def _verify_session(self, caller: str, members: Members) -> Answer:
        return {"identity": caller}

    def _get_user_details(self, caller: str, members: Members) -> Answer:
        if not members:
            raise ValidationException("Either id or userName has to be given")
        for user in self._model.users():
            if members.get("id", user.id) == user.id and (
                members.get("userName", user.user_name) == user.user_name
            ):
                return {
                    "userId": user.id,
                    "userName": user.user_name,
                    "displayName": user.display_name,
                    "primaryEmail": {"email": user.email, "verified": True},
                    "version": "1",
                }
        raise ResourceNotFoundException("User not found")


def _listing(
    members: Members,
    items: Iterable[Item],
    key: Callable[[Item], tuple[str, ...]],
    scope: str,
    page_size: int,
    summary: Callable[[Item], Answer],
) -> Answer:
    size = members.get("maxResults") or page_size
    found, next_token = _page(items, key, scope, size, members.get("nextToken"))
    return {"items": [_present(summary(item)) for item in found], "nextToken": next_token}


def _present(members: Answer) -> Answer:
    return {name: value for name, value in members.items() if value is not None}


def _name(environment: DevEnvironment) -> Answer:
    return {
        "spaceName": environment.space_name,
        "projectName": environment.project_name,
        "id": environment.id,
    }


def _environment_attributes(environment: DevEnvironment) -> dict[str, str]:
    # A choice: the model leaves the keys of this operation's filters open.
    return {
        "alias": environment.alias or "",
        "status": environment.status.value,
        "creatorId": environment.creator_id,
    }


def _environment_summary(environment: DevEnvironment) -> Answer:
    settings = environment.settings
    return {
        **_name(environment),
        "lastUpdatedTime": _timestamp(environment.last_updated_time),
        "creatorId": environment.creator_id,
        "status": environment.status.value,
        "statusReason": environment.status_reason,
        "repositories": [
            _present({"repositoryName": repository.name, "branchName": repository.branch})
            for repository in environment.repositories
        ],
        "alias": environment.alias,
        "ides": [_present({"name": ide.name, "runtime": ide.runtime}) for ide in settings.ides],
        "instanceType": settings.instance_type,
        "inactivityTimeoutMinutes": settings.inactivity_timeout_minutes,
        "persistentStorage": {"sizeInGiB": environment.storage_gib},
        "vpcConnectionName": environment.vpc_connection_name,
    }


def _session_summary(environment: DevEnvironment, session: Session) -> Answer:
    return {
        "spaceName": environment.space_name,
        "projectName": environment.project_name,
        "devEnvironmentId": environment.id,
        "startedTime": _timestamp(session.started_time),
        "id": session.id,
    }


def _space_summary(space: Space) -> Answer:
    return {
        "name": space.name,
        "regionName": space.region_name,
        "displayName": space.display_name,
        "description": space.description,
    }


def _project_summary(project: Project) -> Answer:
    return {
        "name": project.name,
        "displayName": project.display_name,
        "description": project.description,
    }


def _timestamp(seconds: float) -> str:
    time = datetime.fromtimestamp(seconds, timezone.utc)
    return time.isoformat(timespec="milliseconds").replace("+00:00", "Z")


# The names are the API's. The default is EQ.
_COMPARISONS: Mapping[str, Callable[[str, str], bool]] = {
    "EQ": operator.eq,
    "GT": operator.gt,
    "GE": operator.ge,
    "LT": operator.lt,
    "LE": operator.le,
    "BEGINS_WITH": str.startswith,
}


def _matches(attributes: Mapping[str, str], filters: Iterable[Mapping[str, Any]] | None) -> bool:
    """Return whether every filter matches. A filter matches if one of its values does.

    :raises ValidationException: for an unknown key or comparison.
    """
    result = True  # no early return: a malformed filter is an error in any case
    for rule in filters or ():
        name = rule.get("comparisonOperator") or "EQ"
        if rule["key"] not in attributes:
            raise ValidationException(f"Filter key must be one of {', '.join(attributes)}")
        if name not in _COMPARISONS:
            raise ValidationException(f"Comparison must be one of {', '.join(_COMPARISONS)}")
        attribute = attributes[rule["key"]]
        result = result and any(_COMPARISONS[name](attribute, value) for value in rule["values"])
    return result


def _page(
    items: Iterable[Item],
    key: Callable[[Item], tuple[str, ...]],
    scope: str,
    size: int,
    next_token: str | None,
) -> tuple[list[Item], str | None]:
    """Return one page of ``items`` in the order of ``key``, and the token of the next page.

    A token holds the last key of its page, not a count. So no item is skipped or repeated when
    others are added or removed between two pages.

    :param key: returns the unique key of an item, whose parts have no newlines.
    :param scope: what is listed. A token is valid only in its own scope.
    :param size: the maximum of items on a page.
    :raises ValidationException: if the token does not belong to this scope.
    """
    after = _read_token(next_token, scope) if next_token else ()
    rest = sorted((item for item in items if key(item) > after), key=key)
    if len(rest) <= size:
        return rest, None
    last = "\n".join((scope, *key(rest[size - 1])))
    return rest[:size], base64.urlsafe_b64encode(last.encode()).decode()


def _read_token(token: str, scope: str) -> tuple[str, ...]:
    try:
        found, *after = base64.b64decode(token, altchars=b"-_", validate=True).decode().split("\n")
    except ValueError:
        found, after = "", []
    if found != scope or not after:
        raise ValidationException("The nextToken is invalid")
    return tuple(after)
