"""The emulated SSO as a user sees it: the sign-in pages.

On the pages a user allows or denies a client. A login in the browser begins at ``/authorize``
(RFC 6749, section 4.1.1, with PKCE). AWS has ``scopes`` there where the RFC has ``scope``. A user
enters a device code at ``/device`` (RFC 8628, section 3.3).
"""

from __future__ import annotations

import hmac
import re
from collections.abc import Callable, Iterable, Mapping
from html import escape
from typing import Protocol
from urllib.parse import urlencode

from aiohttp import web

from ..rest import Page
from .grants import Client
from .oidc import OidcService

_CHALLENGE = re.compile(r"[A-Za-z0-9_-]{43}")  # SHA-256 in base64url, without padding

_HTML = """\
<!doctype html>
<meta charset="utf-8">
<title>{title}</title>
<h1>{title}</h1>
{body}
"""

_FORM = """\
<p>{question}</p>
<form method="post">
<p>{extra}</p>
<p><label>User <select name="user">{users}</select></label></p>
<p><label>Password <input name="password" type="password" autofocus></label></p>
<p><button id="allow" name="decision" value="allow">Allow</button>
<button id="deny" name="decision" value="deny">Deny</button></p>
</form>
"""


class SignInUser(Protocol):
    """A user who can sign in."""

    @property
    def id(self) -> str: ...

    @property
    def user_name(self) -> str: ...


class SignIn:
    """The pages, for a ``RestServer``.

    :param users: returns the users who can sign in.
    :param password: the password of all users, which keeps other programs on this machine out.
    """

    def __init__(
        self, oidc: OidcService, users: Callable[[], Iterable[SignInUser]], password: str
    ) -> None:
        self._oidc = oidc
        self._users = users
        self._password = password

    def pages(self) -> list[Page]:
        """Return all pages."""
        return [
            Page("GET", "/authorize", self._show_authorize),
            Page("POST", "/authorize", self._decide_authorize),
            Page("GET", "/device", self._show_device),
            Page("POST", "/device", self._decide_device),
        ]

    async def _show_authorize(self, request: web.Request) -> web.Response:
        client = self._asking_client(request.query)
        return self._form(f"Let {client.name} act as you?")

    async def _decide_authorize(self, request: web.Request) -> web.Response:
        client = self._asking_client(request.query)
        user_id = self._decision(await _form_of(request))
        redirect_uri = request.query["redirect_uri"]
        if user_id is None:
            answer = {"error": "access_denied", "error_description": "The user denied the request"}
        else:
            challenge = request.query["code_challenge"]
            answer = {"code": self._oidc.issue_code(client, user_id, redirect_uri, challenge)}
        answer["state"] = request.query.get("state", "")
        # 303, so that the browser follows with a GET.
        return web.Response(status=303, headers={"Location": f"{redirect_uri}?{urlencode(answer)}"})

    async def _show_device(self, request: web.Request) -> web.Response:
        code = escape(request.query.get("user_code", ""))
        return self._form(
            "Let the device that shows this code act as you?",
            f'<label>Code <input name="user_code" value="{code}"></label>',
        )

    async def _decide_device(self, request: web.Request) -> web.Response:
        form = await _form_of(request)
        user_id = self._decision(form)
        grant = self._oidc.device_grant(str(form.get("user_code", "")))
        if grant is None:
            raise _bad_request("The code is unknown or has expired.")
        grant.user_id, grant.denied = user_id, user_id is None
        return _page("Denied" if grant.denied else "Allowed", "<p>You may close this page.</p>")

    def _asking_client(self, query: Mapping[str, str]) -> Client:
        """Return the client of a request for a code.

        :raises HTTPBadRequest: if the client or its address is unknown, or the request is
            malformed, so that no redirect is safe.
        """
        client = self._oidc.client_of_redirect(
            query.get("client_id", ""), query.get("redirect_uri", "")
        )
        if client is None:
            raise _bad_request("The client is unknown, or its redirect URI is not registered.")
        good = (
            query.get("response_type") == "code"
            and query.get("code_challenge_method") == "S256"
            and _CHALLENGE.fullmatch(query.get("code_challenge", ""))
            and query.get("scopes")
        )
        if not good:
            raise _bad_request("The request does not ask for a code with PKCE.")
        return client

    def _decision(self, form: Mapping[str, object]) -> str | None:
        """Return the id of the user who allows the request, ``None`` for a denial.

        :raises HTTPForbidden: if the user or the password is wrong.
        """
        if form.get("decision") != "allow":
            return None
        given = str(form.get("password", ""))
        known = form.get("user") in {user.id for user in self._users()}
        if not known or not hmac.compare_digest(given.encode(), self._password.encode()):
            raise web.HTTPForbidden(
                text=_text("Not signed in", "<p>The password is wrong.</p>"),
                content_type="text/html",
            )
        return str(form["user"])

    def _form(self, question: str, extra: str = "") -> web.Response:
        users = "".join(
            f'<option value="{escape(user.id)}">{escape(user.user_name)}</option>'
            for user in self._users()
        )
        body = _FORM.format(question=escape(question), extra=extra, users=users)
        return _page("Emulated sign-in", body)


async def _form_of(request: web.Request) -> Mapping[str, object]:
    """Return the fields of a form; raises HTTPBadRequest for a body that is none."""
    try:
        return await request.post()
    except ValueError:
        raise _bad_request("The body is no form.") from None


def _text(title: str, body: str) -> str:
    return _HTML.format(title=title, body=body)


def _page(title: str, body: str) -> web.Response:
    return web.Response(text=_text(title, body), content_type="text/html")


def _bad_request(why: str) -> web.HTTPBadRequest:
    return web.HTTPBadRequest(text=_text("Bad request", f"<p>{why}</p>"), content_type="text/html")
