"""Endpoints, profiles and CA bundles, and what botocore must not look for."""

from __future__ import annotations

import argparse
import os
import re
from collections.abc import Mapping
from pathlib import Path

import botocore.configloader
import botocore.exceptions
import pytest

from connector.aws.endpoint import endpoint_is_overridden, given_endpoint, light_endpoint
from connector.aws.profile import load_profile
from connector.aws.sdk import ClientFactory
from connector.aws.trust import ca_bundle
from connector.cli import proxy
from connector.cli.settings import settle
from connector.errors import ConfigError
from connector.sessions import SessionSource
from connector.targets.codecatalyst.api import ENDPOINT
from connector.targets.codecatalyst.hosts import EnvironmentName
from connector.transport.address import StreamSettings
from connector.transport.dial import Trust

from .cloud import TOKEN, Cloud
from .helpers import START, UNWATCHED, Clock, make_sessions, refusal
from .peers import listening


def prepared(cloud: Cloud, *options: str) -> tuple[SessionSource, StreamSettings]:
    """What the command ``proxy`` makes of its surroundings."""
    parser = argparse.ArgumentParser()
    proxy.configure(parser)
    host = EnvironmentName("MySpace", "My.Project", cloud.environment.id).host_name
    given = parser.parse_args([host, *options])
    settle(given)
    return proxy.prepare(given)


def endpoints(option: str | None = None) -> tuple[str | None, str]:
    """Which the light client takes, if any, and which botocore takes."""
    profile = load_profile(None, os.environ)
    endpoint_url = given_endpoint(ENDPOINT, option, os.environ)
    client = ClientFactory(profile.name, Trust().connect).create(
        "codecatalyst",
        {},
        region="us-west-2",
        token=TOKEN,
        connect_timeout=1,
        read_timeout=1,
        endpoint_url=endpoint_url,
    )
    client.close()
    return light_endpoint(ENDPOINT, endpoint_url, os.environ, profile), client.meta.endpoint_url


