"""Renewal of the token: when it happens, that it happens once, and its failures."""

from __future__ import annotations

import json
import logging
import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from connector.emulator.api.rest import Proceed
from connector.emulator.api.sso.grants import InternalServerException, InvalidGrantException
from connector.errors import CredentialsError
from connector.files import file_lock

from ..cloud import Cloud, write_cache
from ..helpers import always
from .logins import NOW, at, load, refused, tokens


@pytest.mark.parametrize("region", ["us-east-1", "us-moon-x"], ids=["light", "botocore"])
def test_token_that_expires_soon_is_renewed(cloud: Cloud, cache_file: Path, region: str) -> None:
    config = cache_file.parents[2] / "config"
    config.write_text(config.read_text().replace("us-east-1", region))
    old = cloud.login(expiresAt=at(14 * 60))
    write_cache(cache_file, old)
    token = load(ca_file=cloud.ca_file)
    assert token.value != "cached-token"
    assert token.expires_at == NOW + 3600
    assert cloud.tokens.authenticate(f"Bearer {token.value}")
    new = json.loads(cache_file.read_text())
    assert new["accessToken"] == token.value
    assert new["expiresAt"] == at(3600)
    assert new["refreshToken"] != old["refreshToken"]
    changed = {name for name in old if old[name] != new[name]}
    assert changed == {"accessToken", "expiresAt", "refreshToken"}
    assert new.keys() == old.keys()
    if os.name == "posix":
        assert cache_file.stat().st_mode & 0o777 == 0o600
    # The new token is not renewed again.
    assert load(ca_file=cloud.ca_file).value == token.value
    assert cloud.operations() == ["CreateToken"]
    assert sorted(os.listdir(cache_file.parent)) == sorted(
        [cache_file.name, cache_file.with_suffix(".lock").name]
    )


def test_token_with_a_long_life_is_not_renewed(cloud: Cloud, cache_file: Path) -> None:
    write_cache(cache_file, cloud.login(expiresAt=at(15 * 60)))
    assert load(ca_file=cloud.ca_file).value == "cached-token"
    assert cloud.operations() == []


def test_expired_token_is_renewed(cloud: Cloud, cache_file: Path) -> None:
    write_cache(cache_file, cloud.login())
    assert cloud.tokens.authenticate(f"Bearer {load(ca_file=cloud.ca_file).value}")


def test_refresh_token_is_kept_without_a_new_one(cloud: Cloud, cache_file: Path) -> None:
    old = cloud.login()
    write_cache(cache_file, old)

    async def keep(operation: str, request: web.Request, proceed: Proceed) -> web.Response:
        return web.json_response({"accessToken": "new-token", "expiresIn": 60})

    cloud.intercept(keep)
    assert load(ca_file=cloud.ca_file).value == "new-token"
    assert json.loads(cache_file.read_text())["refreshToken"] == old["refreshToken"]


Answer = Callable[[], web.Response]


def _refuse() -> web.Response:
    raise InvalidGrantException("Invalid refresh token provided: refresh-secret")


def _fail() -> web.Response:
    raise InternalServerException("failed")


REFUSALS: list[tuple[Answer, str]] = [
    (_refuse, "the service refused (400 InvalidGrantException)"),
    (_fail, "the service refused (500 InternalServerException)"),
    (lambda: web.json_response({}), "sent no token"),
    (lambda: web.json_response({"accessToken": "secret", "expiresIn": "x"}), "sent no token"),
    (lambda: web.json_response({"accessToken": "a secret", "expiresIn": 60}), "blanks"),
    (lambda: web.json_response([]), "is malformed"),
    (lambda: web.Response(text="<html>"), "sent no token"),
]


