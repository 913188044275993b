"""The quick path to keys returns what botocore returns, or leaves the case to botocore."""

from __future__ import annotations

import json
import os
import time
from pathlib import Path
from typing import Any
from unittest.mock import patch

import botocore.session
import pytest
from botocore.credentials import create_credential_resolver
from botocore.exceptions import PartialCredentialsError
from botocore.utils import JSONFileCache
from hypothesis import example, given, settings
from hypothesis import strategies as st

from connector.aws.keys.clicache import CliCache
from connector.aws.keys.program import keys_of_program
from connector.aws.keys.programwait import ProgramWait
from connector.aws.keys.quick import program_of, quick_keys
from connector.aws.keys.source import AwsKeys
from connector.aws.profile import load_profile, with_credentials
from connector.errors import CredentialsError

from .sources import ROLE, iso

Sections = dict[str, dict[str, str]]

ENTRY = {"AccessKeyId": "ASIAC", "SecretAccessKey": "hidden-c", "SessionToken": "token-c"}
CACHED = AwsKeys("ASIAC", "hidden-c", "token-c")
FILE = {"aws_access_key_id": "AKIDF", "aws_secret_access_key": "hidden-f"}


def _write(home: Path, config: Sections, credentials: Sections) -> None:
    (home / ".aws").mkdir(exist_ok=True)
    for name, sections in (("config", config), ("credentials", credentials)):
        lines = []
        for header, values in sections.items():
            lines += [f"[{header}]", *(f"{key} = {value}" for key, value in values.items())]
        (home / ".aws" / name).write_text("\n".join(lines) + "\n")


def _quick(name: str | None, environ: dict[str, str], now: float | None = None) -> AwsKeys | None:
    profile = with_credentials(load_profile(name, environ), environ)
    return quick_keys(
        profile, environ, named=name is not None, now=time.time() if now is None else now
    )


def _botocore(name: str | None, environ: dict[str, str], home: Path) -> AwsKeys | None:
    """Return the keys that botocore finds with the cache of the AWS CLI."""
    with patch.dict(os.environ, environ, AWS_EC2_METADATA_DISABLED="true"):
        session = botocore.session.Session(profile=name)
        cache: Any = JSONFileCache(str(home / ".aws/cli/cache"))
        credentials = create_credential_resolver(session, cache).load_credentials()
        if credentials is None:
            return None
        frozen = credentials.get_frozen_credentials()
    return AwsKeys(str(frozen.access_key), str(frozen.secret_key), frozen.token or None)


@pytest.fixture(scope="module")
def one_home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("quick")


def _fill_cache(home: Path, end: float) -> None:
    """Let botocore's own fetchers name the files of the roles below."""
    directory = home / ".aws/cli/cache"
    directory.mkdir(parents=True, exist_ok=True)
    entry = json.dumps({"Credentials": {**ENTRY, "Expiration": iso(end)}})
    for name in KEYS_OF_ROLES:
        (directory / f"{name}.json").write_text(entry)


def _keys_of_roles() -> set[str]:
    """Return the keys of all roles that the settings below can name, made by botocore."""
    from itertools import product

    from botocore.credentials import AssumeRoleCredentialFetcher, SSOCredentialFetcher

    found = set()
    for mfa, external, session, duration in product(*([False, True] for _ in range(4))):
        extra: dict[str, Any] = {}
        extra |= {"SerialNumber": "arn:aws:iam::1:mfa/m"} if mfa else {}
        extra |= {"ExternalId": "an id"} if external else {}
        extra |= {"RoleSessionName": "me"} if session else {}
        extra |= {"DurationSeconds": 7200} if duration else {}
        nothing: Any = None
        role: Any = AssumeRoleCredentialFetcher(nothing, nothing, ROLE, extra)
        found.add(role._create_cache_key())
    for sso_session in (None, "corp"):
        sso: Any = SSOCredentialFetcher(
            "https://x.awsapps.com/start", "us-east-1", "Role", "123456789012", nothing,
            sso_session_name=sso_session,
        )  # fmt: skip
        found.add(sso._create_cache_key())
    return found


KEYS_OF_ROLES = _keys_of_roles()

