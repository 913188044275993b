"""The emulated SSO-OIDC, called by boto3's client."""

from __future__ import annotations

from typing import Any

import pytest
from botocore import UNSIGNED
from botocore.config import Config
from botocore.exceptions import ClientError

from connector.emulator.api.protocols.protocol import Operation
from connector.emulator.api.sso import grants
from connector.emulator.api.sso.grants import Client
from connector.emulator.api.sso.oidc import (
    CREATE_TOKEN,
    REGISTER_CLIENT,
    START_DEVICE_AUTHORIZATION,
)

from .calls import call, refused
from .contract import check_input
from .world import World


@pytest.fixture
def sso(make_client: Any) -> Any:
    """boto3's SSO-OIDC client; its operations need no credentials."""
    return make_client("sso-oidc")


@pytest.fixture
def registered(world: World) -> Client:
    return world.oidc.register_client()


def request(client: Client, refresh_token: str | None = None, **changes: str) -> dict[str, str]:
    members = {
        "clientId": client.id,
        "clientSecret": client.secret,
        "grantType": "refresh_token",
    }
    if refresh_token is not None:
        members["refreshToken"] = refresh_token
    return {**members, **changes}


@pytest.mark.parametrize(
    "operation",
    [CREATE_TOKEN, REGISTER_CLIENT, START_DEVICE_AUTHORIZATION],
    ids=lambda operation: operation.name,
)
def test_operations_match_botocores_model(operation: Operation, boto: Any) -> None:
    model = boto._session.get_service_model("sso-oidc").operation_model(operation.name)
    assert (model.http["method"], model.http["requestUri"]) == (operation.method, operation.path)
    check_input(operation.input, model.input_shape, operation.name)


async def test_refreshed_token_opens_the_api_until_it_expires(
    world: World, sso: Any, registered: Client, make_client: Any
) -> None:
    refresh_token = world.oidc.issue_refresh_token(registered, world.user.id)
    answer = await call(sso.create_token, **request(registered, refresh_token))
    assert (answer["tokenType"], answer["expiresIn"]) == ("Bearer", 3600)
    client = make_client(token=answer["accessToken"])
    assert (await call(client.verify_session))["identity"] == world.user.id
    world.clock.advance(3600)
    with pytest.raises(ClientError, match="expired"):
        await call(client.verify_session)


async def test_refresh_tokens_rotate(world: World, sso: Any, registered: Client) -> None:
    first = world.oidc.issue_refresh_token(registered, world.user.id)
    second = (await call(sso.create_token, **request(registered, first)))["refreshToken"]
    assert second != first
    error = await refused(sso.create_token, **request(registered, first))
    assert type(error).__name__ == "InvalidGrantException"
    await call(sso.create_token, **request(registered, second))


async def test_refresh_tokens_expire(world: World, sso: Any, registered: Client) -> None:
    refresh_token = world.oidc.issue_refresh_token(registered, world.user.id, seconds=10)
    world.clock.advance(10)
    error = await refused(sso.create_token, **request(registered, refresh_token))
    assert type(error).__name__ == "ExpiredTokenException"


async def test_refresh_token_belongs_to_its_client(
    world: World, sso: Any, registered: Client
) -> None:
    refresh_token = world.oidc.issue_refresh_token(registered, world.user.id)
    error = await refused(sso.create_token, **request(world.oidc.register_client(), refresh_token))
    assert type(error).__name__ == "InvalidGrantException"
    await call(sso.create_token, **request(registered, refresh_token))


async def test_invalid_client_is_refused(world: World, sso: Any, registered: Client) -> None:
    refresh_token = world.oidc.issue_refresh_token(registered, world.user.id)
    good = request(registered, refresh_token)
    short = world.oidc.register_client(seconds=10)
    world.clock.advance(10)
    for members in (
        {**good, "clientId": "stranger"},
        {**good, "clientSecret": "wrong"},
        {**good, "clientSecret": "\u00e9"},
        request(short, refresh_token),
    ):
        error = await refused(sso.create_token, **members)
        assert type(error).__name__ == "InvalidClientException"
        assert error.response["ResponseMetadata"]["HTTPStatusCode"] == 401
    await call(sso.create_token, **good)


@pytest.mark.parametrize(
    ("changes", "name"),
    [
        ({}, "InvalidRequestException"),
        ({"refreshToken": "unknown"}, "InvalidGrantException"),
        ({"grantType": "password"}, "UnsupportedGrantTypeException"),
    ],
)
async def test_invalid_grant_is_refused(
    sso: Any, registered: Client, changes: dict[str, str], name: str
) -> None:
    error = await refused(sso.create_token, **request(registered, **changes))
    assert type(error).__name__ == name


@pytest.mark.parametrize(
    "kind",
    [
        grants.InvalidRequestException,
        grants.InvalidClientException,
        grants.InvalidGrantException,
        grants.ExpiredTokenException,
        grants.UnsupportedGrantTypeException,
        grants.UnauthorizedClientException,
        grants.AuthorizationPendingException,
        grants.SlowDownException,
        grants.AccessDeniedException,
        grants.InternalServerException,
    ],
)
async def test_every_oidc_error_can_be_ordered(
    world: World, sso: Any, registered: Client, kind: type[grants.OidcError]
) -> None:
    refresh_token = world.oidc.issue_refresh_token(registered, world.user.id)
    world.misbehaviours.refuse("CreateToken", kind("as ordered"))
    error = await refused(sso.create_token, **request(registered, refresh_token))
    assert type(error).__name__ == kind.__name__
    assert error.response["error_description"] == "as ordered"  # type: ignore[typeddict-item]
    assert error.response["error"] == kind.error  # type: ignore[typeddict-item]
    model = sso.meta.service_model.shape_for(kind.__name__)
    status = error.response["ResponseMetadata"]["HTTPStatusCode"]
    assert status == model.metadata["error"]["httpStatusCode"]
    await call(sso.create_token, **request(registered, refresh_token))  # the token is unused


@pytest.mark.parametrize("body", [b"{", [], {}, {"clientId": 1}, {"clientId": None}])
async def test_malformed_request_gets_an_oidc_error(world: World, body: Any) -> None:
    answer = await world.request("POST", "/token", body, headers={})
    assert (answer.status, answer.error) == (400, "InvalidRequestException")
    assert answer.members["error"] == "invalid_request"
    assert answer.members["error_description"]


async def test_unsigned_client_of_a_login_works(
    boto: Any, world: World, registered: Client
) -> None:
    refresh_token = world.oidc.issue_refresh_token(registered, world.user.id)
    sso = boto.client(
        "sso-oidc",
        endpoint_url=world.server.url,
        verify=str(world.certificates.ca_file),
        config=Config(region_name="us-east-1", signature_version=UNSIGNED),
    )
    try:
        answer = await call(sso.create_token, **request(registered, refresh_token))
    finally:
        sso.close()
    assert answer["accessToken"]
    (record,) = world.server.requests
    assert "Authorization" not in record.headers
