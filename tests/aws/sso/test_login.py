"""Logins by both grants against the emulator, shared with botocore."""

from __future__ import annotations

import hashlib
import json
import logging
import os
import socket
import threading
import time
import urllib.error
from collections.abc import Callable
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import botocore.session
import pytest
from aiohttp import web
from botocore.tokens import SSOTokenProvider
from botocore.utils import JSONFileCache

from connector.aws.profile import SsoSession, load_profile, sso_session
from connector.aws.sdk import ClientFactory
from connector.aws.sso.login import log_in, log_out, token_by_device_code
from connector.aws.sso.oidc import Oidc, register, registration_file
from connector.aws.sso.tokens import BearerTokens, CachedToken
from connector.emulator.api.errors import (
    ApiError,
    ThrottlingException,
    UnauthorizedException,
)
from connector.emulator.api.rest import Proceed
from connector.emulator.api.sso.grants import (
    ExpiredTokenException,
    InternalServerException,
    SlowDownException,
)
from connector.errors import ConfigError, CredentialsError, ServiceError
from connector.targets.codecatalyst.api import TOKEN_VARIABLES
from connector.transport.trust import Trust

from ...browser import Browser
from ...logins import logging_in
from ..cloud import PASSWORD, Cloud
from ..helpers import (
    Clock,
    always,
    raising,
)

SESSION = SsoSession(
    "codecatalyst", "https://view.awsapps.com/start", "us-east-1", ("codecatalyst:read_write",)
)

Decide = Callable[[Browser, str], object]


def allow(browser: Browser, url: str) -> object:
    return browser.decide(url)


class Person:
    """Uses the browser in a thread, as a user does beside the terminal."""

    def __init__(self, cloud: Cloud, decide: Decide = allow) -> None:
        self._browser = Browser(cloud.ca_file, PASSWORD)
        self._decide = decide
        self._thread: threading.Thread | None = None
        self.url = ""
        self.user_code: str | None = None
        self.seen: object = None

    def show(self, url: str, user_code: str | None) -> None:
        self.url, self.user_code = url, user_code
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    def _run(self) -> None:
        self.seen = self._decide(self._browser, self.url)

    def join(self) -> None:
        if self._thread is not None:
            self._thread.join(10)


def clients(cloud: Cloud) -> ClientFactory:
    return ClientFactory(None, Trust(str(cloud.ca_file)).connect)


def login(cloud: Cloud, person: Person, *, device_code: bool = False) -> CachedToken:
    try:
        return log_in(SESSION, clients(cloud), person.show, device_code=device_code)
    finally:
        person.join()