def test_the_places_of_the_endpoint(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each place is beaten by the next, whichever client looks."""
    assert endpoints() == ("https://codecatalyst.global.api.aws",) * 2
    (home / ".aws").mkdir()
    (home / ".aws/config").write_text("[default]\nendpoint_url = https://profile.example\n")
    assert endpoints() == (None, "https://profile.example")
    monkeypatch.setenv("AWS_ENDPOINT_URL", "https://any-service.example")
    assert endpoints() == ("https://any-service.example",) * 2
    monkeypatch.setenv("CODECATALYST_ENDPOINT", "https://toolkit.example:8443/path")
    assert endpoints() == ("https://toolkit.example:8443/path",) * 2
    monkeypatch.setenv("AWS_ENDPOINT_URL_CODECATALYST", "https://service.example/")
    assert endpoints() == ("https://service.example/",) * 2
    assert endpoints("https://option.example") == ("https://option.example",) * 2


@pytest.mark.parametrize(
    "variable",
    [
        "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS",
        "AWS_USE_FIPS_ENDPOINT",
        "AWS_USE_DUALSTACK_ENDPOINT",
        "AWS_DATA_PATH",
    ],
)
@pytest.mark.parametrize("option", [None, "https://option.example"])
def test_what_botocore_alone_can_judge_is_left_to_it(
    variable: str, option: str | None, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(variable, "true")
    assert endpoints(option)[0] is None
    monkeypatch.delenv(variable)
    assert endpoints(option)[0] is not None
    (home / ".aws").mkdir()
    setting = variable.removeprefix("AWS_").lower()
    (home / ".aws/config").write_text(f"[default]\n{setting} = true\n")
    assert endpoints(option)[0] is None


@pytest.mark.parametrize(
    "url",
    [
        "https://[::1]:8443",
        "https://user@example.com",
        "https://EXAMPLE.com",
        "https://b\u00fccher.example",
        "https://example.com/a?b",
        "https://example.com/a//b",
        "https://example.com/../b",
        "https://example.com/%41",
        "https://example.com#x",
    ],
)
def test_a_url_that_clients_may_write_in_two_ways_is_left_to_botocore(url: str) -> None:
    profile = load_profile(None, {"AWS_CONFIG_FILE": os.devnull})
    assert light_endpoint(ENDPOINT, url, {}, profile) is None


@pytest.mark.parametrize("way", ["light", "botocore"])
def test_a_configured_endpoint_is_called(
    cloud: Cloud, home: Path, monkeypatch: pytest.MonkeyPatch, way: str
) -> None:
    monkeypatch.setenv("AWS_CA_BUNDLE", str(cloud.ca_file))
    monkeypatch.setenv("AWS_BEARER_TOKEN_CODECATALYST", TOKEN)
    (home / ".aws").mkdir()
    if way == "light":
        monkeypatch.setenv("AWS_ENDPOINT_URL", cloud.url)
    else:
        (home / ".aws/config").write_text(f"[default]\nendpoint_url = {cloud.url}\n")
    source, settings = prepared(cloud)
    assert settings.endpoint_overridden
    assert source.start(UNWATCHED).session_id
    agent = cloud.server.requests[0].headers["User-Agent"]
    assert agent.startswith("devenv-connector" if way == "light" else "Botocore")


@pytest.mark.parametrize(
    "url", ["http://localhost:4566", "nonsense", "https://", "https://a b", "https://x:y", "\x1b"]
)
def test_an_endpoint_that_no_token_may_go_to(
    url: str, cloud: Cloud, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(ConfigError, match="https://"):
        given_endpoint(ENDPOINT, url, {})
    with pytest.raises(ConfigError, match="https://"):
        given_endpoint(ENDPOINT, None, {"CODECATALYST_ENDPOINT": url})
    monkeypatch.setenv("AWS_ENDPOINT_URL", url)
    with pytest.raises(ConfigError, match="https://"):
        light_endpoint(ENDPOINT, None, os.environ, load_profile(None, os.environ))
    clients = ClientFactory(None, Trust().connect)
    with pytest.raises(ConfigError):
        clients.create(
            "codecatalyst", {}, region="us-west-2", token=TOKEN, connect_timeout=1, read_timeout=1
        )


def test_an_unknown_profile(cloud: Cloud, clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    cloud.way = "botocore"
    monkeypatch.setenv("AWS_PROFILE", "nobody")
    refused = refusal(make_sessions(cloud, clock))
    assert type(refused) is ConfigError
    assert "nobody" in str(refused)


def test_aws_keys_are_not_looked_for(
    cloud: Cloud, clock: Clock, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Neither by a program of the profile nor at the metadata address of EC2."""
    cloud.way = "botocore"
    witness = home / "witness"
    (home / ".aws").mkdir()
    (home / ".aws/config").write_text(
        f"[default]\ncredential_process = touch {witness}\ndefaults_mode = auto\nregion = x y\n"
    )
    with listening() as (accepted, port):
        monkeypatch.setenv("AWS_EC2_METADATA_SERVICE_ENDPOINT", f"http://127.0.0.1:{port}")
        assert make_sessions(cloud, clock).start(UNWATCHED).session_id
        assert accepted == []
    assert not witness.exists()


def test_the_order_of_ca_bundles(tmp_path: Path, cloud: Cloud) -> None:
    config = tmp_path / "config"
    names = ("AWS_CA_BUNDLE", "ca_bundle", "REQUESTS_CA_BUNDLE", "SSL_CERT_FILE")
    paths = {name: str(tmp_path / f"{name}.pem") for name in names}
    for path in paths.values():
        Path(path).write_bytes(cloud.ca_file.read_bytes())
    environ = {**paths, "AWS_CONFIG_FILE": str(config)}
    config.write_text(f"[default]\nca_bundle = {paths['ca_bundle']}\n")
    for name in names:
        assert ca_bundle(environ, load_profile(None, environ)) == paths[name]
        environ[name] = ""
        if name == "ca_bundle":
            config.write_text("[default]\n")
    assert ca_bundle(environ, load_profile(None, environ)) is None


def test_a_ca_bundle_that_is_none(tmp_path: Path) -> None:
    profile = load_profile(None, {"AWS_CONFIG_FILE": os.devnull})
    bundle = tmp_path / "bundle.pem"

    def refused() -> str:
        with pytest.raises(ConfigError) as caught:
            ca_bundle({"SSL_CERT_FILE": str(bundle)}, profile)
        assert "named by SSL_CERT_FILE" in str(caught.value)
        return str(caught.value)

    assert "does not exist" in refused()
    bundle.write_text("no certificate")
    assert "has no PEM certificate" in refused()
    bundle.unlink()
    bundle.mkdir()
    assert "is a directory" in refused()


def test_a_ca_bundle_that_is_damaged(cloud: Cloud, clock: Clock, tmp_path: Path) -> None:
    damaged = tmp_path / "damaged.pem"
    damaged.write_text("-----BEGIN CERTIFICATE-----\nnonsense\n-----END CERTIFICATE-----\n")
    for way in ("light", "botocore"):
        cloud.way = way
        assert type(refusal(make_sessions(cloud, clock, ca_file=damaged))) is ConfigError


@pytest.mark.parametrize("named_by", ["option", "variable"])
def test_a_token_that_is_given_needs_no_profile(
    cloud: Cloud, clock: Clock, home: Path, monkeypatch: pytest.MonkeyPatch, named_by: str
) -> None:
    """As in the README's Host block, while the emulator's variables are set."""
    monkeypatch.setenv("AWS_BEARER_TOKEN_CODECATALYST", TOKEN)
    monkeypatch.setenv("AWS_CA_BUNDLE", str(cloud.ca_file))
    options = ["--endpoint-url", cloud.url]
    if named_by == "variable":
        monkeypatch.setenv("AWS_PROFILE", "nosuch")
    else:
        options += ["--profile", "nosuch"]
    source, _ = prepared(cloud, *options)
    source.start(UNWATCHED)
    assert cloud.operations() == [START]


def test_an_ignored_endpoint_is_not_the_users(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", "https://example.com")
    profile = load_profile(None, os.environ)
    assert endpoint_is_overridden(ENDPOINT, None, os.environ, profile)
    monkeypatch.setenv("AWS_IGNORE_CONFIGURED_ENDPOINT_URLS", "true")
    assert not endpoint_is_overridden(ENDPOINT, None, os.environ, profile)
    assert endpoint_is_overridden(ENDPOINT, "https://example.com", os.environ, profile)


@pytest.mark.parametrize(
    "content",
    [
        b"\xef\xbb\xbf[profile x]\nca_bundle = /x\n",
        b"\xff\xfe[\x00",
        b"[profile x]\rca_bundle = /x\r",
        b"[profile x]\r\nca_bundle = /x\r\n",
        b"  [profile x]\n  ca_bundle = /x\n",
        b"[profile x]\nregion = a\n  [profile y]\n",
        b"[profile x]\nca_bundle =\n  /x\n",
        b"[profile x]\ns3 =\n  a = b\n\n  c = d\n",
        b"[profile x]\ns3 =\n  a = b\n  # c\n",
        b"[profile x]\ns3 =\n  a = b\n  no setting\n",
        b"[profile x]\nca_bundle = /x\n[profile x]\n",
        b"[profile x]\nca_bundle = /x\nca_bundle = /y\n",
        b"[profile x]\nno setting\n",
        b"[profile 'x']\nca_bundle = /x ; y # z\n",
        b'[profile "x y"]\nca_bundle: /x\n',
        b"[profile 'x]\nca_bundle = /x\n",
        b"[profile\tx]\nCA_Bundle = /x\n",
        b"[DEFAULT]\nca_bundle = /x\n[profile x]\nregion = y\n",
        b"[sso-session 'x y']\nsso_region = z\n[sso-session z]\n",
        b"[profile x]\nca_bundle = /\xc3\xa9\xe2\x80\xa8\x0b\x0c\n",
        b"",
        b"region = x\n",
    ],
)
def test_configuration_is_read_and_refused_as_by_botocore(home: Path, content: bytes) -> None:
    path = home / ".aws/config"
    path.parent.mkdir()
    path.write_bytes(content)
    try:
        full = botocore.configloader.load_config(str(path))
    except botocore.exceptions.ConfigParseError:
        with pytest.raises(ConfigError, match=re.escape(str(path))):
            load_profile("x", os.environ)
        return
    profile = load_profile("x", os.environ)
    assert {name: _plain(values) for name, values in full["profiles"].items()} == {
        name: _plain(values) for name, values in profile.profiles.items()
    }
    assert full.get("sso_sessions", {}) == profile.sso_sessions


def _plain(values: Mapping[str, object]) -> dict[str, object]:
    """The settings that are no objects, which botocore makes of indented lines."""
    return {
        name: value
        for name, value in values.items()
        if isinstance(value, str) and not value.startswith("\n")
    }


@pytest.mark.parametrize("named", [True, False], ids=["by default", "by a variable"])
def test_an_endpoint_among_the_keys_is_left_to_botocore(
    home: Path, tmp_path: Path, named: bool
) -> None:
    """botocore merges the credentials file into the profiles."""
    path = home / ".aws/credentials" if named else tmp_path / "keys"
    path.parent.mkdir(exist_ok=True)
    path.write_text("[default]\nendpoint_url = https://private.example:8443\n")
    environ = {} if named else {"AWS_SHARED_CREDENTIALS_FILE": str(path)}
    assert light_endpoint(ENDPOINT, None, environ, load_profile(None, environ)) is None
    path.write_text("[default]\naws_access_key_id = AKIDX\n")
    assert light_endpoint(ENDPOINT, None, environ, load_profile(None, environ)) is not None
