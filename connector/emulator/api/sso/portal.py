"""The portal of SSO: the keys of roles for a login's token, and the end of a login.

Source of paths, members, errors and statuses: botocore's model ``sso/2019-06-10``. A login of any
user has all roles of the account.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from ..account import Account
from ..errors import ApiError
from ..protocols.protocol import Answer, Operation, Received
from ..rest import BearerTokens, Endpoint
from ..shapes import Structure, Text, Whole
from ..signed import page

TOKEN_HEADER = "x-amz-sso_bearer_token"

#: The duration of a role's session, in seconds.
ROLE_SECONDS = 3600.0

_TOKEN = {"accessToken": Text()}
_PAGE = {"nextToken": Text(), "maxResults": Whole(1, 100)}
_PAGE_NAMES = (("nextToken", "next_token"), ("maxResults", "max_result"))


def _operation(
    name: str,
    method: str,
    path: str,
    members: Mapping[str, Any],
    query: tuple[tuple[str, str], ...] = (),
) -> Operation:
    required = (*_TOKEN, *(member for member in members if member not in _PAGE))
    return Operation(
        name,
        method,
        path,
        Structure({**_TOKEN, **members}, required),
        query=query,
        headers={"accessToken": TOKEN_HEADER},
    )


LOGOUT = _operation("Logout", "POST", "/logout", {})
GET_ROLE_CREDENTIALS = _operation(
    "GetRoleCredentials",
    "GET",
    "/federation/credentials",
    {"roleName": Text(), "accountId": Text()},
    (("roleName", "role_name"), ("accountId", "account_id")),
)
LIST_ACCOUNTS = _operation("ListAccounts", "GET", "/assignment/accounts", _PAGE, _PAGE_NAMES)
LIST_ACCOUNT_ROLES = _operation(
    "ListAccountRoles",
    "GET",
    "/assignment/roles",
    {**_PAGE, "accountId": Text()},
    (*_PAGE_NAMES, ("accountId", "account_id")),
)


class InvalidRequestException(ApiError):
    """The request is malformed, or lacks its token."""


class Portal:
    """The operations, as endpoints for a ``RestServer``. An unknown token is unauthorized.

    :param tokens: of the logins.
    :param account: has the roles.
    """

    def __init__(self, tokens: BearerTokens, account: Account) -> None:
        self._tokens = tokens
        self._account = account

    def endpoints(self) -> list[Endpoint]:
        """Return all operations."""
        handlers: tuple[tuple[Operation, Callable[[str, Mapping[str, Any]], Answer]], ...] = (
            (LOGOUT, self._log_out),
            (GET_ROLE_CREDENTIALS, self._credentials),
            (LIST_ACCOUNTS, self._accounts),
            (LIST_ACCOUNT_ROLES, self._roles),
        )
        return [
            Endpoint(operation, _no_caller, self._for_users(handle), InvalidRequestException)
            for operation, handle in handlers
        ]

    def _for_users(
        self, handle: Callable[[str, Mapping[str, Any]], Answer]
    ) -> Callable[[str, Mapping[str, Any]], Answer]:
        """Return the operation for callers whose token, a member, is valid."""

        def authenticated(caller: str, members: Mapping[str, Any]) -> Answer:
            user = self._tokens.authenticate(f"Bearer {members['accessToken']}")
            return handle(user, members)

        return authenticated

    def _log_out(self, user: str, members: Mapping[str, Any]) -> Answer:
        self._tokens.revoke(members["accessToken"])
        return {}

    def _credentials(self, user: str, members: Mapping[str, Any]) -> Answer:
        roles = {role.name: role for role in self._account.roles.values()}
        role = roles.get(members["roleName"])
        if role is None or members["accountId"] != self._account.id:
            raise ApiError("No access", "ForbiddenException", 403)
        key = self._account.add_role_key(role, self._name(), ROLE_SECONDS)
        return {
            "roleCredentials": {
                "accessKeyId": key.id,
                "secretAccessKey": key.secret,
                "sessionToken": key.token,
                "expiration": int(1000 * (key.expires_at or 0)),
            }
        }

    def _accounts(self, user: str, members: Mapping[str, Any]) -> Answer:
        account = {
            "accountId": self._account.id,
            "accountName": "Example",
            "emailAddress": f"{self._name()}@example.com",
        }
        found, token = self._page([account], members)
        return {"accountList": found, "nextToken": token}

    def _roles(self, user: str, members: Mapping[str, Any]) -> Answer:
        roles = [
            {"roleName": role.name, "accountId": self._account.id}
            for role in self._account.roles.values()
            if members["accountId"] == self._account.id
        ]
        found, token = self._page(roles, members)
        return {"roleList": found, "nextToken": token}

    def _page(
        self, items: list[dict[str, str]], members: Mapping[str, Any]
    ) -> tuple[list[dict[str, str]], str | None]:
        size, token = members.get("maxResults") or 100, members.get("nextToken")
        return page(items, size, token, "InvalidRequestException")

    def _name(self) -> str:
        return self._account.user_key.identity.name


def _no_caller(received: Received) -> str:
    """Return no caller: the token is a member, which the operation checks."""
    return ""