@pytest.mark.parametrize(("answer", "said"), REFUSALS)
def test_failed_renewal_is_an_error_only_for_an_expired_token(
    answer: Answer, said: str, cloud: Cloud, cache_file: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "connector")

    async def intercept(operation: str, request: web.Request, proceed: Proceed) -> web.Response:
        return answer()

    cloud.intercept(intercept)
    good = cloud.login(expiresAt=at(1))
    write_cache(cache_file, good)
    assert load(ca_file=cloud.ca_file).value == "cached-token"  # it is valid for another second
    assert said in caplog.text
    assert "secret" not in caplog.text
    assert json.loads(cache_file.read_text()) == good

    write_cache(cache_file, {**good, "expiresAt": at(-1)})
    with pytest.raises(CredentialsError) as caught:
        load(ca_file=cloud.ca_file)
    message = str(caught.value)
    assert "expired" in message
    assert said in message
    assert "connector login" in message
    assert "secret" not in message
    assert cloud.operations() == ["CreateToken", "CreateToken"]  # one try each


def test_expired_registration_prevents_the_renewal(cloud: Cloud, cache_file: Path) -> None:
    write_cache(cache_file, cloud.login(registrationExpiresAt=at(-1)))
    assert "registration of the login has expired" in refused()
    assert cloud.operations() == []


@pytest.mark.parametrize("name", ["clientId", "clientSecret", "refreshToken"])
@pytest.mark.parametrize("value", [None, 5, ""])
def test_login_without_a_needed_member_is_not_renewed(
    name: str, value: Any, cloud: Cloud, cache_file: Path
) -> None:
    write_cache(cache_file, cloud.login(**{name: value}))
    assert f"the login has no {name}" in refused()
    write_cache(cache_file, cloud.login(**{name: value}, expiresAt=at(60)))
    assert load().value == "cached-token"
    assert cloud.operations() == []


