"""Keys of roles by one call without botocore: the calls are botocore's, and so is the cache."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

import pytest
from botocore.tokens import SSOTokenProvider

from connector.aws.keys.chain import find_keys
from connector.aws.keys.codes import Codes
from connector.aws.keys.places import Role, place_of
from connector.aws.keys.programwait import ProgramWait
from connector.aws.keys.source import AwsKeys, KeySource
from connector.aws.profile import Profile, load_profile, with_credentials
from connector.aws.sso.tokens import SsoCache
from connector.emulator.listener import Certificates
from connector.errors import ConnectFailed, CredentialsError
from connector.transport.trust import Trust

from .accounts import CODE, Aws
from .chains import log_in, without_botocore
from .cloud import Loop
from .recording import Recorder
from .sources import ROLE, Sources


@pytest.fixture
def aws(
    loop: Loop, certificates: Certificates, home: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Aws]:
    aws = Aws(certificates)
    loop.run(aws.server.start())
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    for service in ("STS", "SSO", "SSO_OIDC"):
        monkeypatch.setenv(f"AWS_ENDPOINT_URL_{service}", aws.server.url)
    # botocore expands ~ when it is imported.
    monkeypatch.setattr(SSOTokenProvider, "_SSO_TOKEN_CACHE_DIR", str(home / ".aws/sso/cache"))
    log_in(home, time.time() + 3600)
    yield aws
    loop.run(aws.server.stop())


@pytest.fixture
def configure(home: Path, aws: Aws) -> Callable[..., None]:
    """Write profiles: ``base`` with the user's keys, and ``work`` with these settings."""

    def write(**settings: str) -> None:
        base = {"aws_access_key_id": aws.key.id, "aws_secret_access_key": aws.key.secret}
        corp = {"sso_start_url": "https://x.awsapps.com/start", "sso_region": "us-east-1"}
        sections = {
            "profile base": base,
            "profile work": {"region": "eu-west-1", **settings},
            "profile chained": {"role_arn": aws.role.arn, "source_profile": "base"},
            "profile login": filled(aws, SSO),
            "profile program": {"credential_process": f"cat {home / 'keys.json'}"},
            "profile halved": base,  # the other file has a part of its keys
            "sso-session corp": corp,
        }
        keys = {"AccessKeyId": aws.key.id, "SecretAccessKey": aws.key.secret}
        (home / "keys.json").write_text(json.dumps({"Version": 1, **keys}))
        (home / ".aws/credentials").write_text("[halved]\naws_session_token = a-token\n")
        lines = []
        for header, values in sections.items():
            lines += [f"[{header}]", *(f"{name} = {value}" for name, value in values.items())]
        (home / ".aws/config").write_text("\n".join(lines))

    return write


def profile_of(name: str | None = "work") -> Profile:
    return with_credentials(load_profile(name, os.environ), os.environ)


def called(connect: Any, name: str | None = "work") -> AwsKeys | None:
    """Return the keys that a call gives without botocore."""
    return without_botocore(name, os.environ, connect)


def by_botocore(connect: Any, name: str | None = "work") -> AwsKeys:
    return find_keys(
        profile_of(name),
        connect,
        named=name is not None,
        timeout=20,
        uses_cache=False,
        codes=Codes(profile_of(name), may_ask=False),
        of_programs={},
        wait=ProgramWait(),
    )


SSO = {"sso_session": "corp", "sso_account_id": "{account}", "sso_role_name": "Reader"}
ASSUMED = {"role_arn": "{role}", "source_profile": "base"}
GUARDED = {"role_arn": "{guarded}", "source_profile": "base", "external_id": "an-id"}


def filled(aws: Aws, settings: dict[str, str]) -> dict[str, str]:
    places = {"role": aws.role.arn, "guarded": aws.guarded.arn, "account": aws.account.id}
    places |= {"device": aws.device.arn, "serial": aws.device.mfa_serial}
    return {name: value.format(**places) for name, value in settings.items()}


