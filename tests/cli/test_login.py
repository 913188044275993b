"""``login``, ``whoami`` and ``logout`` as a person has them, with the emulator as AWS."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import time
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

from connector.emulator.access import Access
from connector.emulator.app import Emulator, EmulatorThread

from ..browser import Browser
from ..forks import CONNECTOR
from ..forks import run as run_program
from ..logins import logged_out, logging_in

ROOT = Path(__file__).parents[2]
BROWSER = f"{sys.executable} -m tests.browser %s"


@pytest.fixture(scope="module")
def access(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Access]:
    with EmulatorThread(Emulator(tmp_path_factory.mktemp("emulator"))) as access:
        yield access


@pytest.fixture
def environ(access: Access, tmp_path: Path) -> dict[str, str]:
    """Return the environment of a terminal without a login."""
    return {**logged_out(access, tmp_path), "BROWSER": BROWSER, "PASSWORD": access.password}


def run(
    environ: dict[str, str], *words: str, exit_code: int = 0
) -> subprocess.CompletedProcess[str]:
    command = [*CONNECTOR, *words]
    done = run_program(command, input="", timeout=60, cwd=ROOT, env=environ, text=True)
    assert done.returncode == exit_code, done.stderr
    return done


def test_from_no_login_to_one_and_back(
    environ: dict[str, str], access: Access, tmp_path: Path
) -> None:
    started = time.monotonic()
    done = run(environ, "proxy", "--profile", "codecatalyst", access.host, exit_code=78)
    assert "Run `connector login --profile codecatalyst`" in done.stderr
    assert time.monotonic() - started < 10

    done = run(environ, "login", "-vv")
    assert f"\n\nAdded to {tmp_path / '.aws/config'}:\n\n  [profile codec" in done.stdout
    assert f":\n\n  {access.endpoint_url}/authorize?response_type=code&" in done.stdout
    assert "Logged in with the profile codecatalyst. The token is valid until " in done.stdout
    assert "renewed automatically" in done.stdout
    (cache,) = (tmp_path / ".aws/sso/cache").glob("80af6f39*.json")
    secrets = [
        value
        for name, value in json.loads(cache.read_text()).items()
        if name in ("accessToken", "refreshToken", "clientSecret")
    ]
    assert len(secrets) == 3
    assert not any(secret in done.stdout + done.stderr for secret in secrets)

    done = run(environ, "whoami", "--json")
    document = json.loads(done.stdout)
    assert uuid.UUID(document.pop("userId"))
    assert document == {
        "userName": "mde-user",
        "displayName": "mde-user",
        "email": "mde-user@example.com",
        "profile": "codecatalyst",
        "tokenExpiresAt": json.loads(cache.read_text())["expiresAt"],
    }
    done = run(environ, "whoami")
    assert re.search(r"^user +mde-user$", done.stdout, re.MULTILINE)
    assert "token    from the SSO login of the profile codecatalyst\n" in done.stdout
    assert re.search(r"^expires  \d{4}-\d\d-\d\d \d\d:\d\d UTC$", done.stdout, re.MULTILINE)

    done = run(environ, "login", "--no-browser", "--start-url", "https://x/start", exit_code=78)
    assert "go together" in done.stderr

    assert "Logged out of the sso-session codecatalyst" in run(environ, "logout").stdout
    assert not cache.exists()
    assert "There is no login of the profile codecatalyst" in run(environ, "logout").stdout
    for command, lacks in (("whoami", "there are no AWS keys"), ("list", "no AWS Region is set")):
        done = run(environ, command, exit_code=77)
        assert f"There is no SSO login; {lacks}" in done.stderr
        assert "For Dev Environments, run `connector login --profile codecatalyst`" in done.stderr


def test_a_login_on_another_device_and_with_a_profile_of_ones_own(
    environ: dict[str, str], tmp_path: Path
) -> None:
    words = ("--device-code", "--start-url", "https://d-1.awsapps.com/start")
    done = run(environ, "login", *words, "--sso-region", "eu-west-1", "--profile", "mine")
    assert "only if it shows the code " in done.stdout
    assert "sso_start_url = https://d-1.awsapps.com/start" in (tmp_path / ".aws/config").read_text()
    environ = {**environ, "AWS_PROFILE": "mine"}
    assert json.loads(run(environ, "whoami", "--json").stdout)["profile"] == "mine"
    done = run(environ, "login", "--device-code")  # all it needs is in the file now
    assert "Added to" not in done.stdout


def test_whoami_asks_with_the_login_that_ssh_has(environ: dict[str, str], tmp_path: Path) -> None:
    run(environ, "login")
    config = tmp_path / ".aws/config"
    config.write_text(f"[default]\nsso_session = codecatalyst\n\n{config.read_text()}")
    assert json.loads(run(environ, "whoami", "--json").stdout)["profile"] == "default"


def test_a_token_of_a_variable(environ: dict[str, str], access: Access) -> None:
    given = {**environ, "AWS_BEARER_TOKEN_CODECATALYST": access.bearer_token}
    document = json.loads(run(given, "whoami", "--json").stdout)
    assert (document["userName"], document["profile"]) == ("mde-user", None)
    assert document["tokenExpiresAt"] is None
    assert "token    from AWS_BEARER_TOKEN_CODECATALYST\n" in run(given, "whoami").stdout
    done = run(given, "logout")
    assert "AWS_BEARER_TOKEN_CODECATALYST is set: logout cannot remove its token" in done.stderr
    assert "There is no login of the profile codecatalyst on this machine" in done.stdout
    done = run(given, "logout", "--profile", "typo", exit_code=78)
    assert "There is no AWS profile typo. Check --profile" in done.stderr
    done = run(given, "login")
    assert "AWS_BEARER_TOKEN_CODECATALYST is set: its token is used" in done.stderr
    wrong = {**environ, "AWS_BEARER_TOKEN_CODECATALYST": "wrong-token"}
    done = run(wrong, "whoami", exit_code=77)
    assert "CodeCatalyst does not accept the token" in done.stderr
    assert "wrong-token" not in done.stderr


@pytest.fixture
def no_browser(environ: dict[str, str]) -> dict[str, str]:
    return {**environ, "BROWSER": "/nonexistent/browser %s", "PATH": "/nonexistent"}


def test_without_a_browser_the_address_is_all(no_browser: dict[str, str]) -> None:
    with logging_in(no_browser) as login:
        assert login.url("/authorize")
        assert "No browser could be opened" in login.stderr.readline()


def test_a_code_needs_no_browser_of_this_machine(
    no_browser: dict[str, str], access: Access
) -> None:
    with logging_in(no_browser, "--device-code") as login:
        Browser(access.ca_file, access.password).decide(login.url("/device"))
        assert login.process.wait(60) == 0
        assert login.stderr.read() == ""


def test_an_expired_login_in_a_proxycommand_says_what_to_do(
    environ: dict[str, str], access: Access, tmp_path: Path
) -> None:
    run(environ, "login")
    (cache,) = (tmp_path / ".aws/sso/cache").glob("80af6f39*.json")
    document = {**json.loads(cache.read_text()), "expiresAt": "2020-01-01T00:00:00Z"}
    cache.write_text(json.dumps({**document, "registrationExpiresAt": "2020-01-01T00:00:00Z"}))
    started = time.monotonic()
    done = run(environ, "proxy", "--profile", "codecatalyst", access.host, exit_code=77)
    assert time.monotonic() - started < 10
    assert "The SSO login has expired" in done.stderr
    assert "Run `connector login --profile codecatalyst`" in done.stderr
