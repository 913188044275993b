"""The emulated API refuses malformed requests that boto3 never sends."""

from __future__ import annotations

import gzip
import json
from typing import Any

import pytest

from connector.emulator.api.rest import BODY_MAX

from .world import World

BEARER = {"Authorization": "Bearer token-of-alice"}


def session_body(**configuration: Any) -> dict[str, Any]:
    return {"sessionConfiguration": configuration}


def command_body(**command: Any) -> dict[str, Any]:
    return session_body(sessionType="SSM", executeCommandSessionConfiguration=command)


@pytest.mark.parametrize(
    ("body", "member"),
    [
        (None, "sessionConfiguration"),
        (b"", "sessionConfiguration"),
        ({}, "sessionConfiguration"),
        ({"sessionConfiguration": None}, "sessionConfiguration"),
        ({"sessionConfiguration": "SSH"}, "sessionConfiguration"),
        (session_body(), "sessionConfiguration.sessionType"),
        (session_body(sessionType="FTP"), "sessionConfiguration.sessionType"),
        (session_body(sessionType="ssh"), "sessionConfiguration.sessionType"),
        (session_body(sessionType=1), "sessionConfiguration.sessionType"),
        (session_body(sessionType=["SSH"]), "sessionConfiguration.sessionType"),
        (command_body(), "command"),
        (command_body(command=""), "command"),
        (command_body(command="x" * 256), "command"),
        (command_body(command="\ud800"), "command"),
        (command_body(command="x", arguments="y"), "arguments"),
        (command_body(command="x", arguments=["y", ""]), "arguments.2.member"),
        (command_body(command="x", arguments=[None]), "arguments.1.member"),
        ([], "object"),
        ("SSH", "object"),
        (b"null", "object"),
        (b"{", "JSON"),
        (b"\xff\xfe", "JSON"),
        (b"[" * 100_000, "JSON"),
        (b'{"maxResults": ' + b"9" * 5000 + b"}", "JSON"),
        (b" " * (BODY_MAX + 1), "larger"),
    ],
)
async def test_malformed_body_of_start_session_is_refused(
    world: World, body: Any, member: str
) -> None:
    answer = await world.request("PUT", world.path + "/session", body)
    assert (answer.status, answer.error) == (400, "ValidationException")
    assert member in answer.members["message"]
    assert world.model.sessions.living(world.environment.id) == []


async def test_body_with_wrong_content_encoding_is_refused(world: World) -> None:
    headers = {**BEARER, "Content-Encoding": "gzip"}
    answer = await world.request("POST", "/v1/spaces", b"{}", headers)
    assert (answer.status, answer.error) == (400, "ValidationException")
    bomb = gzip.compress(b" " * (4 * BODY_MAX))
    answer = await world.request("POST", "/v1/spaces", bomb, headers)
    assert (answer.status, answer.error) == (400, "ValidationException")


@pytest.mark.parametrize("extra", [{"x": [1]}, session_body(sessionType="SSH", colour="red")])
async def test_unknown_members_are_refused(world: World, extra: dict[str, Any]) -> None:
    body = {**session_body(sessionType="SSH"), **extra}
    answer = await world.request("PUT", world.path + "/session", body)
    assert (answer.status, answer.error) == (400, "ValidationException")


async def test_member_of_the_path_is_not_taken_from_the_body(world: World) -> None:
    body = {**session_body(sessionType="SSH"), "spaceName": "Other"}
    answer = await world.request("PUT", world.path + "/session", body)
    assert answer.members["spaceName"] == "MySpace"


@pytest.mark.parametrize(
    ("body", "member"),
    [
        ({"maxResults": 0}, "maxResults"),
        ({"maxResults": 51}, "maxResults"),
        ({"maxResults": "5"}, "maxResults"),
        ({"maxResults": 1.5}, "maxResults"),
        ({"maxResults": True}, "maxResults"),
        ({"nextToken": ""}, "nextToken"),
        ({"nextToken": "x" * 10_001}, "nextToken"),
        ({"nextToken": "\u00e9"}, "nextToken"),
        ({"projectName": "a b c"}, "projectName"),
        ({"projectName": "abc\n"}, "projectName"),
        ({"filters": {}}, "filters"),
        ({"filters": [{"key": "alias"}]}, "filters.1.member.values"),
        ({"filters": [{"key": "colour", "values": ["red"]}]}, "key"),
        (
            {"filters": [{"key": "alias", "values": [], "comparisonOperator": "LIKE"}]},
            "Comparison",
        ),
    ],
)
async def test_malformed_body_of_list_environments_is_refused(
    world: World, body: Any, member: str
) -> None:
    answer = await world.request("POST", "/v1/spaces/MySpace/devEnvironments", body)
    assert (answer.status, answer.error) == (400, "ValidationException")
    assert member in answer.members["message"]


