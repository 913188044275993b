"""The sections that a login adds to the AWS configuration file."""

from __future__ import annotations

import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from connector.aws.profile import SsoSession, load_profile, sso_session
from connector.aws.sso.awsconfig import LoginProfile
from connector.errors import ConfigError
from connector.files import file_lock
from connector.targets.codecatalyst.service import LOGIN

ADDED = """\
[profile codecatalyst]
sso_session = codecatalyst

[sso-session codecatalyst]
sso_region = us-east-1
sso_start_url = https://view.awsapps.com/start
sso_registration_scopes = codecatalyst:read_write
"""
IDENTITY_CENTER = ("https://d-1234567890.awsapps.com/start", "eu-west-1")


def add(name: str = "codecatalyst", url: str | None = None, region: str | None = None) -> str:
    return LoginProfile(name, url, region, LOGIN.scope, os.environ).add_missing()


def session(name: str = "codecatalyst") -> SsoSession:
    return sso_session(load_profile(name, os.environ))


@pytest.fixture
def config(home: Path) -> Path:
    (home / ".aws").mkdir()
    return home / ".aws/config"


def test_missing_file_is_created(home: Path) -> None:
    assert add() == ADDED
    config = home / ".aws/config"
    assert config.read_text() == ADDED
    assert session().start_url == "https://view.awsapps.com/start"
    if os.name == "posix":
        assert config.stat().st_mode & 0o777 == 0o600
        assert config.parent.stat().st_mode & 0o777 == 0o700
    assert add() == ""
    assert config.read_text() == ADDED