@pytest.mark.parametrize(
    ("settings", "operation"),
    [
        (SSO, "GetRoleCredentials"),
        (ASSUMED, "AssumeRole"),
        (GUARDED, "AssumeRole"),
        ({**GUARDED, "role_session_name": "me", "duration_seconds": "7200"}, "AssumeRole"),
    ],
)
def test_keys_of_a_call_are_kept_for_botocore_and_the_aws_cli(
    aws: Aws, home: Path, configure: Callable[..., None], settings: dict[str, str], operation: str
) -> None:
    configure(**filled(aws, settings))
    found = called(aws.connect)
    assert found is not None
    (file,) = (home / ".aws/cli/cache").iterdir()
    ours = json.loads(file.read_text())
    theirs = by_botocore(aws.connect)
    assert theirs.expires_at == pytest.approx(found.expires_at, abs=60)
    assert [*(home / ".aws/cli/cache").iterdir()] == [file]
    written = json.loads(file.read_text())
    assert set(ours["Credentials"]) == set(written["Credentials"])
    assert ours["Credentials"]["AccountId"] == written["Credentials"]["AccountId"]
    assert aws.asked == [operation, operation]
    if operation != "AssumeRole":
        return  # version 1 of the AWS CLI, which is installed here, does not cache the others
    file.write_text(json.dumps(ours))
    done = subprocess.run(
        [sys.executable, "-m", "awscli", "sts", "get-caller-identity", "--profile", "work"],
        env={**os.environ, "AWS_CA_BUNDLE": str(aws.ca_file)},
        capture_output=True,
        text=True,
        check=True,
    )
    assert f"assumed-role/{'Guarded' if 'external_id' in settings else 'Reader'}" in done.stdout
    assert aws.asked == [operation, operation, "GetCallerIdentity"]


@pytest.mark.parametrize(
    ("source", "operations"),
    [
        ({"source_profile": "base"}, ["AssumeRole"]),
        ({"source_profile": "chained"}, ["AssumeRole", "AssumeRole"]),
        ({"source_profile": "login"}, ["GetRoleCredentials", "AssumeRole"]),
        ({"source_profile": "program"}, ["AssumeRole"]),
        ({"credential_source": "Environment"}, ["AssumeRole"]),
    ],
)
def test_role_is_called_with_the_keys_of_its_source(
    aws: Aws,
    configure: Callable[..., None],
    monkeypatch: pytest.MonkeyPatch,
    source: dict[str, str],
    operations: list[str],
) -> None:
    """The service checks signature and code. A new search takes the role from the cache."""
    monkeypatch.setattr("getpass.getpass", lambda question: CODE)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", aws.key.id)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", aws.key.secret)
    configure(role_arn=aws.device.arn, mfa_serial=aws.device.mfa_serial, **source)
    found = without_botocore("work", os.environ, aws.connect, may_ask=True)
    assert found is not None
    assert without_botocore("work", os.environ, aws.connect) == found
    assert aws.asked == operations


