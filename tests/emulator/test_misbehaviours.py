"""Faults of the emulated API, and its log of the requests."""

from __future__ import annotations

import time
from typing import Any

import pytest
from botocore.exceptions import ReadTimeoutError

from connector.emulator.api import errors

from .calls import call, code_of, refused, status_of
from .conftest import MakeClient
from .world import TOKEN, World

SSH = {"sessionType": "SSH"}

MODELLED = (
    errors.ValidationException,
    errors.ServiceQuotaExceededException,
    errors.AccessDeniedException,
    errors.ResourceNotFoundException,
    errors.ConflictException,
    errors.ThrottlingException,
)


@pytest.mark.parametrize("kind", MODELLED, ids=lambda kind: kind.__name__)
async def test_any_modelled_error_can_be_ordered(
    world: World, client: Any, kind: type[errors.ApiError]
) -> None:
    world.misbehaviours.refuse("GetDevEnvironment", kind("as ordered"))
    error = await refused(client.get_dev_environment, **world.ids)
    assert type(error).__name__ == kind.__name__  # botocore found it in its model
    assert error.response["Error"]["Message"] == "as ordered"
    model = client.meta.service_model.shape_for(kind.__name__)
    assert status_of(error) == model.metadata["error"]["httpStatusCode"]


async def test_unmodelled_errors_can_be_ordered(world: World, client: Any) -> None:
    for ordered, code, status in (
        (errors.InternalFailure("as ordered"), "InternalFailure", 500),
        (errors.ApiError("as ordered", "ServiceUnavailable", 503), "ServiceUnavailable", 503),
        (errors.UnauthorizedException("as ordered"), "UnauthorizedException", 401),
    ):
        world.misbehaviours.refuse("ListSpaces", ordered)
        error = await refused(client.list_spaces)
        assert (code_of(error), status_of(error)) == (code, status)


async def test_orders_are_counted_for_each_operation(world: World, client: Any) -> None:
    world.misbehaviours.refuse("StartDevEnvironmentSession", errors.ThrottlingException("x"), 2)
    await call(client.list_spaces)
    members = {**world.ids, "sessionConfiguration": SSH}
    for _ in range(2):
        error = await refused(client.start_dev_environment_session, **members)
        assert code_of(error) == "ThrottlingException"
    assert world.model.sessions.living(world.environment.id) == []
    await call(client.start_dev_environment_session, **members)
    starts = world.server.requests_for("StartDevEnvironmentSession")
    assert [record.status for record in starts] == [429, 429, 200]


async def test_answers_can_be_delayed(world: World, client: Any, make_client: MakeClient) -> None:
    world.misbehaviours.delay("ListSpaces", 0.05)
    before = time.monotonic()
    await call(client.list_spaces)
    assert time.monotonic() - before >= 0.05

    world.misbehaviours.delay("ListSpaces", 3600)
    hasty = make_client(read_timeout=0.2)
    with pytest.raises(ReadTimeoutError):
        await call(hasty.list_spaces)


async def test_request_log_has_no_secret(world: World, client: Any) -> None:
    await call(client.get_dev_environment, **world.ids)
    (record,) = world.server.requests
    assert (record.method, record.path) == ("GET", world.path)
    assert (record.operation, record.status) == ("GetDevEnvironment", 200)
    assert record.headers["Authorization"].startswith("sha256:")
    assert TOKEN not in repr(world.server.requests)
