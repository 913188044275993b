"""Which profile, endpoint and names the command line and the library use."""

from __future__ import annotations

import os
import threading
from pathlib import Path
from typing import cast

import pytest

from connector.aws.light import LightApi
from connector.errors import CredentialsError, NoLogin
from connector.targets.codecatalyst.calls import state_of
from connector.targets.codecatalyst.finder import Finder
from connector.targets.codecatalyst.hosts import EnvironmentName
from connector.targets.codecatalyst.listing import EnvironmentSummary, Listing
from connector.targets.codecatalyst.service import open_service
from connector.targets.model import SSH_SESSION, Query, StartSettings
from connector.targets.registry import kind_of
from connector.targets.source import open_source

SESSION = "[sso-session {0}]\nsso_region = us-east-1\nsso_start_url = https://x.test/start\n"
LOGIN = "[profile codecatalyst]\nsso_session = codecatalyst\n" + SESSION.format("codecatalyst")
DEFAULT = "[default]\nsso_session = mine\n" + SESSION.format("mine")


def find(name: str) -> Finder:
    query = Query(name)
    return cast("Finder", kind_of(query).open_finder(query, os.environ))


@pytest.fixture
def environ(tmp_path: Path) -> dict[str, str]:
    return {"AWS_CONFIG_FILE": str(tmp_path / "config"), "XDG_CACHE_HOME": str(tmp_path / "cache")}


@pytest.mark.parametrize(
    ("config", "name", "expected"),
    [
        (LOGIN, None, "codecatalyst"),
        ("[default]\nregion = eu-west-1\n" + LOGIN, None, "codecatalyst"),
        (DEFAULT + LOGIN, None, None),
        (DEFAULT, None, None),
        (LOGIN + "[profile other]\nregion = x\n", "other", "other"),
    ],
)
def test_login_profile_stands_in_for_a_default_without_login(
    tmp_path: Path, environ: dict[str, str], config: str, name: str | None, expected: str | None
) -> None:
    (tmp_path / "config").write_text(config)
    service = open_service(name, None, environ)
    assert service.profile == expected


@pytest.mark.skipif(os.name != "posix", reason="a named pipe")
def test_configuration_is_read_once(environ: dict[str, str]) -> None:
    path = Path(environ["AWS_CONFIG_FILE"])
    os.mkfifo(path)  # it gives what it has to its first reader only
    writing = threading.Thread(target=path.write_text, args=(LOGIN,), daemon=True)
    writing.start()
    assert open_service(None, None, environ).profile == "codecatalyst"
    writing.join()


def test_token_of_a_variable_needs_no_profile(tmp_path: Path, environ: dict[str, str]) -> None:
    (tmp_path / "config").write_text(LOGIN)
    environ["AWS_BEARER_TOKEN_CODECATALYST"] = "a-token"
    service = open_service(None, None, environ)
    assert service.profile is None
    assert service.tokens.load().value == "a-token"


def test_api_and_stream_share_one_tls_context(
    monkeypatch: pytest.MonkeyPatch, environ: dict[str, str]
) -> None:
    for variable, value in environ.items():
        monkeypatch.setenv(variable, value)
    finder = find("codecatalyst-dev-env=MySpace=MyProject=01234567-89ab-cdef-0123-456789abcdef")
    start = StartSettings(timeout=1.0)
    _, settings = open_source(finder, SSH_SESSION, start, ping_interval=20.0, payload_size=1024)
    assert settings.trust.context is finder.service.settings.trust.context


def test_missing_login_is_reported_with_its_remedy(environ: dict[str, str]) -> None:
    with pytest.raises(CredentialsError, match=r"Run `connector login`$"):
        open_service(None, None, environ).tokens.load()


@pytest.mark.parametrize(
    ("name", "end"),
    [
        ("web", r"`connector login`\. Names of other .* end in \.codebuild, .* or \.ssm"),
        ("web.ec3", r"Names of other targets than Dev Environments end in .*"),
        ("i-0123abcd9", r"If i-0123abcd9 is a part of an id of EC2, write i-0123abcd9\.ec2"),
        ("I-0123", r"write I-0123\.ec2"),
        ("i-love-cats", r"end in .*"),
        ("web.codecatalyst", r"Run `connector login`"),
    ],
)
def test_user_without_a_login_reads_how_other_kinds_are_named(
    monkeypatch: pytest.MonkeyPatch, environ: dict[str, str], name: str, end: str
) -> None:
    for variable, value in environ.items():
        monkeypatch.setenv(variable, value)
    with pytest.raises(NoLogin, match=rf"{end}$"):
        find(name).find()


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ((None, None), ("codecatalyst", None), True),
        ((None, None), ("default", None), False),
        ((None, None), (None, "https://other.test"), False),
    ],
)
def test_names_are_cached_by_login_and_endpoint(
    tmp_path: Path,
    environ: dict[str, str],
    one: tuple[str | None, str | None],
    other: tuple[str | None, str | None],
    same: bool,
) -> None:
    (tmp_path / "config").write_text(LOGIN)
    open_service(*one, environ).names.note([])
    assert (open_service(*other, environ).names.recall() is not None) is same


@pytest.mark.parametrize("remembered", [True, False])
def test_control_characters_of_an_alias_reach_no_message(
    monkeypatch: pytest.MonkeyPatch, environ: dict[str, str], remembered: bool
) -> None:
    for variable, value in environ.items():
        monkeypatch.setenv(variable, value)
    id = "01234567-89ab-cdef-0123-456789abcdef"
    listing = Listing(
        [
            EnvironmentSummary(
                EnvironmentName("S-1", "P-1", id, "caf\u00e9\n\x1b[2J. x"), state_of("STOPPED")
            )
        ],
        [],
    )
    monkeypatch.setattr(Finder, "_list", lambda _: listing)
    finder = find(id)
    if remembered:
        finder.service.names.note(listing.names)
    assert str(finder.find()) == f"Dev Environment caf\u00e9 [2J. x ({id}) of S-1/P-1"


def test_settings_for_botocore_alone_select_botocore(
    tmp_path: Path, environ: dict[str, str]
) -> None:
    (tmp_path / "config").write_text(LOGIN + "[profile fips]\nuse_fips_endpoint = true\n")
    assert isinstance(open_service(None, None, environ).api, LightApi)
    fips = open_service("fips", None, environ)
    assert not isinstance(fips.api, LightApi)
    fips.names.note([])
    assert open_service(None, None, environ).names.recall() is None
