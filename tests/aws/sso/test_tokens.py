"""The bearer token: where it is found, and the message for each failure."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from connector.aws.sso.tokens import BearerToken, Unusable, parse_time
from connector.files import MAX_BYTES

from ..cloud import CONFIG, write_cache
from .logins import NOW, PROFILE, at, load, refused, tokens

# Places of the token


def test_token_variable_goes_first(
    monkeypatch: pytest.MonkeyPatch, cache_file: Path, tmp_path: Path
) -> None:
    write_cache(cache_file, {"accessToken": "from-cache", "expiresAt": at(3600)})
    given = tmp_path / "token"
    given.write_text("from-file\n")
    assert load().value == "from-cache"
    monkeypatch.setenv("BEARER_TOKEN_LOCATION", str(given))
    assert load().value == "from-file"
    monkeypatch.setenv("AWS_BEARER_TOKEN_CODECATALYST", "from-variable")
    token = load("no-such-profile")
    assert token.value == "from-variable"
    assert token.expires_at is None
    assert "AWS_BEARER_TOKEN_CODECATALYST" in token.remedy


def test_empty_variables_are_ignored(monkeypatch: pytest.MonkeyPatch, cache_file: Path) -> None:
    write_cache(cache_file, {"accessToken": "from-cache", "expiresAt": at(3600)})
    monkeypatch.setenv("BEARER_TOKEN_LOCATION", "")
    monkeypatch.setenv("AWS_BEARER_TOKEN_CODECATALYST", "")
    assert load().value == "from-cache"


def test_token_is_read_from_the_sessions_file(cache_file: Path) -> None:
    write_cache(cache_file, {"accessToken": "from-cache", "expiresAt": at(3600)})
    token = load()
    assert token == BearerToken("from-cache", NOW + 3600, token.remedy, token.origin)
    assert token.origin == "the SSO login of the profile codecatalyst"
    assert token.remedy == "Run `connector login --profile codecatalyst`"
    assert "from-cache" not in repr(token)
    assert not cache_file.with_suffix(".lock").exists()


@pytest.mark.parametrize("variable", ["AWS_PROFILE", "AWS_DEFAULT_PROFILE"])
def test_profile_of_the_environment_is_used(
    variable: str, cache_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_cache(cache_file, {"accessToken": "from-cache", "expiresAt": at(3600)})
    monkeypatch.setenv(variable, PROFILE)
    assert load(None).value == "from-cache"


def test_default_profile_of_a_configured_file_is_used(
    cache_file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_cache(cache_file, {"accessToken": "from-cache", "expiresAt": at(3600)})
    (tmp_path / "config").write_text(CONFIG.replace("profile codecatalyst", "default"))
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "config"))
    token = load(None)
    assert token.value == "from-cache"
    assert token.remedy == "Run `connector login --profile default`"


def test_origin_differs_between_logins_and_holds_no_token(
    monkeypatch: pytest.MonkeyPatch, cache_file: Path
) -> None:
    (cache_file.parents[2] / "config").write_text(CONFIG + "[profile other]\nregion = x\n")
    origins = [tokens(name).origin for name in (PROFILE, "other", "none-such", None)]
    assert origins == [
        "login codecatalyst",
        "profile other",
        "profile none-such",
        "profile default",
    ]
    monkeypatch.setenv("BEARER_TOKEN_LOCATION", "/some/file")
    origins.append(tokens().origin)
    for value in ("token-of-mary", "token-of-bob"):
        monkeypatch.setenv("AWS_BEARER_TOKEN_CODECATALYST", value)
        origins.append(tokens().origin)
        assert value not in origins[-1]
        assert tokens("other").origin == origins[-1]
    assert len(set(origins)) == len(origins)


def test_botocore_finds_the_same_token(
    cache_file: Path, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The file's syntax is botocore's: quoted names, comments, nested settings."""
    config = '[profile "my own"]\n; a comment\ns3 =\n  x = y\nsso_session = codecatalyst\n'
    (home / ".aws/config").write_text(config + CONFIG + '\n[profile "open]\n[other]\na=b\n')
    write_cache(cache_file, {"accessToken": "from-cache", "expiresAt": "2099-01-01T00:00:00Z"})
    ask = (
        "import botocore.session;"
        "print(botocore.session.Session(profile='my own').get_auth_token()"
        ".get_frozen_token().token)"
    )
    theirs = subprocess.run(
        [sys.executable, "-c", ask], capture_output=True, text=True, check=True
    ).stdout.strip()
    assert load("my own").value == theirs == "from-cache"
    assert "--profile 'my own'" in load("my own").remedy