VALUES = {
    "aws_access_key_id": ["AKIDF", ""],
    "aws_secret_access_key": ["hidden-f", ""],
    "aws_session_token": ["token-f", ""],
    "aws_security_token": ["old-token-f"],
    "role_arn": [ROLE],
    "source_profile": ["base", "work", "nosuch"],
    "credential_source": ["Environment"],
    "mfa_serial": ["arn:aws:iam::1:mfa/m"],
    "external_id": ["an id"],
    "role_session_name": ["me", ""],
    "web_identity_token_file": ["/token", ""],
    "duration_seconds": ["7200", "an hour"],
    "sso_session": ["corp", "gone"],
    "sso_role_name": ["Role"],
    "sso_account_id": ["123456789012"],
    "sso_start_url": ["https://x.awsapps.com/start", "https://other"],
    "sso_region": ["us-east-1", "eu-west-1"],
    "region": ["eu-west-1"],
}


def _sections(names: list[str]) -> st.SearchStrategy[dict[str, str]]:
    return st.fixed_dictionaries(
        {}, optional={name: st.sampled_from(VALUES[name]) for name in names}
    )


KEYS = ["aws_access_key_id", "aws_secret_access_key", "aws_session_token", "aws_security_token"]
ROLES = [
    name
    for name in VALUES
    if name.startswith(("role", "source", "cred", "mfa", "ext", "dur", "web"))
]
SSO = [name for name in VALUES if name.startswith("sso")]
ENVIRON = st.fixed_dictionaries(
    {},
    optional={
        "AWS_ACCESS_KEY_ID": st.sampled_from(["AKIDE", ""]),
        "AWS_SECRET_ACCESS_KEY": st.sampled_from(["hidden-e", ""]),
        "AWS_SESSION_TOKEN": st.sampled_from(["token-e", ""]),
        "AWS_SECURITY_TOKEN": st.just("old-token-e"),
        "AWS_PROFILE": st.sampled_from(["work", "nosuch"]),
        "AWS_WEB_IDENTITY_TOKEN_FILE": st.sampled_from(["/token", ""]),
        "AWS_ROLE_ARN": st.sampled_from([ROLE, ""]),
        "AWS_ROLE_SESSION_NAME": st.sampled_from(["me", ""]),
    },
)


@settings(max_examples=200)
@example("work", FILE, {"aws_session_token": "token-f"}, FILE, {})
@given(
    name=st.sampled_from([None, "work"]),
    config=st.one_of(_sections(KEYS), _sections([*ROLES, *KEYS]), _sections([*SSO, *KEYS])),
    credentials=st.none() | _sections(KEYS),
    base=st.just(FILE) | _sections([*SSO, *KEYS]),
    environ=ENVIRON,
)
def test_quick_keys_equal_botocores(
    one_home: Path,
    name: str | None,
    config: dict[str, str],
    credentials: dict[str, str] | None,
    base: dict[str, str],
    environ: dict[str, str],
) -> None:
    sso = {"sso_start_url": "https://x.awsapps.com/start", "sso_region": "us-east-1"}
    sections = {"profile work": config, "profile base": base, "sso-session corp": sso}
    with patch.dict(os.environ, HOME=str(one_home)):
        _fill_cache(one_home, time.time() + 3600)
        _write(one_home, sections, {} if credentials is None else {"work": credentials})
        try:
            found = _quick(name, environ)
        except CredentialsError:
            with pytest.raises(PartialCredentialsError):
                _unless_empty(_botocore(name, environ, one_home))
            return
        if found is not None:
            assert found._replace(expires_at=None) == _botocore(name, environ, one_home)


def _unless_empty(keys: AwsKeys | None) -> None:
    """Treat an empty key as one that is missing. botocore signs with it, and AWS refuses that."""
    if keys is not None and not (keys.access_key_id and keys.secret_key):
        raise PartialCredentialsError(provider="a file", cred_var="an empty key")


