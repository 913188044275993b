"""The quick path to keys returns what botocore returns, or leaves the case to botocore."""

from __future__ import annotations

import json
import time
from pathlib import Path

import pytest

from connector.aws.keys.clicache import CliCache
from connector.aws.keys.source import AwsKeys
from connector.errors import CredentialsError

from .chains import without_botocore
from .derived import by_botocore, connect
from .rolecache import CACHED, ENTRY, Sections, cache_of, fill_cache, write_files
from .signin import SESSION, write_login
from .sources import ROLE, iso

SSO = {"sso_session": "corp", "sso_role_name": "Role", "sso_account_id": "123456789012"}
FILE = {"aws_access_key_id": "AKIDF", "aws_secret_access_key": "hidden-f"}


def _quick(name: str | None, environ: dict[str, str], now: float | None = None) -> AwsKeys | None:
    return without_botocore(name, environ, connect, now=time.time if now is None else lambda: now)


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
                "profile work": SSO,
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
    fill_cache(home, time.time() + 3600)
    write_files(home, config, credentials)
    found = _quick(name, environ)
    assert found is not None
    assert found._replace(expires_at=None) == keys == by_botocore(name, environ, cache_of(home))


@pytest.mark.parametrize("settings_of", [
    {"web_identity_token_file": "/token"},
    {"web_identity_token_file": "", "role_arn": ROLE},
    {"role_arn": ROLE},
    {"role_arn": ROLE, "source_profile": "nosuch"},
    {"role_arn": ROLE, "source_profile": "work", "credential_source": "Environment"},
    {"role_arn": ROLE, "credential_source": "Ec2InstanceMetadata", "imds_use_ipv6": "true"},
    {"sso_role_name": "Role"},
    {**SSO, "sso_region": "us-east-1"},
    {},
])  # fmt: skip
def test_other_cases_are_left_to_botocore(home: Path, settings_of: dict[str, str]) -> None:
    fill_cache(home, time.time() + 3600)
    half = {"sso_start_url": "https://x.awsapps.com/start"}
    write_files(home, {"profile work": {**settings_of}, "sso-session corp": half}, {})
    assert _quick("work", {}) is None


def test_chain_of_roles_beyond_any_use_is_left_to_botocore(home: Path) -> None:
    profiles: Sections = {
        f"profile role-{number}": {"role_arn": ROLE, "source_profile": f"role-{number + 1}"}
        for number in range(400)
    }
    write_files(home, {**profiles, "profile role-400": FILE}, {})
    fill_cache(home, time.time() + 3600)
    assert _quick("role-0", {}) is None
    assert _quick("role-390", {}) is not None


@pytest.mark.parametrize(
    ("config", "credentials", "environ", "runs"),
    [
        ({}, {}, {}, True),
        (FILE, {}, {}, True),
        ({}, FILE, {}, False),
        ({"sso_role_name": "Role"}, {}, {}, False),
        ({"role_arn": ROLE}, {}, {}, False),
        ({"login_session": SESSION}, {}, {}, False),
        ({}, {"aws_secret_access_key": "hidden"}, {}, True),
        ({}, {}, {"AWS_WEB_IDENTITY_TOKEN_FILE": "/token"}, True),
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
    sections = {"profile work": {"credential_process": f"cat '{program}'", **config}}
    write_files(home, sections, {"work": credentials})
    write_login(home, time.time() + 900)
    found = _quick("work", environ)
    keys = AwsKeys("AKIDP", "hidden-p")
    assert (found == keys) == runs
    if runs:
        assert by_botocore("work", environ, cache_of(home)) == keys


@pytest.mark.parametrize(("left", "taken"), [(3600, True), (901, True), (899, False), (-1, False)])
def test_cached_role_is_used_until_15_minutes_before_its_end(
    home: Path, left: float, taken: bool
) -> None:
    now = 1_790_000_000.0
    fill_cache(home, now + left)
    write_files(home, {"profile work": {"role_arn": ROLE, "source_profile": "b"}}, {"b": FILE})
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
    fill_cache(home, time.time() + 3600)
    for file in (home / ".aws/cli/cache").iterdir():
        file.write_bytes(content)
    write_files(home, {"profile work": {"role_arn": ROLE, "source_profile": "b"}}, {"b": FILE})
    assert _quick("work", {}) is None


@pytest.mark.parametrize(
    "form", ["%Y-%m-%dT%H:%M:%SZ", "%Y-%m-%dT%H:%M:%SUTC", "%Y-%m-%dT%H:%M:%S+00:00"]
)
def test_time_of_any_tool_is_read(home: Path, form: str) -> None:
    now = 1_790_000_000.0
    fill_cache(home, 0)
    end = time.strftime(form, time.gmtime(now + 3600))
    for file in (home / ".aws/cli/cache").iterdir():
        file.write_text(json.dumps({"Credentials": {**ENTRY, "Expiration": end}}))
    write_files(home, {"profile work": {"role_arn": ROLE, "source_profile": "b"}}, {"b": FILE})
    found = _quick("work", {}, now)
    assert found is not None
    assert found.expires_at == now + 3600


def test_keys_that_break_headers_sign_no_call_for_a_role(home: Path) -> None:
    broken = {
        "Version": 1,
        "AccessKeyId": "AKIDP",
        "SecretAccessKey": "s",
        "SessionToken": "t\r\nX: y",
    }
    (home / "keys.json").write_text(json.dumps(broken))
    source = {"credential_process": f"cat {home / 'keys.json'}"}
    role = {"role_arn": ROLE, "source_profile": "base", "region": "eu-west-1"}
    write_files(home, {"profile work": role, "profile base": source}, {})
    with pytest.raises(CredentialsError, match="for the role of the profile work have a blank"):
        _quick("work", {})


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
