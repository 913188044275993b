"""The emulated login: pages as a browser gets them, operations called by boto3."""

from __future__ import annotations

import base64
import hashlib
import ssl
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

import aiohttp
import pytest
from yarl import URL

from connector.emulator.api.sso.oidc import DEVICE_CODE

from .calls import call, code_of, refused, status_of
from .world import PASSWORD, World

CALLBACK = "http://127.0.0.1:5000/oauth/callback"
VERIFIER = "verifier-" * 7
CHALLENGE = base64.urlsafe_b64encode(hashlib.sha256(VERIFIER.encode()).digest()).decode()[:-1]
CODE_CLIENT = {
    "clientName": "a client",
    "clientType": "public",
    "grantTypes": ["authorization_code", "refresh_token"],
    "redirectUris": ["http://127.0.0.1/oauth/callback"],
    "issuerUrl": "https://view.awsapps.com/start",
    "scopes": ["codecatalyst:read_write"],
}


@pytest.fixture
def sso(make_client: Any) -> Any:
    return make_client("sso-oidc")


async def client_of(sso: Any, **members: Any) -> dict[str, str]:
    answer = await call(sso.register_client, **{**CODE_CLIENT, **members})
    return {name: answer[name] for name in ("clientId", "clientSecret")}


def query_of(client: dict[str, str], **changes: str) -> dict[str, str]:
    return {
        "response_type": "code",
        "client_id": client["clientId"],
        "redirect_uri": CALLBACK,
        "state": "a state & more",
        "code_challenge_method": "S256",
        "scopes": "codecatalyst:read_write",
        "code_challenge": CHALLENGE,
        **changes,
    }


async def press(
    world: World, path: str, form: dict[str, str] | None = None
) -> tuple[int, str, dict[str, str]]:
    """Return the status and text of a page, and the query of its redirect."""
    context = ssl.create_default_context(cafile=str(world.certificates.ca_file))
    connector = aiohttp.TCPConnector(ssl=context)
    async with (
        aiohttp.ClientSession(connector=connector) as session,
        session.request(
            "GET" if form is None else "POST",
            URL(world.server.url + path, encoded=True),
            data=form,
            allow_redirects=False,
        ) as answer,
    ):
        query = parse_qs(urlsplit(answer.headers.get("Location", "")).query)
        text = await answer.text()
        return answer.status, text, {name: values[0] for name, values in query.items()}


def form_of(world: World, decision: str = "allow", **fields: str) -> dict[str, str]:
    return {"user": world.user.id, "password": PASSWORD, "decision": decision, **fields}


async def authorize(world: World, client: dict[str, str]) -> str:
    path = f"/authorize?{urlencode(query_of(client))}"
    status, _, answer = await press(world, path, form_of(world))
    assert (status, answer["state"]) == (303, "a state & more")
    return answer["code"]


def redemption(client: dict[str, str], code: str) -> dict[str, str]:
    return {
        **client,
        "grantType": "authorization_code",
        "code": code,
        "redirectUri": CALLBACK,
        "codeVerifier": VERIFIER,
    }


async def test_code_gives_a_token_once(world: World, sso: Any, make_client: Any) -> None:
    client = await client_of(sso)
    code = await authorize(world, client)
    answer = await call(sso.create_token, **redemption(client, code))
    user = make_client(token=answer["accessToken"])
    assert (await call(user.verify_session))["identity"] == world.user.id
    error = await refused(sso.create_token, **redemption(client, code))
    assert code_of(error) == "InvalidGrantException"
    renewed = {**client, "grantType": "refresh_token", "refreshToken": answer["refreshToken"]}
    assert (await call(sso.create_token, **renewed))["accessToken"]


@pytest.mark.parametrize(
    "changes",
    [
        {"codeVerifier": "another"},
        {"redirectUri": "http://127.0.0.1:5001/oauth/callback"},
        {"code": "guessed"},
    ],
)
async def test_code_needs_its_pkce_verifier(
    world: World, sso: Any, changes: dict[str, str]
) -> None:
    client = await client_of(sso)
    code = await authorize(world, client)
    error = await refused(sso.create_token, **{**redemption(client, code), **changes})
    assert (code_of(error), status_of(error)) == ("InvalidGrantException", 400)


async def test_code_belongs_to_its_client_and_expires(world: World, sso: Any) -> None:
    client, other = await client_of(sso), await client_of(sso)
    error = await refused(sso.create_token, **redemption(other, await authorize(world, client)))
    assert code_of(error) == "InvalidGrantException"
    code = await authorize(world, client)
    world.clock.advance(600)
    error = await refused(sso.create_token, **redemption(client, code))
    assert code_of(error) == "ExpiredTokenException"


async def test_page_names_the_client_and_checks_the_password(world: World, sso: Any) -> None:
    client = await client_of(sso, clientName="<b>bold</b>")
    path = f"/authorize?{urlencode(query_of(client))}"
    status, text, _ = await press(world, path)
    assert status == 200
    assert "&lt;b&gt;bold" in text
    assert PASSWORD not in text
    for form in (
        form_of(world, password="guessed"),
        form_of(world, user="stranger"),
        {"decision": "allow"},
    ):
        status, text, answer = await press(world, path, form)
        assert (status, answer) == (403, {})
    _, _, answer = await press(world, path, form_of(world, "deny"))
    assert answer["error"] == "access_denied"
    assert answer["state"] == "a state & more"


