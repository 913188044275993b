"""Keys from the sources that only botocore knows, each a real server."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from connector.aws.keys.source import AwsKeys, KeySource
from connector.aws.profile import load_profile, with_credentials
from connector.errors import ConfigError, ConnectorError, CredentialsError, NoKeys
from connector.transport.trust import Trust

from .chains import BASE, CORP, WORK, load, log_in, program, source_of
from .recording import Recorder
from .sources import ROLE, Sources


def aws(*words: str) -> subprocess.CompletedProcess[str]:
    """Run the real AWS CLI."""
    return subprocess.run(
        [sys.executable, "-m", "awscli", *words], capture_output=True, text=True, timeout=60
    )


def test_role_is_assumed_once_and_then_taken_from_the_cache(
    sources: Sources, configure: Callable[[str], None], home: Path
) -> None:
    configure(BASE + WORK)
    first = load("work")
    assert first.access_key_id == "ASIA1"
    assert first.expires_at is not None
    assert load("work") == first
    assert sources.asked == ["AssumeRole"]
    assert sources.forms[0]["RoleArn"] == ROLE
    (file,) = (home / ".aws/cli/cache").iterdir()
    assert file.stat().st_mode & 0o777 == 0o600


def test_aws_cli_uses_the_role_that_we_have_assumed(
    sources: Sources, configure: Callable[[str], None]
) -> None:
    configure(BASE + WORK)
    load("work")
    done = aws("sts", "get-caller-identity", "--profile", "work")
    assert done.returncode == 0, done.stderr
    assert sources.asked == ["AssumeRole", "GetCallerIdentity"]


def test_role_that_the_aws_cli_has_assumed_needs_no_call(
    sources: Sources, configure: Callable[[str], None]
) -> None:
    mfa = "mfa_serial = arn:aws:iam::1:mfa/m\nexternal_id = an id\nduration_seconds = 7200\n"
    configure(BASE + WORK + mfa)
    done = subprocess.run(
        [sys.executable, "-m", "awscli", "sts", "get-caller-identity", "--profile", "work"],
        input="123456\n",
        start_new_session=True,  # without a terminal, getpass reads stdin
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    assert sources.asked == ["AssumeRole", "GetCallerIdentity"]
    assert load("work").access_key_id == "ASIA1"
    assert sources.asked == ["AssumeRole", "GetCallerIdentity"]


def test_endpoint_of_sts_with_tls_is_called_with_our_certificates(
    configure: Callable[[str], None], sources: Sources, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    configure(BASE + WORK)
    _, answer = sources.answer("POST", "/", "Action=AssumeRole")
    with Recorder(home, answer.encode()) as peer:
        monkeypatch.setenv("AWS_ENDPOINT_URL_STS", f"https://localhost:{peer.port}")
        profile = with_credentials(load_profile("work", os.environ), os.environ)
        trust = Trust(str(peer.ca_file))
        keys = KeySource(profile, os.environ, trust.connect, named=True).load(20)
        assert keys.access_key_id == "ASIA1"
        assert b"eu-west-1/sts/aws4_request" in peer.requests[0]
        for file in (home / ".aws/cli/cache").iterdir():
            file.unlink()
        with pytest.raises(ConnectorError, match="signed by an unknown CA"):
            load("work")


def test_role_of_an_sso_login(
    sources: Sources, configure: Callable[[str], None], home: Path
) -> None:
    configure(CORP)
    log_in(home, time.time() + 3600)
    first = load("sso")
    assert first.access_key_id == "ASIA1"
    assert load("sso") == first
    assert sources.asked == ["GetRoleCredentials"]


@pytest.mark.parametrize(("end", "name"), [(-10, "sso"), (None, "sso"), (None, "work")])
def test_missing_sso_login_is_reported(
    sources: Sources, configure: Callable[[str], None], home: Path, end: float | None, name: str
) -> None:
    """The command names the profile with the login, also where a role is assumed with its keys."""
    configure(CORP + WORK.replace("base", "sso"))
    if end is not None:
        log_in(home, time.time() + end)
    with pytest.raises(CredentialsError, match="Run `connector login --profile sso`"):
        load(name)


def test_refused_sso_login_is_reported(
    sources: Sources, configure: Callable[[str], None], home: Path
) -> None:
    configure(CORP)
    log_in(home, time.time() + 3600)
    sources.refusal = 401, "UnauthorizedException"
    with pytest.raises(CredentialsError, match="SSO login of the profile sso has expired"):
        load("sso")


def test_wrong_clock_is_reported_where_a_role_is_refused_for_it(
    sources: Sources, configure: Callable[[str], None]
) -> None:
    configure(BASE + WORK)
    sources.refusal = 403, "SignatureDoesNotMatch"
    sources.said = "Signature expired: 20261130T000000Z is now earlier than 20261130T010000Z"
    with pytest.raises(CredentialsError, match="Check the clock of this machine"):
        load("work")


def test_container_gives_keys(sources: Sources, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_CONTAINER_CREDENTIALS_FULL_URI", f"{sources.url}/container")
    assert load(None).access_key_id == "ASIA1"
    assert sources.asked == ["container"]


def test_instance_gives_keys(sources: Sources, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "false")
    monkeypatch.setenv("AWS_EC2_METADATA_SERVICE_ENDPOINT", sources.url)
    assert load(None).access_key_id == "ASIA1"
    assert sources.asked == ["metadata"]


def test_silent_metadata_address_ends_at_the_deadline(
    sources: Sources, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "false")
    monkeypatch.setenv("AWS_EC2_METADATA_SERVICE_ENDPOINT", sources.url)
    monkeypatch.setenv("AWS_METADATA_SERVICE_TIMEOUT", "50")
    sources.silent = True
    with pytest.raises(CredentialsError, match="keys of the profile default did not come within"):
        load(None, 0.2)


def test_web_identity_gives_keys(
    sources: Sources, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (home / "token").write_text("a-web-token")
    monkeypatch.setenv("AWS_WEB_IDENTITY_TOKEN_FILE", str(home / "token"))
    monkeypatch.setenv("AWS_ROLE_ARN", ROLE)
    assert load(None).access_key_id == "ASIA1"
    assert sources.asked == ["AssumeRoleWithWebIdentity"]
    assert sources.forms[0]["WebIdentityToken"] == "a-web-token"


@pytest.mark.parametrize(
    ("name", "config", "error", "words"),
    [
        (None, "", NoKeys, "There are no AWS keys for the profile default"),
        ("work", "[profile work]\n", NoKeys, "no AWS keys for the profile work"),
        ("nosuch", BASE, ConfigError, "There is no AWS profile nosuch"),
        (
            *("work", "[profile work]\naws_access_key_id = AKIDX\n", CredentialsError),
            "profile work are incomplete: aws_secret_access_key is missing",
        ),
        (
            *("work", "[profile work]\naws_secret_access_key = hidden\n", CredentialsError),
            "profile work are incomplete: aws_access_key_id is missing",
        ),
        (
            *("base", BASE.replace("hidden-x", "'hidden-x'"), CredentialsError),
            "The AWS keys of the profile base have a blank, a quote, a line end",
        ),
        (
            *("work", "[profile work]\naws_session_token = hidden\n", CredentialsError),
            "profile work are incomplete: aws_access_key_id is missing",
        ),
        (
            *("work", f"[profile work]\nrole_arn = {ROLE}\n", CredentialsError),
            "incomplete: source_profile or credential_source is missing",
        ),
        ("work", WORK, ConfigError, 'source_profile "base" referenced in the profile "work"'),
        (
            *("work", f"[profile work]\nrole_arn = {ROLE}\nsource_profile = work\n", ConfigError),
            "Infinite loop",
        ),
        ("sso", CORP.partition("[sso-session")[0], ConfigError, "sso-session does not exist"),
    ],
)
def test_unusable_settings_are_reported(
    sources: Sources,
    configure: Callable[[str], None],
    name: str | None,
    config: str,
    error: type[ConnectorError],
    words: str,
) -> None:
    configure(config)
    with pytest.raises(error, match=words) as caught:
        load(name)
    assert type(caught.value) is error


@pytest.mark.parametrize("variable", ["AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"])
def test_variable_without_an_access_key_is_reported_where_nothing_else_gives_keys(
    sources: Sources,
    configure: Callable[[str], None],
    monkeypatch: pytest.MonkeyPatch,
    variable: str,
) -> None:
    monkeypatch.setenv(variable, "hidden")
    with pytest.raises(CredentialsError, match=f"{variable} is set, but AWS_ACCESS_KEY_ID is not"):
        load(None)
    configure(f"[default]\n[profile work]\n{BASE}")
    with pytest.raises(NoKeys, match="profile work"):  # the option excludes variables
        load("work")
    assert load("base").access_key_id == "AKIDX"


def test_expiration_that_is_no_time_is_reported(
    sources: Sources, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIDE")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "hidden-e")
    monkeypatch.setenv("AWS_CREDENTIAL_EXPIRATION", "soon")
    with pytest.raises(CredentialsError, match="unset AWS_CREDENTIAL_EXPIRATION"):
        load(None)


def test_unknown_profile_of_a_variable_is_reported_before_keys_of_variables(
    sources: Sources, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_PROFILE", "nosuch")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIDE")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "hidden-e")
    with pytest.raises(ConfigError, match="There is no AWS profile nosuch"):
        load(None)


def test_refused_role_is_reported_without_the_services_words(
    sources: Sources, configure: Callable[[str], None]
) -> None:
    configure(BASE + WORK)
    sources.refusal = 403, "AccessDenied"
    with pytest.raises(CredentialsError, match=r"profile work \(AccessDenied\)") as caught:
        load("work")
    assert "hidden" not in str(caught.value)


def test_keys_are_replaced_before_they_expire(
    sources: Sources, configure: Callable[[str], None], home: Path
) -> None:
    configure(CORP)
    log_in(home, time.time() + 90_000)
    later = [0.0]
    source = source_of("sso", lambda: time.time() + later[0])
    first = source.load(20)
    later[0] = 3600 - 600
    assert source.load(20) == first
    later[0] = 3600 - 200
    for file in (home / ".aws/cli/cache").iterdir():
        file.unlink()  # its keys are fresh by the real clock
    second = source.load(20)
    assert second.access_key_id == "ASIA2"


def test_keys_that_expire_soon_are_used_while_there_are_no_newer_ones(
    sources: Sources, configure: Callable[[str], None], home: Path
) -> None:
    configure(CORP)
    log_in(home, time.time() + 90_000)
    later = [0.0]
    source = source_of("sso", lambda: time.time() + later[0])
    first = source.load(20)
    for file in (home / ".aws/cli/cache").iterdir():
        file.unlink()
    sources.refusal = 500, "InternalServerException"
    later[0] = 3600 - 200
    assert source.load(20) == first
    later[0] = 3700
    with pytest.raises(CredentialsError):
        source.load(20)


def test_refused_keys_of_a_role_are_renewed_past_the_cache(
    sources: Sources, configure: Callable[[str], None]
) -> None:
    configure(BASE + WORK)
    source = source_of("work")
    first = source.load(20)
    source.renew(first)
    second = source.load(20)
    assert second.access_key_id == "ASIA2"
    source.renew(first)  # a slower thread
    assert source.load(20) == second
    assert load("work") == second
    assert sources.asked == ["AssumeRole", "AssumeRole"]


def test_refused_keys_of_a_file_are_read_again(
    sources: Sources, configure: Callable[[str], None]
) -> None:
    configure(BASE)
    source = source_of("base")
    first = source.load(20)
    configure(BASE.replace("AKIDX", "AKIDY"))
    assert source.load(20) == first
    source.renew(first)
    assert source.load(20).access_key_id == "AKIDY"


def test_known_keys_need_no_time(sources: Sources, configure: Callable[[str], None]) -> None:
    """A caller whose deadline has passed gets what is there."""
    configure(BASE)
    source = source_of("base")
    assert source.load(-1.5) == source.load(20)


def test_threads_share_one_search(sources: Sources, configure: Callable[[str], None]) -> None:
    configure(BASE + WORK)
    source = source_of("work")
    found: list[AwsKeys] = []
    threads = [threading.Thread(target=lambda: found.append(source.load(20))) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(set(found)) == 1
    assert sources.asked == ["AssumeRole"]


class CountingLock:
    """A lock that counts the threads that have asked for it."""

    def __init__(self) -> None:
        self.asked = 0
        self._lock = threading.Lock()
        self.release = self._lock.release

    def acquire(self, timeout: float) -> bool:
        self.asked += 1
        return self._lock.acquire(timeout=timeout)


def test_threads_share_one_failing_search(
    sources: Sources, configure: Callable[[str], None], home: Path
) -> None:
    """The others wait while the program of the first runs."""
    runs, go = home / "runs", home / "go"
    code = (
        "import os, time\n"
        f"open({str(runs)!r}, 'a').write('run ')\n"
        f"while not os.path.exists({str(go)!r}): time.sleep(0.02)\n"
        "raise SystemExit(1)\n"
    )
    configure(f"[profile work]\ncredential_process = {program(home, code)}\n")
    source = source_of("work")
    lock: Any = CountingLock()
    source._lock = lock
    found: list[str] = []

    def ask() -> None:
        try:
            source.load(60)
        except CredentialsError as error:
            found.append(str(error))

    threads = [threading.Thread(target=ask) for _ in range(4)]
    for thread in threads:
        thread.start()
    while lock.asked < 4:
        time.sleep(0.02)
    go.touch()
    for thread in threads:
        thread.join()
    assert len(found) == 4
    assert len(set(found)) == 1
    assert runs.read_text() == "run "
    with pytest.raises(CredentialsError):
        source.load(60)
    assert runs.read_text() == "run run "


@pytest.mark.parametrize(("text", "profile"), [(CORP, "sso"), (BASE + WORK, "work")])
def test_login_and_keys_never_cross_the_network_in_clear(
    sources: Sources,
    configure: Callable[[str], None],
    home: Path,
    monkeypatch: pytest.MonkeyPatch,
    text: str,
    profile: str,
) -> None:
    configure(text)
    log_in(home, time.time() + 3600)
    for service in ("SSO", "STS"):
        monkeypatch.setenv(f"AWS_ENDPOINT_URL_{service}", "http://portal.example.com:1")
    with pytest.raises(ConfigError, match="is not an https:// URL"):
        load(profile)