@pytest.mark.parametrize(
    "endpoint", ["https://localhost:1", "https://nowhere.invalid", "http://localhost:1", "nonsense"]
)
def test_unreachable_service_is_reported(
    endpoint: str, cloud: Cloud, cache_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL_SSO_OIDC", endpoint)
    write_cache(cache_file, cloud.login(expiresAt=at(60)))
    assert load().value == "cached-token"
    write_cache(cache_file, cloud.login())
    assert "cannot be renewed" in refused()


def test_unknown_ca_is_reported(cloud: Cloud, cache_file: Path) -> None:
    write_cache(cache_file, cloud.login())
    assert "unknown CA" in refused()


def test_renewal_is_not_tried_without_time(cloud: Cloud, cache_file: Path) -> None:
    write_cache(cache_file, cloud.login(expiresAt=at(60)))
    assert tokens(ca_file=cloud.ca_file).load(timeout=1).value == "cached-token"
    assert cloud.operations() == []


def test_wait_for_the_lock_has_a_deadline(cloud: Cloud, cache_file: Path) -> None:
    write_cache(cache_file, cloud.login(expiresAt=at(60)))
    with file_lock(cache_file.with_suffix(".lock"), timeout=0):
        assert tokens(ca_file=cloud.ca_file).load(timeout=2.1).value == "cached-token"
        write_cache(cache_file, cloud.login())
        with pytest.raises(CredentialsError, match=r"another process .*\. Try again$"):
            tokens(ca_file=cloud.ca_file).load(timeout=2.1)
    assert cloud.operations() == []


def test_lock_file_that_cannot_be_created_is_reported(cloud: Cloud, cache_file: Path) -> None:
    cache_file.with_suffix(".lock").mkdir()
    write_cache(cache_file, cloud.login(expiresAt=at(60)))
    assert load(ca_file=cloud.ca_file).value == "cached-token"
    write_cache(cache_file, cloud.login())
    assert "cannot be locked" in refused()


def test_renewed_token_that_cannot_be_saved_is_used(
    cloud: Cloud, cache_file: Path, caplog: pytest.LogCaptureFixture
) -> None:
    write_cache(cache_file, cloud.login())

    async def spoil(operation: str, request: web.Request, proceed: Proceed) -> web.Response:
        response = await proceed()
        cache_file.unlink()
        cache_file.mkdir()  # rename cannot replace a directory
        return response

    cloud.intercept(spoil)
    assert cloud.tokens.authenticate(f"Bearer {load(ca_file=cloud.ca_file).value}")
    assert "cannot be saved" in caplog.text
    assert not list(cache_file.parent.glob("*.tmp"))


def test_refresh_token_is_not_used_up_where_no_new_one_can_be_saved(
    cloud: Cloud, cache_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As on a read-only mount, or on a full disk, which still takes empty files."""
    write_cache(cache_file, cloud.login(expiresAt=at(60)))
    full = os.open("/dev/full", os.O_WRONLY)
    opened = os.open

    def open_full(path: str, flags: int, *mode: int) -> int:
        descriptor = opened(path, flags, *mode)
        return os.dup2(full, descriptor) if path.endswith(".tmp") else descriptor

    with monkeypatch.context() as patch:
        patch.setattr(os, "open", open_full)
        assert load(ca_file=cloud.ca_file).value == "cached-token"
        write_cache(cache_file, cloud.login())
        told = refused()
    assert "json cannot be written (No space left on device)" in told
    assert told.endswith(". Make its directory writable, or free disk space")
    os.close(full)
    assert cloud.operations() == []
    assert not list(cache_file.parent.glob("*.tmp"))


def test_token_of_another_tool_is_used_where_the_refresh_token_is_used_up(
    cloud: Cloud, cache_file: Path
) -> None:
    def refuse() -> web.Response:
        write_cache(cache_file, cloud.login(accessToken="newer", expiresAt=at(3600)))
        raise InvalidGrantException("used")

    always(cloud, "CreateToken", refuse)
    write_cache(cache_file, cloud.login())
    assert load(ca_file=cloud.ca_file).value == "newer"
    assert json.loads(cache_file.read_text())["accessToken"] == "newer"


PROCESS = """\
import os, sys, time
from connector.aws.sdk import ClientFactory
from connector.aws.profile import load_profile
from connector.aws.sso.tokens import BearerTokens
from connector.targets.codecatalyst.api import TOKEN_VARIABLES
from connector.transport.trust import Trust
profile = load_profile("codecatalyst", os.environ)
connect = Trust(os.environ["AWS_CA_BUNDLE"]).connect
tokens = BearerTokens(profile, os.environ, ClientFactory(profile.name, connect), TOKEN_VARIABLES)
print("ready", flush=True)
sys.stdin.readline()
print(tokens.load(timeout=60).value)
"""


def test_concurrent_processes_renew_once(
    cloud: Cloud, cache_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_CA_BUNDLE", str(cloud.ca_file))
    write_cache(cache_file, cloud.login())
    processes = [
        subprocess.Popen(
            [sys.executable, "-W", "error", "-c", PROCESS],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for _ in range(5)
    ]
    for process in processes:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
    for process in processes:
        assert process.stdin is not None
        process.stdin.write("\n")
        process.stdin.flush()
    while any(process.poll() is None for process in processes):
        json.loads(cache_file.read_text())  # never half written
        time.sleep(0.001)
    values = {process.communicate()[0] for process in processes}
    assert [process.returncode for process in processes] == [0] * len(processes)
    assert cloud.operations() == ["CreateToken"]
    assert values == {json.loads(cache_file.read_text())["accessToken"] + "\n"}


@pytest.mark.parametrize(
    "wrong", [{"accessToken": 5}, {"accessToken": "a b"}, {"expiresIn": True}, {"expiresIn": "x"}]
)
def test_new_refresh_token_is_saved_from_a_malformed_response(
    cloud: Cloud, cache_file: Path, wrong: dict[str, object]
) -> None:
    """The old refresh token is used up."""
    answer = {"accessToken": "new", "expiresIn": 3600, "refreshToken": "new-refresh-token"}
    always(cloud, "CreateToken", lambda: web.json_response({**answer, **wrong}))
    write_cache(cache_file, cloud.login(expiresAt=at(60)))
    assert load(ca_file=cloud.ca_file).value == "cached-token"
    document = json.loads(cache_file.read_text())
    assert (document["accessToken"], document["refreshToken"]) == (
        "cached-token",
        "new-refresh-token",
    )


def test_lifetime_beyond_any_date_is_clamped(cloud: Cloud, cache_file: Path) -> None:
    answer = {"accessToken": "new", "expiresIn": 10**30, "refreshToken": "new-refresh-token"}
    always(cloud, "CreateToken", lambda: web.json_response(answer))
    write_cache(cache_file, cloud.login())
    assert load(ca_file=cloud.ca_file).value == "new"
