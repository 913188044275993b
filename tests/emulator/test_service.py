"""The emulated CodeCatalyst, called by boto3's unmodified client."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest

from connector.emulator.api.codecatalyst import operations
from connector.emulator.api.codecatalyst.model import (
    Project,
    Space,
    Status,
)
from connector.emulator.api.protocols.protocol import Operation
from connector.emulator.sessions import Form, Session

from .calls import call, code_of, refused, status_of
from .conftest import MakeClient
from .contract import check_input
from .world import GATEWAY, OTHER_TOKEN, TOKEN, World

ALL_OPERATIONS = [
    value
    for value in vars(operations).values()
    if isinstance(value, Operation) and value is not operations.LIST_ENVIRONMENTS_OF_PROJECT
]
SSH = {"sessionType": "SSH"}


@pytest.mark.parametrize("operation", ALL_OPERATIONS, ids=lambda operation: operation.name)
def test_operation_matches_botocores_model(boto: Any, operation: Operation) -> None:
    model = boto._session.get_service_model("codecatalyst").operation_model(operation.name)
    assert (operation.method, operation.path) == (model.http["method"], model.http["requestUri"])
    assert model.http["responseCode"] == 200
    if model.input_shape is None:
        assert not operation.input.members
        return
    check_input(operation.input, model.input_shape, operation.name)
    query = [
        name
        for name, shape in model.input_shape.members.items()
        if shape.serialization.get("location") == "querystring"
    ]
    assert list(operation.query) == query


async def test_start_session_returns_url_and_token(world: World, client: Any) -> None:
    answer = await call(client.start_dev_environment_session, **world.ids, sessionConfiguration=SSH)
    session_id, access = answer["sessionId"], answer["accessDetails"]
    assert {name: answer[name] for name in world.ids} == world.ids
    url, _, cell = access["streamUrl"].partition("&cell-number=")
    assert url == f"{GATEWAY}/v1/data-channel/{session_id}?role=publish_subscribe"
    assert set("+/=") <= set(cell)
    assert int.from_bytes(base64.b64decode(cell, validate=True)[36:], "big") == int(world.clock())
    assert len(access["tokenValue"]) >= 100
    session = world.model.sessions.authenticate(session_id, access["tokenValue"])
    assert session is not None
    assert session.machine_id == world.environment.id
    assert session.form is Form.SSH
    assert world.model.sessions.authenticate(session_id, "another") is None


async def test_every_start_opens_another_session(world: World, client: Any) -> None:
    ids = set()
    for _ in range(3):
        answer = await call(
            client.start_dev_environment_session, **world.ids, sessionConfiguration=SSH
        )
        ids.add(answer["sessionId"])
    assert len(ids) == 3
    assert len(world.server.requests_for("StartDevEnvironmentSession")) == 3


async def test_start_session_keeps_the_command(world: World, client: Any) -> None:
    command = {"command": "/bin/sh", "arguments": ["-c", "true"]}
    answer = await call(
        client.start_dev_environment_session,
        **world.ids,
        sessionConfiguration={
            "sessionType": "SSM",
            "executeCommandSessionConfiguration": command,
        },
    )
    session = world.model.session(world.environment, answer["sessionId"])
    assert session.command == ("/bin/sh", "-c", "true")


@pytest.mark.parametrize("status", [status for status in Status if status is not Status.RUNNING])
async def test_start_session_needs_a_running_environment(
    world: World, client: Any, status: Status
) -> None:
    world.model.set_status(world.environment, status)
    error = await refused(
        client.start_dev_environment_session, **world.ids, sessionConfiguration=SSH
    )
    assert code_of(error) == "ValidationException"
    assert status.value in str(error)
    assert isinstance(error, client.exceptions.ValidationException)


async def test_stop_session_calls_the_listeners_once(world: World, client: Any) -> None:
    ended: list[Session] = []
    world.model.sessions.on_end(ended.append)
    session = world.model.start_session(world.environment)
    for _ in range(2):  # the operation is idempotent
        answer = await call(client.stop_dev_environment_session, **world.ids, sessionId=session.id)
        assert answer["sessionId"] == session.id
    assert ended == [session]
    assert world.model.sessions.authenticate(session.id, session.token_value) is None


async def test_stop_session_refuses_sessions_of_other_environments(
    world: World, client: Any
) -> None:
    other = world.model.add_environment(world.project, world.user, Status.RUNNING)
    session = world.model.start_session(other)
    error = await refused(client.stop_dev_environment_session, **world.ids, sessionId=session.id)
    assert code_of(error) == "ResourceNotFoundException"
    assert session.end_reason is None


async def test_list_sessions_returns_living_sessions_in_pages(world: World, client: Any) -> None:
    sessions = []
    for _ in range(5):
        world.clock.advance(1.5)
        sessions.append(world.model.start_session(world.environment))
    world.model.sessions.end(sessions.pop(1), "test")
    ids = {**world.ids, "devEnvironmentId": world.ids["id"]}
    del ids["id"]
    paginator = client.get_paginator("list_dev_environment_sessions")
    pages = await call(lambda: list(paginator.paginate(**ids, PaginationConfig={"PageSize": 3})))
    assert [len(page["items"]) for page in pages] == [3, 1]
    items = [item for page in pages for item in page["items"]]
    assert [item["id"] for item in items] == [session.id for session in sessions]
    started = [item["startedTime"].timestamp() for item in items]
    assert started == [session.started_time for session in sessions]


async def test_get_environment_returns_its_state(world: World, client: Any) -> None:
    answer = await call(client.get_dev_environment, **world.ids)
    del answer["ResponseMetadata"]
    assert answer.pop("lastUpdatedTime").timestamp() == world.clock()
    assert answer == {
        **world.ids,
        "creatorId": world.user.id,
        "status": "RUNNING",
        "alias": "main",
        "repositories": [{"repositoryName": "code", "branchName": "trunk"}],
        "ides": [{"name": "VSCode"}],
        "instanceType": "dev.standard1.small",
        "inactivityTimeoutMinutes": 15,
        "persistentStorage": {"sizeInGiB": 16},
    }


async def test_start_takes_its_configured_time(world: World, client: Any) -> None:
    world.model.set_status(world.environment, Status.STOPPED)
    answer = await call(
        client.start_dev_environment,
        **world.ids,
        instanceType="dev.standard1.large",
        inactivityTimeoutMinutes=0,
        ides=[{"name": "PyCharm", "runtime": "an-image"}],
    )
    assert answer["status"] == "STARTING"
    world.clock.advance(59.9)
    answer = await call(client.get_dev_environment, **world.ids)
    assert answer["status"] == "STARTING"
    world.clock.advance(0.2)
    answer = await call(client.get_dev_environment, **world.ids)
    assert answer["status"] == "RUNNING"
    assert answer["instanceType"] == "dev.standard1.large"
    assert answer["inactivityTimeoutMinutes"] == 0
    assert answer["ides"] == [{"name": "PyCharm", "runtime": "an-image"}]
    assert answer["lastUpdatedTime"].timestamp() == pytest.approx(world.clock() - 0.1)


async def test_start_can_fail(world: World, client: Any) -> None:
    world.model.set_status(world.environment, Status.STOPPED)
    world.environment.start_failure = "Compute limit exceeded"
    await call(client.start_dev_environment, **world.ids)
    world.clock.advance(60)
    answer = await call(client.get_dev_environment, **world.ids)
    assert (answer["status"], answer["statusReason"]) == ("FAILED", "Compute limit exceeded")


async def test_stop_takes_its_time_and_ends_sessions_at_once(world: World, client: Any) -> None:
    ended: list[Session] = []
    world.model.sessions.on_end(ended.append)
    session = world.model.start_session(world.environment)
    answer = await call(client.stop_dev_environment, **world.ids)
    assert answer["status"] == "STOPPING"
    assert ended == [session]
    world.clock.advance(10)
    answer = await call(client.stop_dev_environment, **world.ids)
    assert answer["status"] == "STOPPED"


async def test_start_of_a_running_environment_changes_nothing(world: World, client: Any) -> None:
    session = world.model.start_session(world.environment)
    answer = await call(
        client.start_dev_environment, **world.ids, instanceType="dev.standard1.large"
    )
    assert answer["status"] == "RUNNING"
    assert world.environment.settings.instance_type == "dev.standard1.small"
    assert session.end_reason is None


@pytest.mark.parametrize(
    ("status", "code", "text"),
    [
        (Status.PENDING, "ConflictException", "update process is still going on"),
        (Status.STARTING, "ConflictException", "update process is still going on"),
        (Status.STOPPING, "ConflictException", "update process is still going on"),
        (Status.DELETING, "ConflictException", "update process is still going on"),
        (Status.FAILED, "ValidationException", "creation has failed, cannot"),
        (Status.DELETED, "ResourceNotFoundException", "not found"),
    ],
)
async def test_start_and_stop_are_refused_in_other_states(
    world: World, client: Any, status: Status, code: str, text: str
) -> None:
    world.model.set_status(world.environment, status)
    for method in (client.start_dev_environment, client.stop_dev_environment):
        error = await refused(method, **world.ids)
        assert code_of(error) == code
        assert text in str(error)


async def test_list_environments_returns_pages_of_space_or_project(
    world: World, client: Any
) -> None:
    second = world.model.add_project(Project("MySpace", "Second"))
    for project in (world.project, second, second):
        world.model.add_environment(project, world.user)
    paginator = client.get_paginator("list_dev_environments")

    async def listed(**members: Any) -> list[tuple[str, str]]:
        pages = await call(
            lambda: list(
                paginator.paginate(spaceName="MySpace", PaginationConfig={"PageSize": 1}, **members)
            )
        )
        assert all(len(page["items"]) <= 1 for page in pages)
        return [(item["projectName"], item["id"]) for page in pages for item in page["items"]]

    everywhere = await listed()
    assert len(set(everywhere)) == 4
    assert [project for project, _ in await listed(projectName="Second")] == ["Second"] * 2
    by_alias = await listed(filters=[{"key": "alias", "values": ["main", "none"]}])
    assert by_alias == [("My.Project", world.environment.id)]
    stopped = {"key": "status", "values": ["STO"], "comparisonOperator": "BEGINS_WITH"}
    assert len(await listed(filters=[stopped])) == 3


async def test_older_clients_list_environments_of_a_project(world: World) -> None:
    second = world.model.add_project(Project("MySpace", "Second"))
    one = world.model.add_environment(second, world.user)
    answer = await world.request(
        "POST", "/v1/spaces/MySpace/projects/Second/devEnvironments", {"maxResults": 50}
    )
    assert answer.status == 200
    assert [item["id"] for item in json.loads(answer.text)["items"]] == [one.id]


async def test_list_spaces_returns_pages(world: World, client: Any) -> None:
    names = [f"space-{number:02}" for number in range(40)]
    for name in names:
        world.model.add_space(Space(name, "eu-west-1"))
    paginator = client.get_paginator("list_spaces")
    pages = await call(lambda: list(paginator.paginate()))
    assert [len(page["items"]) for page in pages] == [20, 20, 1]
    assert [item["name"] for page in pages for item in page["items"]] == ["MySpace", *names]


async def test_list_projects_applies_filters(world: World, client: Any) -> None:
    world.model.add_project(Project("MySpace", "closed", outsiders=frozenset({world.user.id})))

    async def listed(**members: Any) -> list[str]:
        answer = await call(client.list_projects, spaceName="MySpace", **members)
        return [item["name"] for item in answer["items"]]

    assert await listed() == ["My.Project", "closed"]
    assert await listed(filters=[{"key": "hasAccessTo", "values": ["true"]}]) == ["My.Project"]
    begins = {"key": "name", "values": ["clo"], "comparisonOperator": "BEGINS_WITH"}
    assert await listed(filters=[begins]) == ["closed"]
    assert await listed(maxResults=1) == ["My.Project"]


async def test_next_token_survives_new_items_and_fits_its_own_listing_only(
    world: World, client: Any
) -> None:
    world.model.add_project(Project("MySpace", "bb"))
    first = await call(client.list_projects, spaceName="MySpace", maxResults=1)
    world.model.add_project(Project("MySpace", "Aa"))  # sorts before what has been seen
    token = first["nextToken"]
    second = await call(client.list_projects, spaceName="MySpace", nextToken=token)
    assert [item["name"] for item in second["items"]] == ["bb"]
    for wrong in (token[:-3], "*", "AAAA"):
        error = await refused(client.list_projects, spaceName="MySpace", nextToken=wrong)
        assert code_of(error) == "ValidationException"
    error = await refused(client.list_spaces, nextToken=token)
    assert code_of(error) == "ValidationException"


async def test_verify_session_returns_the_caller(world: World, client: Any) -> None:
    identity = (await call(client.verify_session))["identity"]
    details = await call(client.get_user_details, id=identity)
    assert details["userName"] == "alice"
    assert details["primaryEmail"] == {"email": "alice@example.com", "verified": True}
    assert (await call(client.get_user_details, userName="bob"))["userId"] == world.other_user.id
    assert code_of(await refused(client.get_user_details)) == "ValidationException"
    error = await refused(client.get_user_details, id=identity, userName="bob")
    assert code_of(error) == "ResourceNotFoundException"


@pytest.mark.parametrize(
    "change",
    [
        {"spaceName": "Nowhere"},
        {"spaceName": "myspace"},
        {"projectName": "Nothing"},
        {"id": "01234567-89ab-cdef-0123-456789abcdef"},
    ],
)
async def test_unknown_names_are_not_found(
    world: World, client: Any, change: dict[str, str]
) -> None:
    error = await refused(client.get_dev_environment, **{**world.ids, **change})
    assert code_of(error) == "ResourceNotFoundException"
    assert status_of(error) == 404


async def test_only_its_creator_has_access_to_an_environment(
    world: World, make_client: MakeClient
) -> None:
    session = world.model.start_session(world.environment)
    client = make_client(token=OTHER_TOKEN)
    for method, members in (
        (client.get_dev_environment, {}),
        (client.start_dev_environment, {}),
        (client.stop_dev_environment, {}),
        (client.start_dev_environment_session, {"sessionConfiguration": SSH}),
        (client.stop_dev_environment_session, {"sessionId": session.id}),
    ):
        error = await refused(method, **world.ids, **members)
        assert (code_of(error), status_of(error)) == ("AccessDeniedException", 403)
    assert session.end_reason is None


async def test_bearer_tokens_expire_and_can_be_revoked(
    world: World, client: Any, make_client: MakeClient
) -> None:
    stranger = make_client(token="unknown-token")
    error = await refused(stranger.list_spaces)
    assert (code_of(error), status_of(error)) == ("UnauthorizedException", 401)

    world.tokens.accept("short-lived", world.user.id, expires_at=world.clock() + 60)
    guest = make_client(token="short-lived")
    world.clock.advance(59)
    await call(guest.list_spaces)
    world.clock.advance(1)
    error = await refused(guest.list_spaces)
    assert status_of(error) == 401
    assert "expired" in str(error)

    await call(client.list_spaces)
    world.tokens.revoke(TOKEN)
    assert status_of(await refused(client.list_spaces)) == 401
