"""The portal of SSO: roles of a login, their keys, and the end of the login."""

from __future__ import annotations

from typing import Any

import pytest

from connector.emulator.api.protocols.protocol import Operation
from connector.emulator.api.sso.portal import (
    GET_ROLE_CREDENTIALS,
    LIST_ACCOUNT_ROLES,
    LIST_ACCOUNTS,
    LOGOUT,
)

from .calls import call, code_of, refused, status_of
from .contract import check_input
from .world import TOKEN, World

OPERATIONS = (LOGOUT, GET_ROLE_CREDENTIALS, LIST_ACCOUNTS, LIST_ACCOUNT_ROLES)


@pytest.fixture
def portal(make_client: Any) -> Any:
    return make_client("sso")


@pytest.fixture
def roles(world: World) -> list[str]:
    """Names of the roles that the account has."""
    names = ["builder", "reader", "writer"]
    for name in names:
        world.account.add_role(name)
    return names


async def test_logout_revokes_the_token(world: World, make_client: Any) -> None:
    portal, user = make_client("sso"), make_client()
    await call(portal.logout, accessToken=TOKEN)
    assert status_of(await refused(user.verify_session)) == 401
    error = await refused(portal.logout, accessToken=TOKEN)
    assert (code_of(error), status_of(error)) == ("UnauthorizedException", 401)
    (record, *_) = world.server.requests_for("Logout")
    assert TOKEN not in str(record)
    answer = await world.request("POST", "/logout", headers={})
    assert (answer.status, answer.error) == (400, "InvalidRequestException")


@pytest.mark.parametrize("operation", OPERATIONS, ids=lambda operation: operation.name)
def test_portal_matches_botocores_model(boto: Any, operation: Operation) -> None:
    model = boto._session.get_service_model("sso").operation_model(operation.name)
    assert (model.http["method"], model.http["requestUri"]) == (operation.method, operation.path)
    check_input(operation.input, model.input_shape, operation.name)
    places = {
        name: shape.serialization["name"] for name, shape in model.input_shape.members.items()
    }
    assert places == {**operation.headers, **operation.query_names()}


async def test_login_gets_the_keys_of_a_role(world: World, portal: Any, roles: list[str]) -> None:
    where = {"accessToken": TOKEN, "accountId": world.account.id}
    answer = await call(portal.get_role_credentials, roleName=roles[1], **where)
    keys = answer["roleCredentials"]
    assert keys["accessKeyId"].startswith("ASIA")
    assert keys["expiration"] == 1000 * (world.clock() + 3600)
    for wrong in (
        {**where, "roleName": "admin"},
        {**where, "roleName": "reader", "accountId": "9"},
    ):
        error = await refused(portal.get_role_credentials, **{**where, **wrong})
        assert (code_of(error), status_of(error)) == ("ForbiddenException", 403)


async def test_login_lists_accounts_and_roles(world: World, portal: Any, roles: list[str]) -> None:
    (account,) = (await call(portal.list_accounts, accessToken=TOKEN))["accountList"]
    assert account["accountId"] == world.account.id
    pages = portal.get_paginator("list_account_roles").paginate(
        accessToken=TOKEN, accountId=account["accountId"], PaginationConfig={"PageSize": 2}
    )
    listed = await call(lambda: [role["roleName"] for page in pages for role in page["roleList"]])
    assert listed == roles
    assert len(world.server.requests_for("ListAccountRoles")) == 2
    others = await call(portal.list_account_roles, accessToken=TOKEN, accountId="222233334444")
    assert others["roleList"] == []


async def test_unknown_token_gets_nothing(world: World, portal: Any, roles: list[str]) -> None:
    for method, members in (
        (portal.list_accounts, {}),
        (portal.list_account_roles, {"accountId": world.account.id}),
        (portal.get_role_credentials, {"accountId": world.account.id, "roleName": roles[0]}),
    ):
        error = await refused(method, accessToken="another", **members)
        assert (code_of(error), status_of(error)) == ("UnauthorizedException", 401)
    error = await refused(portal.list_accounts, accessToken=TOKEN, maxResults=1000)
    assert code_of(error) == "InvalidRequestException"
