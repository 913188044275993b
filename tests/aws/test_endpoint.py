"""The settings that name the endpoint, and the AWS settings that must not matter."""

from __future__ import annotations

import argparse
import os
from pathlib import Path

import pytest

from connector.aws.endpoint import endpoint_is_overridden, given_endpoint, light_endpoint
from connector.aws.profile import load_profile, with_credentials
from connector.aws.sdk import ClientFactory
from connector.cli import proxy
from connector.cli.settings import settle
from connector.errors import ConfigError
from connector.sessions import SessionSource
from connector.targets.codecatalyst.hosts import EnvironmentName
from connector.targets.codecatalyst.service import ENDPOINT
from connector.transport.address import StreamSettings
from connector.transport.trust import Trust

from .cloud import TOKEN, Cloud
from .helpers import START, STOP, UNWATCHED, Clock, make_sessions, refusal
from .peers import listening


def prepared(cloud: Cloud, *options: str) -> tuple[SessionSource, StreamSettings]:
    """Return the source and the settings that ``connector proxy`` would use."""
    parser = argparse.ArgumentParser()
    proxy.configure(parser)
    host = EnvironmentName("MySpace", "My.Project", cloud.environment.id).host_name
    given = parser.parse_args([host, *options])
    settle(given)
    return proxy.prepare(given)


def endpoints(option: str | None = None) -> tuple[str | None, str]:
    """Return the endpoint of the light client, if it has one, and that of botocore."""
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


def test_order_of_the_endpoint_settings(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each setting overrides those before it, with either client."""
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
def test_settings_that_only_botocore_knows_are_left_to_it(
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
def test_url_that_is_not_canonical_is_left_to_botocore(url: str) -> None:
    profile = load_profile(None, {"AWS_CONFIG_FILE": os.devnull})
    assert light_endpoint(ENDPOINT, url, {}, profile) is None


@pytest.mark.parametrize("way", ["light", "botocore"])
def test_configured_endpoint_is_called(
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
    source.stop(source.start(UNWATCHED), 5)
    agent = cloud.server.requests[0].headers["User-Agent"]
    assert agent.startswith("devenv-connector" if way == "light" else "Botocore")


@pytest.mark.parametrize(
    "url", ["http://localhost:4566", "nonsense", "https://", "https://a b", "https://x:y", "\x1b"]
)
def test_endpoint_without_https_is_refused(
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


def test_unknown_profile_is_reported(
    cloud: Cloud, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    cloud.way = "botocore"
    monkeypatch.setenv("AWS_PROFILE", "stranger")
    refused = refusal(make_sessions(cloud, clock))
    assert type(refused) is ConfigError
    assert "stranger" in str(refused)


def test_aws_keys_are_not_looked_up(
    cloud: Cloud, clock: Clock, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Neither the profile's program nor EC2's metadata address is asked."""
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


@pytest.mark.parametrize("named_by", ["option", "variable"])
def test_given_token_needs_no_profile(
    cloud: Cloud, clock: Clock, home: Path, monkeypatch: pytest.MonkeyPatch, named_by: str
) -> None:
    """A Host block of ssh_config may name a profile while the emulator's variables are set."""
    monkeypatch.setenv("AWS_BEARER_TOKEN_CODECATALYST", TOKEN)
    monkeypatch.setenv("AWS_CA_BUNDLE", str(cloud.ca_file))
    options = ["--endpoint-url", cloud.url]
    if named_by == "variable":
        monkeypatch.setenv("AWS_PROFILE", "nosuch")
    else:
        options += ["--profile", "nosuch"]
    source, _ = prepared(cloud, *options)
    source.stop(source.start(UNWATCHED), 5)
    assert cloud.operations() == [START, STOP]


def test_ignored_endpoint_does_not_override(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", "https://example.com")
    profile = load_profile(None, os.environ)
    assert endpoint_is_overridden(ENDPOINT, None, os.environ, profile)
    monkeypatch.setenv("AWS_IGNORE_CONFIGURED_ENDPOINT_URLS", "true")
    assert not endpoint_is_overridden(ENDPOINT, None, os.environ, profile)
    assert endpoint_is_overridden(ENDPOINT, "https://example.com", os.environ, profile)


@pytest.mark.parametrize("named", [True, False], ids=["by default", "by a variable"])
def test_endpoint_in_the_credentials_file_is_left_to_botocore(
    home: Path, tmp_path: Path, named: bool
) -> None:
    """botocore merges that file into the profiles."""
    path = home / ".aws/credentials" if named else tmp_path / "keys"
    path.parent.mkdir(exist_ok=True)
    path.write_text("[default]\nendpoint_url = https://private.example:8443\n")
    environ = {} if named else {"AWS_SHARED_CREDENTIALS_FILE": str(path)}

    def endpoints() -> list[str | None]:
        """Return the endpoint with a profile that lacks the file, and with one that has it."""
        profile = load_profile(None, environ)
        profiles = profile, with_credentials(profile, environ)
        return [light_endpoint(ENDPOINT, None, environ, each) for each in profiles]

    assert endpoints() == [None, None]
    path.write_text("[default]\naws_access_key_id = AKIDX\n")
    assert None not in endpoints()