def test_code_and_program_are_asked_once_where_a_call_gets_no_answer(
    aws: Aws, home: Path, configure: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    """botocore makes the call again, and its answer counts."""
    asked: list[str] = []

    def ask(question: str) -> str:
        asked.append(question)
        return CODE

    monkeypatch.setattr("getpass.getpass", ask)
    configure(role_arn=aws.device.arn, mfa_serial=aws.device.mfa_serial, source_profile="program")
    runs = home / "runs"
    config = home / ".aws/config"
    config.write_text(config.read_text().replace("cat ", f"sh -c 'echo >>{runs}; cat \"$0\"' "))
    calls = []

    def connect(*where: Any) -> Any:
        calls.append(where)
        if len(calls) == 1:
            raise ConnectFailed("The host did not answer", "Try again")
        return aws.connect(*where)

    source = KeySource(profile_of(), os.environ, connect, named=True)
    assert source.load(20, may_ask=True).session_token
    assert asked == [f"Enter MFA code for {aws.device.mfa_serial}: "]
    assert runs.read_text() == "\n"
    assert aws.asked == ["AssumeRole"]


def test_source_of_keys_calls_once_without_botocore(
    aws: Aws, configure: Callable[..., None]
) -> None:
    configure(**filled(aws, ASSUMED))
    program = (
        "import os, sys\n"
        "from connector.aws.cloud import open_cloud\n"
        "print(open_cloud('work', None, os.environ).keys.load(20).access_key_id)\n"
        "print('botocore' in sys.modules)\n"
    )
    environ = {**os.environ, "AWS_CA_BUNDLE": str(aws.ca_file)}
    said = [
        subprocess.run(
            [sys.executable, "-c", program], env=environ, capture_output=True, text=True, check=True
        ).stdout.split()
        for _ in range(2)
    ]
    assert said[0] == said[1]
    assert said[0][1] == "False"
    assert aws.asked == ["AssumeRole"]


def test_refused_keys_are_replaced_past_the_cache(aws: Aws, configure: Callable[..., None]) -> None:
    configure(**filled(aws, SSO))
    source = KeySource(profile_of(), os.environ, aws.connect, named=True)
    first = source.load(20)
    source.renew(first)
    assert source.load(20).access_key_id != first.access_key_id
    assert aws.asked == ["GetRoleCredentials", "GetRoleCredentials"]


@pytest.mark.parametrize(
    ("settings", "environ"),
    [
        ({**ASSUMED, "source_profile": "nosuch"}, {}),
        ({**ASSUMED, "source_profile": "work"}, {}),
        ({"role_arn": "{role}", "credential_source": "Environment"}, {}),
        ({"role_arn": "{role}", "credential_source": "EcsContainer"}, {}),
        ({**ASSUMED, "source_profile": "halved"}, {}),
        ({**ASSUMED, "region": ""}, {}),
        ({**ASSUMED, "region": "us-moon-1x"}, {}),
        ({**ASSUMED, "sts_regional_endpoints": "legacy"}, {}),
        (ASSUMED, {"AWS_STS_REGIONAL_ENDPOINTS": "legacy"}),
        (ASSUMED, {"AWS_ENDPOINT_URL_STS": "http://127.0.0.1:1"}),
        ({**ASSUMED, "use_fips_endpoint": "true"}, {}),
        ({**SSO, "sso_session": "gone"}, {}),
        ({"web_identity_token_file": "/nonexistent/token", "role_arn": "{role}"}, {}),
    ],
)
def test_unusual_calls_are_left_to_botocore(
    aws: Aws,
    configure: Callable[..., None],
    monkeypatch: pytest.MonkeyPatch,
    settings: dict[str, str],
    environ: dict[str, str],
) -> None:
    configure(**filled(aws, settings))
    for name, value in environ.items():
        monkeypatch.setenv(name, value)
    assert called(aws.connect) is None
    assert aws.asked == []


def test_renewal_without_time_tells_no_missing_login(
    aws: Aws, home: Path, configure: Callable[..., None]
) -> None:
    configure(**filled(aws, SSO))
    log_in(home, time.time() - 1, **aws.renewable())
    source = KeySource(profile_of(), os.environ, aws.connect, named=True)
    with pytest.raises(CredentialsError) as caught:
        source.load(1)
    assert "cannot be renewed: there is not enough time now" in caught.value.message
    assert caught.value.hint == "Try again"
    assert aws.asked == []


Way = Callable[[Any], AwsKeys | None]


@pytest.mark.parametrize("way", [called, by_botocore])
@pytest.mark.parametrize("more", [Aws.renewable, lambda aws: {}])
def test_login_that_cannot_be_renewed_is_used_until_its_end(
    aws: Aws,
    home: Path,
    configure: Callable[..., None],
    way: Way,
    more: Callable[[Aws], dict[str, str]],
) -> None:
    """Only the holder of the lock uses a refresh token, which serves once."""
    configure(**filled(aws, SSO))
    log_in(home, time.time() + 14 * 60, **more(aws))
    os.mkdir(SsoCache("corp").lock_path)
    assert way(aws.connect) is not None
    assert aws.asked == ["GetRoleCredentials"]
    shutil.rmtree(home / ".aws/cli")
    log_in(home, time.time() - 1, **more(aws))
    with pytest.raises(CredentialsError, match="SSO login"):
        way(aws.connect)
    assert aws.asked == ["GetRoleCredentials"]


@pytest.mark.parametrize("way", [called, by_botocore])
@pytest.mark.parametrize("left", [-1, 14 * 60])
def test_login_is_renewed_for_the_keys_of_its_role(
    aws: Aws, home: Path, configure: Callable[..., None], way: Way, left: float
) -> None:
    configure(**filled(aws, SSO))
    log_in(home, time.time() + left, **aws.renewable())
    assert way(aws.connect) is not None
    assert aws.asked == ["CreateToken", "GetRoleCredentials"]


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({**GUARDED, "external_id": "another"}, "Check the role in the profile"),
        (
            {"role_arn": "{device}", "mfa_serial": "{serial}", "source_profile": "base"},
            "Check the code you entered, the role in the profile",
        ),
    ],
)
def test_refusal_is_reported_after_one_call(
    aws: Aws,
    configure: Callable[..., None],
    monkeypatch: pytest.MonkeyPatch,
    settings: dict[str, str],
    words: str,
) -> None:
    monkeypatch.setattr("getpass.getpass", lambda question: "654321")
    configure(**filled(aws, settings))
    source = KeySource(profile_of(), os.environ, aws.connect, named=True)
    with pytest.raises(CredentialsError, match=r"profile work \(AccessDenied\)") as caught:
        source.load(20, may_ask=True)
    assert words in str(caught.value)
    assert aws.asked == ["AssumeRole"]


