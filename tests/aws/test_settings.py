"""Endpoints, profiles and CA bundles, and what botocore must not look for."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from connector.aws.clients import ClientFactory
from connector.aws.codecatalyst import CodeCatalystSessions
from connector.aws.settings import api_endpoint, ca_bundle, endpoint_is_overridden, load_profile
from connector.aws.tokens import BearerTokens
from connector.errors import (
    ConfigError,
    ConnectFailed,
    TLSFailed,
)

from .cloud import TOKEN, Cloud
from .helpers import ENVIRON, START, Clock, make_sessions, refusal
from .peers import listening


def test_the_places_of_the_endpoint(
    cloud: Cloud, clock: Clock, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each place is beaten by the next; the last ones name what does not exist."""

    def start() -> None:
        profile = load_profile(None, os.environ)
        clients = ClientFactory(profile.name, str(cloud.ca_file))
        CodeCatalystSessions(
            space="MySpace",
            project="My.Project",
            dev_environment_id=cloud.environment.id,
            tokens=BearerTokens(profile, ENVIRON, clients),
            clients=clients,
            endpoint_url=api_endpoint(None, os.environ),
            clock=clock,
            start_timeout=1,
        ).start()

    (home / ".aws").mkdir()
    (home / ".aws/config").write_text(f"[default]\nendpoint_url = {cloud.url}\n")
    start()
    nowhere = "https://nowhere.invalid"
    (home / ".aws/config").write_text(f"[default]\nendpoint_url = {nowhere}\n")
    monkeypatch.setenv("AWS_ENDPOINT_URL", cloud.url)
    start()
    monkeypatch.setenv("AWS_ENDPOINT_URL", nowhere)
    monkeypatch.setenv("CODECATALYST_ENDPOINT", cloud.url)
    start()
    monkeypatch.setenv("CODECATALYST_ENDPOINT", nowhere)
    monkeypatch.setenv("AWS_ENDPOINT_URL_CODECATALYST", cloud.url)
    start()
    assert cloud.operations() == [START] * 4
    monkeypatch.setenv("AWS_ENDPOINT_URL_CODECATALYST", nowhere)
    with pytest.raises(ConnectFailed, match=r"nowhere\.invalid"):
        start()


@pytest.mark.parametrize(
    "url", ["http://localhost:4566", "nonsense", "https://", "https://a b", "https://x:y", "\x1b"]
)
def test_an_endpoint_that_no_token_may_go_to(
    url: str, cloud: Cloud, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(ConfigError, match="https://"):
        api_endpoint(url, {})
    with pytest.raises(ConfigError, match="https://"):
        api_endpoint(None, {"CODECATALYST_ENDPOINT": url})
    monkeypatch.setenv("AWS_ENDPOINT_URL", url)
    clients = ClientFactory(None, None)
    with pytest.raises(ConfigError):
        clients.create(
            "codecatalyst", region="us-west-2", token=TOKEN, connect_timeout=1, read_timeout=1
        )


def test_an_unknown_profile(cloud: Cloud, clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_PROFILE", "nobody")
    refused = refusal(make_sessions(cloud, clock))
    assert type(refused) is ConfigError
    assert "nobody" in str(refused)


def test_aws_keys_are_not_looked_for(
    cloud: Cloud, clock: Clock, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Neither by a program of the profile nor at the metadata address of EC2."""
    witness = home / "witness"
    (home / ".aws").mkdir()
    (home / ".aws/config").write_text(
        f"[default]\ncredential_process = touch {witness}\ndefaults_mode = auto\nregion = x y\n"
    )
    with listening() as (accepted, port):
        monkeypatch.setenv("AWS_EC2_METADATA_SERVICE_ENDPOINT", f"http://127.0.0.1:{port}")
        assert make_sessions(cloud, clock).start().session_id
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
    assert "holds no PEM certificate" in refused()
    bundle.unlink()
    bundle.mkdir()
    assert "is a directory" in refused()


def test_a_ca_bundle_that_is_damaged(cloud: Cloud, clock: Clock, tmp_path: Path) -> None:
    damaged = tmp_path / "damaged.pem"
    damaged.write_text("-----BEGIN CERTIFICATE-----\nnonsense\n-----END CERTIFICATE-----\n")
    assert type(refusal(make_sessions(cloud, clock, ca_file=damaged))) is TLSFailed


@pytest.mark.parametrize("named_by", ["option", "variable"])
def test_a_token_that_is_given_needs_no_profile(
    cloud: Cloud, clock: Clock, home: Path, monkeypatch: pytest.MonkeyPatch, named_by: str
) -> None:
    """As in the README's Host block, while the emulator's variables are set."""
    if named_by == "variable":
        monkeypatch.setenv("AWS_PROFILE", "nosuch")
    monkeypatch.setenv("AWS_BEARER_TOKEN_CODECATALYST", TOKEN)
    profile = load_profile("nosuch" if named_by == "option" else None, os.environ)
    assert profile.values is None
    clients = ClientFactory(None, str(cloud.ca_file))
    CodeCatalystSessions(
        space="MySpace",
        project="My.Project",
        dev_environment_id=cloud.environment.id,
        tokens=BearerTokens(profile, os.environ, clients),
        clients=clients,
        endpoint_url=cloud.url,
        clock=clock,
    ).start()
    assert cloud.operations() == [START]


def test_an_ignored_endpoint_is_not_the_users(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", "https://example.com")
    profile = load_profile(None, os.environ)
    assert endpoint_is_overridden(None, os.environ, profile)
    monkeypatch.setenv("AWS_IGNORE_CONFIGURED_ENDPOINT_URLS", "true")
    assert not endpoint_is_overridden(None, os.environ, profile)
    assert endpoint_is_overridden("https://example.com", os.environ, profile)


def test_a_configuration_with_a_byte_order_mark_is_read(home: Path) -> None:
    (home / ".aws").mkdir()
    (home / ".aws/config").write_bytes(b"\xef\xbb\xbf[profile x]\nca_bundle = /x\n")
    assert load_profile("x", os.environ).values == {"ca_bundle": "/x"}
