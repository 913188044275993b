"""The operations of CodeCatalyst that the emulator serves: methods, paths, input shapes.

Source: botocore's model ``codecatalyst/2022-09-28``. A test compares every member.
"""

from __future__ import annotations

from collections.abc import Mapping

from ..protocols.protocol import Operation
from ..shapes import (
    ListOf,
    Shape,
    Structure,
    Text,
    Whole,
)

NAME = Text(3, 63, r"[a-zA-Z0-9]+(?:[-_\.][a-zA-Z0-9]+)*")
UUID = Text(pattern=r"[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}")
NEXT_TOKEN = Text(1, 10_000)
INSTANCE_TYPE = Text(
    enum=(
        "dev.standard1.small",
        "dev.standard1.medium",
        "dev.standard1.large",
        "dev.standard1.xlarge",
    )
)
INACTIVITY_TIMEOUT_MINUTES = Whole(0, 1200)
IDES = ListOf(Structure({"runtime": Text(1, 400), "name": Text(1, 128)}), maximum=1)
SESSION_CONFIGURATION = Structure(
    {
        "sessionType": Text(enum=("SSM", "SSH")),
        "executeCommandSessionConfiguration": Structure(
            {"command": Text(1, 255), "arguments": ListOf(Text(1, 255))}, ("command",)
        ),
    },
    ("sessionType",),
)
FILTERS = ListOf(
    Structure(
        {"key": Text(), "values": ListOf(Text()), "comparisonOperator": Text()},
        ("key", "values"),
    )
)
PROJECT_FILTERS = ListOf(
    Structure(
        {
            "key": Text(enum=("hasAccessTo", "name")),
            "values": ListOf(Text()),
            "comparisonOperator": Text(enum=("EQ", "GT", "GE", "LT", "LE", "BEGINS_WITH")),
        },
        ("key", "values"),
    )
)

_SPACE: Mapping[str, Shape] = {"spaceName": NAME}
_PROJECT: Mapping[str, Shape] = {**_SPACE, "projectName": NAME}
_ENVIRONMENT: Mapping[str, Shape] = {**_PROJECT, "id": UUID}
_ENVIRONMENT_PATH = "/v1/spaces/{spaceName}/projects/{projectName}/devEnvironments/{id}"

START_SESSION = Operation(
    "StartDevEnvironmentSession",
    "PUT",
    _ENVIRONMENT_PATH + "/session",
    Structure(
        {**_ENVIRONMENT, "sessionConfiguration": SESSION_CONFIGURATION},
        (*_ENVIRONMENT, "sessionConfiguration"),
    ),
)
STOP_SESSION = Operation(
    "StopDevEnvironmentSession",
    "DELETE",
    _ENVIRONMENT_PATH + "/session/{sessionId}",
    Structure({**_ENVIRONMENT, "sessionId": Text(1, 96)}, (*_ENVIRONMENT, "sessionId")),
)
LIST_SESSIONS = Operation(
    "ListDevEnvironmentSessions",
    "POST",
    "/v1/spaces/{spaceName}/projects/{projectName}/devEnvironments/{devEnvironmentId}/sessions",
    Structure(
        {
            **_PROJECT,
            "devEnvironmentId": UUID,
            "nextToken": NEXT_TOKEN,
            "maxResults": Whole(1, 200),
        },
        (*_PROJECT, "devEnvironmentId"),
    ),
)
GET_ENVIRONMENT = Operation(
    "GetDevEnvironment", "GET", _ENVIRONMENT_PATH, Structure(_ENVIRONMENT, tuple(_ENVIRONMENT))
)
START_ENVIRONMENT = Operation(
    "StartDevEnvironment",
    "PUT",
    _ENVIRONMENT_PATH + "/start",
    Structure(
        {
            **_ENVIRONMENT,
            "ides": IDES,
            "instanceType": INSTANCE_TYPE,
            "inactivityTimeoutMinutes": INACTIVITY_TIMEOUT_MINUTES,
        },
        tuple(_ENVIRONMENT),
    ),
)
STOP_ENVIRONMENT = Operation(
    "StopDevEnvironment",
    "PUT",
    _ENVIRONMENT_PATH + "/stop",
    Structure(_ENVIRONMENT, tuple(_ENVIRONMENT)),
)
LIST_ENVIRONMENTS = Operation(
    "ListDevEnvironments",
    "POST",
    "/v1/spaces/{spaceName}/devEnvironments",
    Structure(
        {**_PROJECT, "filters": FILTERS, "nextToken": NEXT_TOKEN, "maxResults": Whole(1, 50)},
        tuple(_SPACE),
    ),
)
#: ListDevEnvironments in botocore 1.29.50 (January 2023), which AWS CLI 2.9 contains: it lists one
#: project. Later versions list a whole space.
LIST_ENVIRONMENTS_OF_PROJECT = Operation(
    "ListDevEnvironments",
    "POST",
    "/v1/spaces/{spaceName}/projects/{projectName}/devEnvironments",
    Structure(LIST_ENVIRONMENTS.input.members, tuple(_PROJECT)),
)
LIST_SPACES = Operation("ListSpaces", "POST", "/v1/spaces", Structure({"nextToken": NEXT_TOKEN}))
LIST_PROJECTS = Operation(
    "ListProjects",
    "POST",
    "/v1/spaces/{spaceName}/projects",
    Structure(
        {
            **_SPACE,
            "nextToken": NEXT_TOKEN,
            "maxResults": Whole(1, 100),
            "filters": PROJECT_FILTERS,
        },
        tuple(_SPACE),
    ),
)
VERIFY_SESSION = Operation("VerifySession", "GET", "/session", Structure())
GET_USER_DETAILS = Operation(
    "GetUserDetails",
    "GET",
    "/userDetails",
    Structure({"id": Text(1, 256), "userName": Text(3, 100, r"[a-zA-Z0-9_.-]{3,100}")}),
    query=("id", "userName"),
)
