"""Responses of the API that break its model."""

from __future__ import annotations

import pytest
from aiohttp import web

from connector.aws.responses import check
from connector.aws.sso.oidc import RESPONSES
from connector.errors import (
    ServiceError,
)
from connector.sessions import SessionAccess
from connector.targets.codecatalyst.api import OPERATIONS
from connector.targets.codecatalyst.environment import CodeCatalystSessions

from .cloud import Cloud
from .helpers import START, UNWATCHED, always, refusal

pytestmark = pytest.mark.usefixtures("both_ways")


@pytest.mark.parametrize(
    "answer",
    [
        {},
        [],
        "text",
        5,
        None,
        {"accessDetails": None},
        {"accessDetails": []},
        {"accessDetails": "x"},
        {"accessDetails": {"streamUrl": "wss://x"}},
        {"accessDetails": {"streamUrl": "", "tokenValue": "t"}},
        {"accessDetails": {"streamUrl": 5, "tokenValue": "t"}},
        {"accessDetails": {"streamUrl": "wss://x", "tokenValue": ["t"]}},
        {"accessDetails": {"streamUrl": "wss://x", "tokenValue": "t"}, "sessionId": 7},
    ],
)
def test_response_of_another_shape_is_reported(
    answer: object, cloud: Cloud, sessions: CodeCatalystSessions
) -> None:
    always(cloud, START, lambda: web.json_response(answer))
    assert type(refusal(sessions)) is ServiceError
    assert cloud.operations() == [START]


@pytest.mark.parametrize("body", [b"<html>captive portal</html>", b"\xff\xfe\x00", b"", b"{"])
def test_response_that_is_not_json_is_reported(
    body: bytes, cloud: Cloud, sessions: CodeCatalystSessions
) -> None:
    always(cloud, START, lambda: web.Response(body=body))
    assert type(refusal(sessions)) is ServiceError
    assert cloud.operations() == [START]


def test_error_that_is_not_json_is_reported(cloud: Cloud, sessions: CodeCatalystSessions) -> None:
    always(cloud, START, lambda: web.Response(status=403, text="<html>\x1b[2J blocked </html>"))
    assert "blocked" in str(refusal(sessions))


@pytest.mark.parametrize("page", ["<html><h1>Sorry</h1></html>", ""])
def test_error_of_a_load_balancer_is_reported(
    page: str, cloud: Cloud, sessions: CodeCatalystSessions
) -> None:
    always(cloud, START, lambda: web.Response(status=502, text=page))
    assert "(502 502): Bad Gateway" in str(refusal(sessions))


def test_session_without_an_id_is_accepted(cloud: Cloud, sessions: CodeCatalystSessions) -> None:
    details = {"streamUrl": "wss://x", "tokenValue": "t"}
    always(cloud, START, lambda: web.json_response({"accessDetails": details}))
    assert sessions.start(UNWATCHED) == SessionAccess("wss://x", "t", "")


@pytest.mark.parametrize("depth", [2_000, 200_000])
def test_deeply_nested_response_is_an_error_of_one_line(
    depth: int, cloud: Cloud, sessions: CodeCatalystSessions
) -> None:
    body = b'{"accessDetails":' + b"[" * depth + b"]" * depth + b"}"
    always(cloud, START, lambda: web.Response(body=body))
    assert type(refusal(sessions)) is ServiceError


@pytest.mark.parametrize("name", ["message", "code", "__type"])
def test_deeply_nested_error_is_an_error_of_one_line(
    name: str, cloud: Cloud, sessions: CodeCatalystSessions
) -> None:
    body = b'{"' + name.encode() + b'":' + b"[" * 2000 + b"]" * 2000 + b"}"
    always(cloud, START, lambda: web.Response(status=403, body=body))
    assert str(refusal(sessions))


@pytest.mark.parametrize(
    ("operation", "document", "expected"),
    [
        ("register_client", {"clientSecretExpiresAt": 10**40}, 253402300799.0),
        ("start_device_authorization", {"interval": -5}, 1.0),
        ("start_device_authorization", {"interval": float("inf")}, 60.0),
        ("start_device_authorization", {"interval": float("nan")}, None),
        ("start_device_authorization", {"interval": True}, None),
        ("get_user_details", {"primaryEmail": True}, None),
        ("get_user_details", {"userName": "\ud800x"}, "?x"),
    ],
)
def test_value_out_of_range_is_clamped_or_dropped(
    operation: str, document: dict[str, object], expected: object
) -> None:
    needed = {"clientId": "c", "clientSecret": "s", "deviceCode": "d", "userCode": "u"}
    shape = RESPONSES[operation] if operation in RESPONSES else OPERATIONS[operation].response
    found = check({**needed, **document}, shape, "host")
    assert found.get(next(iter(document))) == expected