async def test_null_members_count_as_missing(world: World) -> None:
    body = {"projectName": None, "maxResults": None, "nextToken": None, "filters": None}
    answer = await world.request("POST", "/v1/spaces/MySpace/devEnvironments", body)
    assert answer.status == 200
    assert len(answer.members["items"]) == 1


@pytest.mark.parametrize(
    "body",
    [
        {"ides": [{"name": "VSCode"}, {"name": "PyCharm"}]},
        {"ides": [{"name": ""}]},
        {"ides": ["VSCode"]},
        {"instanceType": "t3.micro"},
        {"inactivityTimeoutMinutes": 1201},
        {"inactivityTimeoutMinutes": -1},
    ],
)
async def test_malformed_body_of_start_environment_is_refused(world: World, body: Any) -> None:
    answer = await world.request("PUT", world.path + "/start", body)
    assert (answer.status, answer.error) == (400, "ValidationException")


@pytest.mark.parametrize(
    ("method", "path", "member"),
    [
        ("GET", "/v1/spaces/sp%20a/projects/abc/devEnvironments/x", "spaceName"),
        ("GET", "/v1/spaces/ab/projects/abc/devEnvironments/x", "spaceName"),
        ("GET", "/v1/spaces/abc-/projects/abc/devEnvironments/x", "spaceName"),
        ("GET", f"/v1/spaces/{'a' * 64}/projects/abc/devEnvironments/x", "spaceName"),
        ("GET", "/v1/spaces/abc/projects/a%2Fb/devEnvironments/x", "projectName"),
        ("GET", "/v1/spaces/abc/projects/%ff%fe%fd/devEnvironments/x", "projectName"),
        ("GET", "/v1/spaces/abc/projects/abc/devEnvironments/x%2Fx", "id"),
        ("GET", "/v1/spaces/abc/projects/abc/devEnvironments/0123", "id"),
        ("GET", "/userDetails?id=", "id"),
        ("GET", f"/userDetails?id={'x' * 257}", "id"),
        ("GET", "/userDetails?userName=a%20b", "userName"),
    ],
)
async def test_malformed_path_or_query_is_refused(
    world: World, method: str, path: str, member: str
) -> None:
    answer = await world.request(method, path)
    assert (answer.status, answer.error) == (400, "ValidationException")
    assert f"'{member}'" in answer.members["message"]


async def test_too_long_session_id_is_refused(world: World) -> None:
    answer = await world.request("DELETE", f"{world.path}/session/{'x' * 97}")
    assert (answer.status, answer.error) == (400, "ValidationException")


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/"),
        ("GET", "/v2/spaces"),
        ("GET", "/v1/spaces"),
        ("POST", "/session"),
        ("GET", "/v1/spaces/abc/projects//devEnvironments/x"),
        ("PATCH", "/session"),
    ],
)
async def test_unknown_operation_is_refused(world: World, method: str, path: str) -> None:
    answer = await world.request(method, path)
    assert (answer.status, answer.error) == (404, "UnknownOperationException")
    assert answer.members["message"]


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Authorization": ""},
        {"Authorization": "Bearer"},
        {"Authorization": "Bearer "},
        {"Authorization": "Bearer unknown-token"},
        {"Authorization": "Basic token-of-alice"},
        {"Authorization": "token-of-alice"},
    ],
)
async def test_request_without_valid_bearer_token_is_refused(
    world: World, headers: dict[str, str]
) -> None:
    # The API checks the token before the body.
    answer = await world.request("PUT", world.path + "/session", b"{", headers)
    assert (answer.status, answer.error) == (401, "UnauthorizedException")
    assert "unknown-token" not in answer.text


async def test_error_messages_do_not_quote_the_request(world: World) -> None:
    body = json.dumps(session_body(sessionType="a-secret")).encode()
    answer = await world.request("PUT", world.path + "/session", body)
    assert answer.status == 400
    assert "a-secret" not in answer.text
    assert answer.headers["x-amzn-RequestId"]