@pytest.mark.parametrize(
    ("name", "config", "credentials", "environ", "keys"),
    [
        (
            *(None, {}, {}, {"AWS_ACCESS_KEY_ID": "AKIDE", "AWS_SECRET_ACCESS_KEY": "hidden-e"}),
            AwsKeys("AKIDE", "hidden-e"),
        ),
        ("work", {"profile work": FILE}, {}, {}, AwsKeys("AKIDF", "hidden-f")),
        (None, {}, {"default": FILE}, {}, AwsKeys("AKIDF", "hidden-f")),
        (None, {}, {"work": FILE}, {"AWS_PROFILE": "work"}, AwsKeys("AKIDF", "hidden-f")),
        (
            *("work", {"profile work": {"role_arn": ROLE, "source_profile": "base"}}),
            *({"base": FILE}, {}, CACHED),
        ),
        (
            "work",
            {
                "profile work": {
                    "role_arn": ROLE,
                    "source_profile": "base",
                    "duration_seconds": "7200",
                    "mfa_serial": "arn:aws:iam::1:mfa/m",
                    "external_id": "an id",
                }
            },
            *({"base": FILE}, {}, CACHED),
        ),
        (
            "work",
            {
                "profile work": {
                    "sso_session": "corp",
                    "sso_role_name": "Role",
                    "sso_account_id": "123456789012",
                },
                "sso-session corp": {
                    "sso_start_url": "https://x.awsapps.com/start",
                    "sso_region": "us-east-1",
                },
            },
            *({}, {}, CACHED),
        ),
        (
            *("work", {"profile work": {"role_arn": ROLE, "web_identity_token_file": "/token"}}),
            *({}, {}, CACHED),
        ),
        (
            *(None, {}, {"default": FILE}),
            {"AWS_ROLE_ARN": ROLE, "AWS_WEB_IDENTITY_TOKEN_FILE": "/token"},
            CACHED,
        ),
    ],
)
def test_plain_cases_are_judged_without_botocore(
    home: Path,
    name: str | None,
    config: Sections,
    credentials: Sections,
    environ: dict[str, str],
    keys: AwsKeys,
) -> None:
    _fill_cache(home, time.time() + 3600)
    _write(home, config, credentials)
    found = _quick(name, environ)
    assert found is not None
    assert found._replace(expires_at=None) == keys == _botocore(name, environ, home)


@pytest.mark.parametrize("settings_of", [
    {"credential_process": "true"},
    {"login_session": "arn:aws:iam::1:user/mary"},
    {"web_identity_token_file": "/token"},
    {"web_identity_token_file": "", "role_arn": ROLE},
    {"role_arn": ROLE},
    {"role_arn": ROLE, "source_profile": "nosuch"},
    {"role_arn": ROLE, "source_profile": "work", "credential_source": "Environment"},
    {"sso_role_name": "Role"},
    {},
])  # fmt: skip
def test_other_cases_are_left_to_botocore(home: Path, settings_of: dict[str, str]) -> None:
    _fill_cache(home, time.time() + 3600)
    _write(home, {"profile work": {**settings_of}}, {})
    assert _quick("work", {}) is None


@pytest.mark.parametrize(
    ("config", "credentials", "environ", "runs"),
    [
        ({}, {}, {}, True),
        (FILE, {}, {}, True),
        ({}, FILE, {}, False),
        ({"sso_role_name": "Role"}, {}, {}, False),
        ({"role_arn": ROLE}, {}, {}, False),
        ({"login_session": "arn:aws:iam::1:user/mary"}, {}, {}, False),
        ({}, {}, {"AWS_WEB_IDENTITY_TOKEN_FILE": "/token"}, False),
    ],
)
def test_program_runs_where_botocore_would_run_it(
    home: Path,
    config: dict[str, str],
    credentials: dict[str, str],
    environ: dict[str, str],
    runs: bool,
) -> None:
    program = home / "keys.json"
    program.write_text('{"Version": 1, "AccessKeyId": "AKIDP", "SecretAccessKey": "hidden-p"}')
    command = f"cat '{program}'"
    sections = {"profile work": {"credential_process": command, **config}}
    _write(home, sections, {"work": credentials})
    profile = with_credentials(load_profile("work", environ), environ)
    found = program_of(profile, environ, named=True)
    assert found == (command if runs else None)
    if runs:
        keys = keys_of_program(command, "work", 0, ProgramWait())
        assert keys == _botocore("work", environ, home) == AwsKeys("AKIDP", "hidden-p")