WEB = ("AWS_WEB_IDENTITY_TOKEN_FILE", "AWS_ROLE_ARN", "AWS_ROLE_SESSION_NAME")


@pytest.mark.parametrize(
    ("name", "in_profile", "in_variables"),
    [
        (None, (), WEB),
        (None, (), WEB[:2]),
        (None, WEB[:2], ()),
        ("work", WEB, ()),
        (None, WEB, WEB[1:2]),
    ],
)
def test_web_identity_is_called_as_botocore_does(
    aws: Aws,
    home: Path,
    monkeypatch: pytest.MonkeyPatch,
    name: str | None,
    in_profile: tuple[str, ...],
    in_variables: tuple[str, ...],
) -> None:
    (home / "token").write_text("a-web/token+=")
    values = dict(zip(WEB, (str(home / "token"), ROLE, "me"), strict=True))
    settings = {"region": "eu-west-1"}
    settings |= {each.lower().removeprefix("aws_"): values[each] for each in in_profile}
    lines = [f"{each} = {value}" for each, value in settings.items()]
    (home / ".aws/config").write_text("\n".join(["[default]", *lines, "[profile work]", *lines]))
    for each in in_variables:
        monkeypatch.setenv(each, values[each].replace("Reader", "Other"))
    _, answer = Sources().answer("POST", "/", "Action=AssumeRoleWithWebIdentity")
    with Recorder(home, answer.encode()) as peer:
        monkeypatch.setenv("AWS_ENDPOINT_URL_STS", f"https://localhost:{peer.port}")
        connect = Trust(str(peer.ca_file)).connect
        found = called(connect, name)
        theirs = by_botocore(connect, name)
    assert found == theirs
    forms = [parse_qs(request.partition(b"\r\n\r\n")[2].decode()) for request in peer.requests]
    heads = [request.partition(b"\r\n")[0] for request in peer.requests]
    assert heads[0] == heads[1] == b"POST / HTTP/1.1"
    for form in forms:
        if "AWS_ROLE_SESSION_NAME" not in (*in_profile, *in_variables):
            assert form.pop("RoleSessionName")[0].startswith("botocore-session-")
    assert forms[0] == forms[1]
    assert b"uthorization:" not in b"".join(peer.requests)


def test_calls_keep_secrets_out_of_logs(aws: Aws, configure: Callable[..., None]) -> None:
    configure(**filled(aws, GUARDED))
    role = place_of(profile_of(), os.environ, named=True)
    assert isinstance(role, Role)
    assert "an-id" not in repr(role)
    assert aws.key.secret not in repr(role)


GIVEN = {"accessKeyId": "ASIA1", "secretAccessKey": "hidden", "sessionToken": "t"}


@pytest.mark.parametrize(
    "answer",
    [
        {},
        [],
        {"roleCredentials": None},
        {"roleCredentials": GIVEN},
        {"roleCredentials": {**GIVEN, "expiration": "soon"}},
        {"roleCredentials": {**GIVEN, "expiration": 1e300}},
        {"roleCredentials": {**GIVEN, "expiration": 1_000_000_000_000}},
        {"roleCredentials": {**GIVEN, "expiration": 4e12, "accessKeyId": 5}},
        {"roleCredentials": {**GIVEN, "expiration": 4e12, "secretAccessKey": ""}},
    ],
)
def test_malformed_answers_are_left_to_botocore(
    aws: Aws,
    home: Path,
    configure: Callable[..., None],
    monkeypatch: pytest.MonkeyPatch,
    answer: object,
) -> None:
    configure(**filled(aws, SSO))
    with Recorder(home, json.dumps(answer).encode()) as peer:
        monkeypatch.setenv("AWS_ENDPOINT_URL_SSO", f"https://localhost:{peer.port}")
        assert called(Trust(str(peer.ca_file)).connect) is None
    assert len(peer.requests) == 1
    assert not (home / ".aws/cli").exists()