@pytest.mark.parametrize(
    "text",
    [
        "2026-11-22T10:00:00Z",
        "2026-11-22T10:00:00UTC",
        "2026-11-22T10:00:00 UTC",
        "2026-11-22T10:00:00+00:00",
        "2026-11-22T12:00:00+02:00",
        "2026-11-22T10:00:00.000Z",
        "2026-11-22T10:00:00.1Z",
        "2026-11-22T10:00:00.123456789+00:00",
        "2026-11-22t10:00:00z",
        "2026-11-22T10:00:00+0000",
        "2026-11-22T10:00:00-00",
        "2026-11-22 10:00:00",
        "2026-11-22T10:00Z",
        "20261122T100000Z",
        "2026-11-22T10:00:00",
        "Sun, 22 Nov 2026 10:00:00 GMT",
    ],
)
def test_times_of_all_tools_are_parsed(text: str) -> None:
    assert parse_time(text) == 1_795_341_600


@pytest.mark.parametrize(
    "text", ["", "x", "2026-13-22T10:00:00Z", "2026-11-22T10:00:00+99:99x", "1795341600", "NaN"]
)
def test_text_that_is_not_a_time_is_refused(text: str) -> None:
    with pytest.raises(Unusable, match="is not a time"):
        parse_time(text)


# Messages


@pytest.mark.parametrize(
    ("config", "profile", "said"),
    [
        (None, None, "no default profile"),
        (None, PROFILE, "codecatalyst of"),
        (CONFIG, "other", "does not exist"),
        ("[default]\nregion=x\n", None, "has no sso_session"),
        ("[default]\nsso_start_url=https://x\n", None, "sso_start_url instead of sso_session"),
        ("[default]\nsso_session=codecatalyst\n", None, "[sso-session codecatalyst], which"),
        (CONFIG.replace("sso_region", "region"), PROFILE, "lacks sso_region"),
        (CONFIG.replace("sso_start_url", "url"), PROFILE, "lacks sso_start_url"),
        ("sso_session = x\n", None, "cannot be parsed: line 1 is neither"),
        (CONFIG + CONFIG, PROFILE, "cannot be parsed: line 9 repeats a section"),
        ("[default]\na = 1\na = 2\n", None, "line 3 repeats a setting"),
    ],
)
def test_profile_without_a_session_is_reported(
    config: str | None, profile: str | None, said: str, home: Path
) -> None:
    (home / ".aws").mkdir()
    if config is not None:
        (home / ".aws/config").write_text(config)
    message = refused(profile)
    assert said in message
    assert "`connector login" in message or "cannot be parsed" in message


def test_unparsable_line_is_not_quoted(home: Path) -> None:
    """The line may be a key or a token in the wrong place."""
    (home / ".aws").mkdir()
    (home / ".aws/config").write_text("[default]\nregion = x\nwJalrXUtnFEMI\n")
    message = refused(None)
    assert "line 3 is neither a section nor a setting" in message
    assert "wJalr" not in message