@pytest.mark.parametrize(
    "changes",
    [
        {"client_id": "stranger"},
        {"redirect_uri": "http://elsewhere.example/oauth/callback"},
        {"redirect_uri": "http://127.0.0.1:5000/elsewhere"},
        {"response_type": "token"},
        {"code_challenge_method": "plain"},
        {"code_challenge": "short"},
        {"scopes": ""},
    ],
)
async def test_malformed_request_is_not_redirected(
    world: World, sso: Any, changes: dict[str, str]
) -> None:
    path = f"/authorize?{urlencode(query_of(await client_of(sso), **changes))}"
    for form in (None, form_of(world)):
        status, _, answer = await press(world, path, form)
        assert (status, answer) == (400, {})


@pytest.mark.parametrize(
    ("members", "name"),
    [
        ({"clientType": "confidential"}, "InvalidClientMetadataException"),
        ({"grantTypes": ["password"]}, "UnsupportedGrantTypeException"),
        ({"redirectUris": []}, "InvalidRedirectUriException"),
        ({"redirectUris": ["http://elsewhere.example/"]}, "InvalidRedirectUriException"),
    ],
)
async def test_invalid_client_registration_is_refused(
    sso: Any, members: dict[str, Any], name: str
) -> None:
    error = await refused(sso.register_client, **{**CODE_CLIENT, **members})
    assert (code_of(error), status_of(error)) == (name, 400)


async def device_login(sso: Any) -> tuple[dict[str, str], dict[str, Any]]:
    answer = await call(sso.register_client, clientName="a client", clientType="public")
    client = {name: answer[name] for name in ("clientId", "clientSecret")}
    started = await call(
        sso.start_device_authorization, **client, startUrl="https://view.awsapps.com/start"
    )
    return {**client, "grantType": DEVICE_CODE, "deviceCode": started["deviceCode"]}, started


async def test_device_code_waits_for_the_user(world: World, sso: Any, make_client: Any) -> None:
    poll, started = await device_login(sso)
    assert started["verificationUri"] == f"{world.server.url}/device"
    assert (started["interval"], started["expiresIn"]) == (1, 600)
    assert code_of(await refused(sso.create_token, **poll)) == "AuthorizationPendingException"
    assert code_of(await refused(sso.create_token, **poll)) == "SlowDownException"
    world.clock.advance(6)
    complete = started["verificationUriComplete"].removeprefix(world.server.url)
    _, text, _ = await press(world, complete)
    assert f'value="{started["userCode"]}"' in text
    typed = started["userCode"].lower()
    status, text, _ = await press(world, "/device", form_of(world, user_code=typed))
    assert (status, "Allowed" in text) == (200, True)
    answer = await call(sso.create_token, **poll)
    user = make_client(token=answer["accessToken"])
    assert (await call(user.verify_session))["identity"] == world.user.id
    assert code_of(await refused(sso.create_token, **poll)) == "InvalidGrantException"
    status, _, _ = await press(world, "/device", form_of(world, user_code=typed))
    assert status == 400  # it is used up


async def test_device_code_is_denied_or_expires(world: World, sso: Any) -> None:
    poll, started = await device_login(sso)
    form = form_of(world, "deny", user_code=started["userCode"])
    assert "Denied" in (await press(world, "/device", form))[1]
    error = await refused(sso.create_token, **poll)
    assert (code_of(error), status_of(error)) == ("AccessDeniedException", 400)
    poll, started = await device_login(sso)
    other, _ = await device_login(sso)
    stolen = {**poll, "clientId": other["clientId"], "clientSecret": other["clientSecret"]}
    assert code_of(await refused(sso.create_token, **stolen)) == "InvalidGrantException"
    world.clock.advance(600)
    assert code_of(await refused(sso.create_token, **poll)) == "ExpiredTokenException"
    status, _, _ = await press(world, "/device", form_of(world, user_code=started["userCode"]))
    assert status == 400


async def test_client_uses_only_its_registered_grants(world: World, sso: Any) -> None:
    client = await client_of(sso)
    error = await refused(sso.start_device_authorization, **client, startUrl="https://x/start")
    assert (code_of(error), status_of(error)) == ("UnauthorizedClientException", 400)
    unknown = {**client, "clientSecret": "guessed"}
    error = await refused(sso.start_device_authorization, **unknown, startUrl="https://x/start")
    assert (code_of(error), status_of(error)) == ("InvalidClientException", 401)


@pytest.mark.parametrize("grant_type", ["authorization_code", DEVICE_CODE])
async def test_grant_without_its_code_is_refused(sso: Any, grant_type: str) -> None:
    client = await client_of(sso, grantTypes=["authorization_code", DEVICE_CODE])
    error = await refused(sso.create_token, **client, grantType=grant_type)
    assert code_of(error) == "InvalidRequestException"
