"""The settings that name a CA bundle."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from connector.aws.profile import load_profile
from connector.aws.trust import ca_bundle
from connector.errors import ConfigError

from .cloud import Cloud
from .helpers import Clock, make_sessions, refusal


def test_order_of_the_ca_bundle_settings(tmp_path: Path, cloud: Cloud) -> None:
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


def test_unusable_ca_bundle_is_reported(tmp_path: Path) -> None:
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


def test_damaged_ca_bundle_is_reported(cloud: Cloud, clock: Clock, tmp_path: Path) -> None:
    damaged = tmp_path / "damaged.pem"
    damaged.write_text("-----BEGIN CERTIFICATE-----\nnonsense\n-----END CERTIFICATE-----\n")
    for way in ("light", "botocore"):
        cloud.way = way
        assert type(refusal(make_sessions(cloud, clock, ca_file=damaged))) is ConfigError