def test_directory_as_configuration_file_is_reported(home: Path) -> None:
    (home / ".aws/config").mkdir(parents=True)
    assert "is a directory" in refused()


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (None, "no SSO login"),
        (b"", "is not JSON"),
        (b"{", "is not JSON"),
        (b"[" * 100_000, "is not JSON"),
        (b"\xff\xfe", "is not UTF-8 text"),
        (b"[]", "is not a JSON object"),
        (b" " * (MAX_BYTES + 1), "larger than 8 MiB"),
        (b"{}", "has no valid accessToken"),
        (b'{"accessToken": "secret"}', "has no valid expiresAt"),
        (b'{"accessToken": "secret", "expiresAt": 1}', "has no valid expiresAt"),
        (b'{"accessToken": 1, "expiresAt": "2099-01-01T00:00:00Z"}', "accessToken"),
        (b'{"accessToken": "", "expiresAt": "2099-01-01T00:00:00Z"}', "accessToken"),
        (b'{"accessToken": "secret", "expiresAt": "soon\\u001b"}', "is not a time"),
        (b'{"accessToken": "secret", "expiresAt": "2099-13-01T00:00:00Z"}', "is not a time"),
        (
            b'{"accessToken": "secret\\r\\nX: y", "expiresAt": "2099-01-01T00:00:00Z"}',
            "line breaks",
        ),
        (b'{"accessToken": "secret x", "expiresAt": "2099-01-01T00:00:00Z"}', "blanks"),
        (b'{"accessToken": "secret\\u00e4", "expiresAt": "2099-01-01T00:00:00Z"}', "damaged"),
        (b'{"accessToken": "secret\\ud800", "expiresAt": "2099-01-01T00:00:00Z"}', "damaged"),
        (b'{"accessToken": "secret", "expiresAt": "2000-01-01T00:00:00Z"}', "no clientId"),
    ],
)
def test_token_file_without_a_valid_token_is_reported(
    content: bytes | None, said: str, cache_file: Path
) -> None:
    if content is not None:
        cache_file.write_bytes(content)
    message = refused()
    assert said in message
    assert "connector login --profile codecatalyst" in message


def test_directory_as_token_file_is_reported(cache_file: Path) -> None:
    cache_file.mkdir()
    assert "is a directory" in refused()


def test_unreadable_token_file_is_reported(cache_file: Path) -> None:
    cache_file.symlink_to(cache_file)  # root can read any file, so permissions do not help here
    assert "cannot be read" in refused()


@pytest.mark.parametrize("value", ["two words", "line\n", "tab\t", "\x7f", "é", " "])
def test_variable_with_an_invalid_token_is_reported(
    value: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_BEARER_TOKEN_CODECATALYST", value)
    assert "AWS_BEARER_TOKEN_CODECATALYST is not valid" in refused()


def test_given_token_file_without_a_valid_token_is_reported(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "token"
    monkeypatch.setenv("BEARER_TOKEN_LOCATION", str(path))
    assert "does not exist" in refused()
    path.write_text("")
    assert "the token is empty" in refused()
    path.write_text("two\nlines\n")
    assert "line breaks" in refused()
    path.unlink()
    path.mkdir()
    assert "is a directory" in refused()


def test_cached_token_needs_no_botocore(cache_file: Path) -> None:
    write_cache(cache_file, {"accessToken": "x", "expiresAt": "2099-01-01T00:00:00Z"})
    code = """\
import os, socket, sys
from connector.aws.sdk import ClientFactory
from connector.aws.profile import load_profile
from connector.aws.sso.tokens import BearerTokens, TokenVariables
profile = load_profile("codecatalyst", os.environ)
clients = ClientFactory(profile.name, socket.create_connection)
BearerTokens(profile, os.environ, clients, TokenVariables("A", "B")).load(8)
slow = {"botocore", "boto3", "urllib3", "asyncio", "ssl", "http"} & set(sys.modules)
sys.exit(f"imported: {slow}" if slow else 0)
"""
    subprocess.run([sys.executable, "-c", code], check=True)