def test_login_needs_a_file_for_its_profile(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_CONFIG_FILE", "")
    with pytest.raises(ConfigError, match="AWS_CONFIG_FILE is empty, so there is no file for the"):
        add()
    with pytest.raises(ConfigError, match="of the empty AWS_CONFIG_FILE does not exist"):
        session()


def test_botocore_reads_the_added_lines_as_we_do(home: Path) -> None:
    add("mine", *IDENTITY_CENTER)
    ask = (
        "import botocore.session; c = botocore.session.Session(profile='mine').full_config;"
        "s = c['sso_sessions'][c['profiles']['mine']['sso_session']];"
        "print(s['sso_start_url'], s['sso_region'], s['sso_registration_scopes'])"
    )
    done = subprocess.run([sys.executable, "-c", ask], capture_output=True, text=True, check=True)
    assert done.stdout.split() == [*IDENTITY_CENTER, "codecatalyst:read_write"]
    assert session("mine") == SsoSession("mine", *IDENTITY_CENTER, ("codecatalyst:read_write",))


@pytest.mark.parametrize(
    ("old", "between"),
    [
        (b"", b""),
        (b"\n", b""),
        (b"# mine\n[default]\nregion = x ; y\n\n\n", b"\n"),
        (b"[default]\nregion = x", b"\n\n"),
        (b"[default]\ns3 =\n  a = b", b"\n\n"),
        (b"[default]\r\nregion = x\r\n", b"\r\n"),
        (b"[default]\r\nregion = x", b"\r\n\r\n"),
    ],
)
def test_old_content_is_unchanged(old: bytes, between: bytes, config: Path) -> None:
    config.write_bytes(old)
    add()
    new = config.read_bytes()
    lines = ADDED.encode().replace(b"\n", b"\r\n") if b"\r\n" in old else ADDED.encode()
    assert new == old + between + lines
    assert session().name == "codecatalyst"


def test_only_missing_sections_are_added(config: Path) -> None:
    profile, _, sso = ADDED.partition("\n\n")
    config.write_text(f"{profile}\n")
    assert add() == sso
    config.write_text(sso)
    assert add() == f"{profile}\n"
    config.write_text("[profile codecatalyst]\nsso_session = other\n")
    assert add().startswith("[sso-session other]\n")


def test_default_profile_has_a_header_without_kind(config: Path) -> None:
    assert add("default").startswith("[default]\nsso_session = default\n")
    assert session("default").region == "us-east-1"


@pytest.mark.skipif(os.name != "posix", reason="modes and symlinks of POSIX")
def test_symlink_and_mode_are_kept(config: Path, tmp_path: Path) -> None:
    kept = tmp_path / "dotfiles"
    kept.write_text("[default]\n")
    kept.chmod(0o640)
    if os.geteuid() == 0:  # with sudo, the owner is kept
        os.chown(kept, 1234, 1234)
    before = kept.stat()
    config.symlink_to(kept)
    add()
    assert config.is_symlink()
    assert kept.read_text() == f"[default]\n\n{ADDED}"
    after = kept.stat()
    assert (after.st_mode, after.st_uid, after.st_gid) == (
        before.st_mode,
        before.st_uid,
        before.st_gid,
    )
    assert sorted(os.listdir(tmp_path)) == ["dotfiles", "dotfiles.lock", "home"]


@pytest.mark.parametrize(
    ("old", "said"),
    [
        (b"no section\n", "cannot be parsed"),
        (b"[default]\nregion\n", "cannot be parsed"),
        (ADDED.encode() * 2, "repeats a section"),
        (b"[default]\na = \xe9\n", "is not UTF-8 text"),
        (b"[profile codecatalyst]\nregion = x\n", "has no sso_session"),
        (b"[profile codecatalyst]\nsso_session = \n", "has no sso_session"),
        (b"[profile codecatalyst]\nsso_session = a]b\n", "cannot be written to the file"),
    ],
)
def test_file_that_cannot_be_extended_is_unchanged(old: bytes, said: str, config: Path) -> None:
    config.write_bytes(old)
    with pytest.raises(ConfigError) as caught:
        add()
    assert said in str(caught.value)
    assert config.read_bytes() == old
    assert os.listdir(config.parent) == ["config"]


@pytest.mark.parametrize("name", ["a]b", "my own", 'a"b', "a\nb", "a#b", ""])
def test_name_that_needs_quotes_is_refused(name: str, home: Path) -> None:
    with pytest.raises(ConfigError, match="cannot be written to the file"):
        add(name or " ")
    assert not (home / ".aws").exists()


@pytest.mark.parametrize(
    ("url", "region", "said"),
    [
        ("https://x.awsapps.com/start", None, "go together"),
        (None, "us-east-1", "go together"),
        ("http://x.awsapps.com/start", "us-east-1", "is not an https:// URL"),
        ("https://x/start\n[default]", "us-east-1", "is not an https:// URL"),
        ("https://x/start", "us-east-1\n", "is not the name of a region"),
        ("https://x/start", "mars", "is not the name of a region"),
    ],
)
def test_wrong_options_are_refused(
    url: str | None, region: str | None, said: str, home: Path
) -> None:
    with pytest.raises(ConfigError) as caught:
        add("codecatalyst", url, region)
    assert said in str(caught.value)
    assert not (home / ".aws").exists()


def test_session_with_another_start_url_is_refused(config: Path) -> None:
    config.write_text(ADDED)
    with pytest.raises(ConfigError, match="another Identity Center"):
        add("codecatalyst", *IDENTITY_CENTER)
    assert config.read_text() == ADDED
    assert add("codecatalyst", "https://view.awsapps.com/start", "us-east-1") == ""


def test_concurrent_logins_add_the_lines_once(config: Path) -> None:
    config.write_text("[default]\n")
    with ThreadPoolExecutor(8) as pool:
        added = list(pool.map(lambda _: add(), range(8)))
    assert sorted(filter(None, added)) == [ADDED]
    assert config.read_text() == f"[default]\n\n{ADDED}"


def test_held_lock_is_an_error(config: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("connector.aws.sso.awsconfig._LOCK_TIMEOUT", 0.1)
    with (
        file_lock(config.with_name("config.lock"), 1),
        pytest.raises(ConfigError, match="another process holds it"),
    ):
        add()
    assert not config.exists()


@pytest.mark.skipif(os.name != "posix", reason="devices of POSIX")
def test_path_that_is_not_a_regular_file_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    null = tmp_path / "null"
    null.symlink_to("/dev/null")
    monkeypatch.setenv("AWS_CONFIG_FILE", str(null))
    with pytest.raises(ConfigError, match="not a regular file"):
        add()


def test_file_with_a_byte_order_mark_is_refused_before_it_is_written(config: Path) -> None:
    content = b"\xef\xbb\xbf[profile codecatalyst]\nsso_session = codecatalyst\n"
    config.write_bytes(content)
    with pytest.raises(ConfigError, match="byte-order mark"):
        add("another")
    assert config.read_bytes() == content
    assert os.listdir(config.parent) == ["config"]


@pytest.mark.parametrize(
    "url",
    [
        "https://d-9067000000.awsapps.com/start",
        "https://d-9067000000.awsapps.com/start/",
        "https://d-9067000000.awsapps.com/start#/",
        "https://D-9067000000.AwsApps.com/start/#",
        "https://d-9067000000.awsapps.com:443/start/#/",
    ],
)
def test_spellings_of_a_start_url_are_equal(config: Path, url: str) -> None:
    config.write_text(
        "[profile acme]\nsso_session = acme\n[sso-session acme]\n"
        "sso_start_url = https://d-9067000000.awsapps.com/start/#\nsso_region = us-east-1\n"
        "sso_registration_scopes = codecatalyst:read_write\n"
    )
    assert add("acme", url, "us-east-1") == ""


@pytest.mark.parametrize(
    "url",
    [
        "https://d-9067000001.awsapps.com/start",
        "https://d-9067000000.awsapps.com/other",
        "https://d-9067000000.awsapps.com:444/start",
        "https://d-9067000000.awsapps.com/Start",
    ],
)
def test_different_start_urls_are_not_equal(config: Path, url: str) -> None:
    add("acme", "https://d-9067000000.awsapps.com/start", "us-east-1")
    with pytest.raises(ConfigError, match="another Identity Center"):
        add("acme", url, "us-east-1")