@pytest.mark.parametrize("device_code", [False, True], ids=["code", "device"])
def test_login_is_shared_with_botocore(
    device_code: bool, cloud: Cloud, cache_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    person = Person(cloud)
    token = login(cloud, person, device_code=device_code)
    assert cloud.tokens.authenticate(f"Bearer {token.access_token}")
    assert "close this page" in str(person.seen)
    document = json.loads(cache_file.read_text())
    assert document.keys() == {
        "startUrl",
        "region",
        "accessToken",
        "expiresAt",
        "clientId",
        "clientSecret",
        "registrationExpiresAt",
        "refreshToken",
    }
    if os.name == "posix":
        assert cache_file.stat().st_mode & 0o777 == 0o600
    # We find it ...
    profile = load_profile("codecatalyst", os.environ)
    ours = BearerTokens(profile, os.environ, clients(cloud), TOKEN_VARIABLES).load()
    assert ours.value == token.access_token
    # ... and so does botocore. It also renews the token, and we find the new one.
    cache_file.write_text(json.dumps({**document, "expiresAt": "2020-01-01T00:00:00Z"}))
    monkeypatch.setenv("AWS_CA_BUNDLE", str(cloud.ca_file))
    session = botocore.session.Session(profile="codecatalyst")
    cache = JSONFileCache(str(cache_file.parent), dumps_func=_dumps)
    provider = SSOTokenProvider(session, cache=cache)
    renewed = provider.load_token().get_frozen_token().token
    assert cloud.tokens.authenticate(f"Bearer {renewed}")
    assert renewed != token.access_token
    assert (
        BearerTokens(profile, os.environ, clients(cloud), TOKEN_VARIABLES).load().value == renewed
    )
    assert log_out(SESSION, clients(cloud))
    assert not log_out(SESSION, clients(cloud))
    with pytest.raises(UnauthorizedException):
        cloud.tokens.authenticate(f"Bearer {renewed}")
    with pytest.raises(CredentialsError, match="no SSO login"):
        BearerTokens(profile, os.environ, clients(cloud), TOKEN_VARIABLES).load()


def _dumps(document: object) -> str:
    return json.dumps(document, default=lambda time: time.strftime("%Y-%m-%dT%H:%M:%SZ"))


def test_authorize_url_is_that_of_the_aws_cli(cloud: Cloud, home: Path) -> None:
    person = Person(cloud)
    login(cloud, person)
    parts = urlsplit(person.url)
    assert f"{parts.scheme}://{parts.netloc}" == cloud.url
    assert parts.path == "/authorize"
    query = {name: values[0] for name, values in parse_qs(parts.query).items()}
    assert query.keys() == {
        "response_type",
        "client_id",
        "redirect_uri",
        "state",
        "code_challenge_method",
        "scopes",
        "code_challenge",
    }
    assert query["scopes"] == "codecatalyst:read_write"
    redirect = urlsplit(query["redirect_uri"])
    assert (redirect.hostname, redirect.path) == ("127.0.0.1", "/oauth/callback")
    assert person.user_code is None


def test_default_authorize_url_is_at_aws() -> None:
    with Oidc(ClientFactory(None, Trust().connect), "eu-west-1") as oidc:
        assert oidc.authorize_url == "https://oidc.eu-west-1.amazonaws.com/authorize"


def test_registration_is_kept_for_its_grant_only(cloud: Cloud, home: Path) -> None:
    login(cloud, Person(cloud))
    login(cloud, Person(cloud))
    assert cloud.operations().count("RegisterClient") == 1
    key = (  # the AWS CLI, version 2, takes the digest of this
        b'{"region": "us-east-1", "scopes": ["codecatalyst:read_write"], '
        b'"session_name": "codecatalyst", "startUrl": "https://view.awsapps.com/start", '
        b'"tool": "botocore"}'
    )
    assert registration_file(SESSION).name == f"{hashlib.sha1(key).hexdigest()}.json"
    document = json.loads(registration_file(SESSION).read_text())
    assert document["grantTypes"] == ["authorization_code", "refresh_token"]
    assert document["scopes"] == ["codecatalyst:read_write"]
    login(cloud, Person(cloud), device_code=True)
    assert cloud.operations().count("RegisterClient") == 2
    document = json.loads(registration_file(SESSION).read_text())
    assert document.keys() == {"clientId", "clientSecret", "expiresAt", "scopes"}


@pytest.mark.parametrize(
    "content",
    [
        "{",
        "[]",
        "5",
        "{}",
        '{"grantTypes": 5}',
        '{"grantTypes": ["authorization_code"], "expiresAt": 5}',
        '{"grantTypes": ["authorization_code"], "expiresAt": "2020-01-01T00:00:00Z"}',
        '{"grantTypes": ["authorization_code"], "expiresAt": "2099-01-01T00:00:00Z"}',
    ],
)
def test_unusable_registration_is_replaced(content: str, cloud: Cloud, cache_file: Path) -> None:
    registration_file(SESSION).write_text(content)
    with Oidc(clients(cloud), "us-east-1") as oidc:
        assert register(oidc, SESSION, by_code=True).client_id
    assert cloud.operations() == ["RegisterClient"]


def test_registration_unknown_to_the_service_is_removed(cloud: Cloud, cache_file: Path) -> None:
    document = {"clientId": "x", "clientSecret": "y", "expiresAt": "2099-01-01T00:00:00Z"}
    registration_file(SESSION).write_text(json.dumps(document))
    with pytest.raises(CredentialsError, match=r"InvalidClientException\)\. Log in again"):
        login(cloud, Person(cloud), device_code=True)
    assert login(cloud, Person(cloud), device_code=True).access_token


@pytest.mark.parametrize("device_code", [False, True], ids=["code", "device"])
def test_denied_login_is_an_error_of_one_line(device_code: bool, cloud: Cloud, home: Path) -> None:
    person = Person(cloud, lambda browser, url: browser.decide(url, "deny"))
    with pytest.raises(CredentialsError, match=r"denied|refused \(access_denied: The user said"):
        login(cloud, person, device_code=device_code)
    assert not (home / ".aws/sso/cache/80af6f394d022e711b1b139544a1598b8c36fd60.json").exists()


def test_wrong_state_does_not_end_the_login(cloud: Cloud, home: Path) -> None:
    statuses = []

    def decide(browser: Browser, url: str) -> object:
        callback = parse_qs(urlsplit(url).query)["redirect_uri"][0]
        for forged in ("?code=x&state=guessed", "?error=x&state=guessed", "?code=x", "/no", ""):
            with pytest.raises(urllib.error.HTTPError) as refused:
                browser.open(callback + forged)
            statuses.append(refused.value.code)
            refused.value.close()
        return browser.decide(url)

    login(cloud, Person(cloud, decide))
    assert statuses == [400, 400, 400, 404, 400]


def test_idle_connection_does_not_delay_the_login(cloud: Cloud, home: Path) -> None:
    """Browsers open connections before they need them."""

    def decide(browser: Browser, url: str) -> object:
        port = urlsplit(parse_qs(urlsplit(url).query)["redirect_uri"][0]).port
        with socket.create_connection(("127.0.0.1", port or 0)):
            return browser.decide(url)

    started = time.monotonic()
    login(cloud, Person(cloud, decide))
    assert time.monotonic() - started < 8


def test_wrong_password_is_refused(cloud: Cloud, home: Path) -> None:
    def decide(browser: Browser, url: str) -> object:
        with pytest.raises(urllib.error.HTTPError) as refused:
            Browser(cloud.ca_file, "guessed").decide(url)
        refused.value.close()
        assert refused.value.code == 403
        return browser.decide(url)

    assert login(cloud, Person(cloud, decide)).access_token


def test_login_times_out_without_a_browser(
    cloud: Cloud, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from connector.aws.sso.login import token_by_authorization_code

    with Oidc(clients(cloud), "us-east-1") as oidc:
        registration = register(oidc, SESSION, by_code=True)
        with pytest.raises(CredentialsError, match="did not come back in time"):
            token_by_authorization_code(
                oidc, SESSION, registration, lambda url, code: None, timeout=0.1
            )


class Service:
    """Answers CreateToken by these errors in turn, and then as usual."""

    def __init__(self, cloud: Cloud, *errors: Exception) -> None:
        self._errors = list(errors)
        cloud.intercept(self._intercept)

    async def _intercept(
        self, operation: str, request: web.Request, proceed: Proceed
    ) -> web.Response:
        if operation == "CreateToken" and self._errors:
            raise self._errors.pop(0)
        return await proceed()


def poll(cloud: Cloud, clock: Clock, decide: Decide) -> object:
    browser = Browser(cloud.ca_file, PASSWORD)
    with Oidc(clients(cloud), "us-east-1") as oidc:
        registration = register(oidc, SESSION, by_code=False)

        def sleep(seconds: float) -> None:
            clock.sleep(seconds)
            time.sleep(0.95)  # the emulator uses the real clock and an interval of a second

        def show(url: str, user_code: str | None) -> None:
            decide(browser, url)

        return token_by_device_code(oidc, SESSION, registration, show, clock=clock, sleep=sleep)


def test_slow_down_lengthens_the_interval(cloud: Cloud, home: Path, clock: Clock) -> None:
    Service(cloud, SlowDownException("slower"), SlowDownException("slower"))
    poll(cloud, clock, allow)
    assert clock.pauses == [6, 11]


def test_pending_login_is_polled_at_the_services_interval(
    cloud: Cloud, home: Path, clock: Clock
) -> None:
    poll(cloud, clock, allow)
    assert clock.pauses == [1]
    assert cloud.operations().count("CreateToken") == 2


@pytest.mark.parametrize("given_up_by", ["service", "clock"])
def test_expired_device_code_ends_the_login(
    given_up_by: str, cloud: Cloud, home: Path, clock: Clock
) -> None:
    if given_up_by == "service":
        Service(cloud, ExpiredTokenException("expired"))
    else:
        clock.sleep(0)
    with pytest.raises(CredentialsError, match="expired before it was confirmed"):
        poll(cloud, clock, lambda browser, url: clock.sleep(600))


def test_error_of_the_service_ends_the_login(
    cloud: Cloud, home: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG, "connector")
    Service(cloud, InternalServerException("failed with a secret in it"))
    with pytest.raises(ServiceError) as caught:
        login(cloud, Person(cloud))
    assert str(caught.value) == (
        "The SSO service failed (500 InternalServerException). Try again in a minute"
    )
    assert "secret" not in caplog.text


def test_unsavable_token_is_reported_before_the_login(cloud: Cloud, cache_file: Path) -> None:
    """The user must not go to a browser first."""
    cache_file.mkdir()
    person = Person(cloud)
    with pytest.raises(ConfigError, match="cannot be saved"):
        login(cloud, person)
    assert person.url == ""
    assert cloud.operations() == []


def test_codes_and_tokens_are_not_logged(
    cloud: Cloud, home: Path, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    caplog.set_level(logging.DEBUG, "connector")
    token = login(cloud, Person(cloud))
    said = caplog.text + "".join(capfd.readouterr())
    secrets = [token.access_token, token.document["refreshToken"], token.document["clientSecret"]]
    assert not any(secret in said for secret in secrets)
    assert "code=" not in said


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (UnauthorizedException("unknown"), ""),
        (ThrottlingException("too many"), "did not end the token (429 ThrottlingException)"),
    ],
)
def test_logout_refused_by_the_service_removes_the_token(
    error: ApiError, said: str, cloud: Cloud, cache_file: Path, caplog: pytest.LogCaptureFixture
) -> None:
    login(cloud, Person(cloud))
    always(cloud, "Logout", raising(error))
    assert log_out(SESSION, clients(cloud))
    assert not cache_file.exists()
    warnings = [record.getMessage() for record in caplog.records if record.levelname == "WARNING"]
    assert (said in "".join(warnings)) if said else not warnings


def test_logout_without_a_network_removes_the_token(
    cloud: Cloud,
    cache_file: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    token = login(cloud, Person(cloud))
    monkeypatch.setenv("AWS_ENDPOINT_URL_SSO", "https://127.0.0.1:1")
    assert log_out(SESSION, clients(cloud))
    assert not cache_file.exists()
    assert "could not be told to end the token" in caplog.text
    assert token.access_token not in caplog.text


@pytest.mark.parametrize("content", ["", "{}", "[]"])
def test_logout_removes_a_damaged_token(content: str, cloud: Cloud, cache_file: Path) -> None:
    cache_file.write_text(content)
    assert log_out(SESSION, clients(cloud))
    assert not cache_file.exists()
    assert cloud.operations() == []


def test_scopes_are_split_as_by_the_aws_cli(cache_file: Path, home: Path) -> None:
    config = home / ".aws/config"
    config.write_text(config.read_text().replace(":read_write", ":read_write , , sso:x"))
    session = sso_session(load_profile("codecatalyst", os.environ))
    assert session.scopes == ("codecatalyst:read_write", "sso:x")


def test_ctrl_c_ends_the_login_with_130_and_adds_no_profile(cloud: Cloud, home: Path) -> None:
    if os.name != "posix":
        pytest.skip("Windows has no SIGINT for one process")
    import signal

    environ = {**os.environ, "AWS_CA_BUNDLE": str(cloud.ca_file)}
    with logging_in(environ, "--no-browser") as login:
        assert login.url("/authorize")
        login.process.send_signal(signal.SIGINT)
        assert login.process.wait(10) == 130
        assert login.stderr.read() == ""
    assert not (home / ".aws/config").exists()