def test_variable_of_a_web_identity_leaves_files_to_botocore(home: Path) -> None:
    _write(home, {"profile work": FILE}, {})
    assert _quick("work", {"AWS_WEB_IDENTITY_TOKEN_FILE": "/token"}) is None


@pytest.mark.parametrize(("left", "taken"), [(3600, True), (901, True), (899, False), (-1, False)])
def test_cached_role_is_used_until_15_minutes_before_its_end(
    home: Path, left: float, taken: bool
) -> None:
    now = 1_790_000_000.0
    _fill_cache(home, now + left)
    _write(home, {"profile work": {"role_arn": ROLE, "source_profile": "b"}}, {"b": FILE})
    found = _quick("work", {}, now)
    assert (found is not None) == taken
    if found:
        assert found.expires_at == now + left


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"{",
        b"[]",
        b"\xff",
        b'{"Credentials": null}',
        b'{"Credentials": {"AccessKeyId": "A", "SecretAccessKey": "s", "SessionToken": "t"}}',
        json.dumps({"Credentials": {**ENTRY, "Expiration": "soon"}}).encode(),
        json.dumps({"Credentials": {**ENTRY, "Expiration": 5}}).encode(),
        json.dumps({"Credentials": {**ENTRY, "SecretAccessKey": ""}}).encode(),
    ],
)
def test_damaged_cache_file_is_left_to_botocore(home: Path, content: bytes) -> None:
    _fill_cache(home, time.time() + 3600)
    for file in (home / ".aws/cli/cache").iterdir():
        file.write_bytes(content)
    _write(home, {"profile work": {"role_arn": ROLE, "source_profile": "b"}}, {"b": FILE})
    assert _quick("work", {}) is None


@pytest.mark.parametrize(
    "form", ["%Y-%m-%dT%H:%M:%SZ", "%Y-%m-%dT%H:%M:%SUTC", "%Y-%m-%dT%H:%M:%S+00:00"]
)
def test_time_of_any_tool_is_read(home: Path, form: str) -> None:
    now = 1_790_000_000.0
    _fill_cache(home, 0)
    end = time.strftime(form, time.gmtime(now + 3600))
    for file in (home / ".aws/cli/cache").iterdir():
        file.write_text(json.dumps({"Credentials": {**ENTRY, "Expiration": end}}))
    _write(home, {"profile work": {"role_arn": ROLE, "source_profile": "b"}}, {"b": FILE})
    found = _quick("work", {}, now)
    assert found is not None
    assert found.expires_at == now + 3600


def test_expired_variables_are_refused() -> None:
    environ = {
        "AWS_ACCESS_KEY_ID": "AKIDE",
        "AWS_SECRET_ACCESS_KEY": "hidden-e",
        "AWS_CREDENTIAL_EXPIRATION": "2026-11-29T20:00:00Z",
    }
    with pytest.raises(CredentialsError, match="variables have expired"):
        _quick(None, environ, 1_895_000_000.0)
    found = _quick(None, environ, 1_790_000_000.0)
    assert found is not None
    assert found.expires_at is not None
    assert iso(found.expires_at) == environ["AWS_CREDENTIAL_EXPIRATION"]


def test_cache_that_cannot_be_written_is_no_error(home: Path) -> None:
    (home / ".aws").mkdir()
    (home / ".aws/cli").write_text("a file")
    cache = CliCache()
    cache["key"] = {"Credentials": {**ENTRY, "Expiration": iso(time.time())}}
    assert "key" not in cache


def test_cache_files_are_private(home: Path) -> None:
    cache = CliCache()
    cache["key"] = {"Credentials": {**ENTRY, "Expiration": iso(time.time())}}
    file = home / ".aws/cli/cache/key.json"
    assert file.stat().st_mode & 0o777 == 0o600
    assert cache["key"]["Credentials"]["AccessKeyId"] == "ASIAC"
    assert "key" not in CliCache(reads=False)
    with pytest.raises(KeyError):
        cache["other"]
