"""The tokens of the profile that the tests log in with."""

from __future__ import annotations

import os
from datetime import datetime, timezone
from pathlib import Path

import pytest

from connector.aws.profile import load_profile
from connector.aws.sdk import ClientFactory
from connector.aws.sso.tokens import BearerToken, BearerTokens
from connector.errors import ConfigError, ConnectorError, CredentialsError
from connector.targets.codecatalyst.api import TOKEN_VARIABLES
from connector.transport.trust import Trust

NOW = 1_800_000_000.0  # 2027-01-15T08:00:00Z
PROFILE = "codecatalyst"


def at(seconds: float) -> str:
    return datetime.fromtimestamp(NOW + seconds, timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")


def tokens(profile: str | None = PROFILE, ca_file: Path | None = None) -> BearerTokens:
    loaded = load_profile(profile, os.environ)
    clients = ClientFactory(loaded.name, Trust(str(ca_file) if ca_file else None).connect)
    return BearerTokens(
        loaded,
        os.environ,
        clients,
        TOKEN_VARIABLES,
        now=lambda: NOW,
    )


def load(profile: str | None = PROFILE, ca_file: Path | None = None) -> BearerToken:
    return tokens(profile, ca_file).load(timeout=8)


def refused(profile: str | None = PROFILE) -> str:
    with pytest.raises(ConnectorError) as caught:
        load(profile)
    assert isinstance(caught.value, (CredentialsError, ConfigError))
    message = str(caught.value)
    assert message.isprintable()
    assert "secret" not in message
    return message
