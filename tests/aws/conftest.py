"""Fixtures: a home directory for each test, and the emulator's API over TLS."""

from __future__ import annotations

import functools
import os
from collections.abc import Callable, Iterator
from pathlib import Path

import botocore.session
import pytest
from botocore.tokens import SSOTokenProvider

from connector.emulator.api.account import Account
from connector.emulator.api.codecatalyst.model import (
    CodeCatalystModel,
    Project,
    Space,
    Status,
)
from connector.emulator.api.codecatalyst.service import CodeCatalystService
from connector.emulator.api.rest import BearerTokens, RestServer
from connector.emulator.api.sso.oidc import OidcService
from connector.emulator.api.sso.portal import Portal
from connector.emulator.api.sso.signin import SignIn
from connector.emulator.listener import Certificates, make_certificates
from connector.emulator.sessions import Sessions, data_channel_url
from connector.targets.codecatalyst.environment import CodeCatalystSessions

from .cloud import CACHE_NAME, CONFIG, PASSWORD, TOKEN, Cloud, Loop
from .helpers import Clock, make_sessions
from .sources import Sources, serving


@pytest.fixture(scope="session")
def loop() -> Iterator[Loop]:
    loop = Loop()
    yield loop
    loop.close()


@pytest.fixture(scope="session")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    return make_certificates(tmp_path_factory.mktemp("certificates"))


@pytest.fixture(scope="session", autouse=True)
def models_are_read_once() -> Iterator[None]:
    """Let all botocore sessions share one loader, which reads each of AWS's models once.

    Every session would otherwise parse the same four files again, which takes 30 ms.
    """
    with pytest.MonkeyPatch.context() as patch:
        shared = functools.cache(botocore.session.create_loader)
        patch.setattr(botocore.session, "create_loader", shared)
        yield


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Set an empty home directory, and unset the variables of AWS's tools and of proxies."""
    known = ("AWS_", "CODECATALYST_", "BEARER_TOKEN_", "REQUESTS_CA_", "SSL_CERT_")
    for name in list(os.environ):
        if name.upper().startswith(known) or name.upper().endswith("_PROXY"):
            monkeypatch.delenv(name)
    home = tmp_path / "home"
    home.mkdir()
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.setenv("USERPROFILE", str(home))
    return home


@pytest.fixture
def cache_file(home: Path) -> Path:
    """Write a profile with an SSO session; return the path of its missing token file."""
    (home / ".aws/sso/cache").mkdir(parents=True)
    (home / ".aws/config").write_text(CONFIG)
    return home / ".aws/sso/cache" / CACHE_NAME


@pytest.fixture
def cloud(
    loop: Loop, certificates: Certificates, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Cloud]:
    model = CodeCatalystModel(Sessions())
    mary = model.add_user("mary")
    model.add_space(Space("MySpace"))
    project = model.add_project(Project("MySpace", "My.Project"))
    environment = model.add_environment(project, mary, Status.RUNNING)
    tokens = BearerTokens(model.now)
    tokens.accept(TOKEN, mary.id)
    oidc = OidcService(tokens, model.now, model.sessions.random_bytes)
    service = CodeCatalystService(
        model, tokens, lambda session: data_channel_url("wss://localhost:1", session)
    )
    portal = Portal(tokens, Account(model.sessions, lambda session: ""))
    server = RestServer(
        [*service.endpoints(), *oidc.endpoints(), *portal.endpoints()],
        certificates.server_context,
        pages=SignIn(oidc, model.users, PASSWORD).pages(),
    )
    loop.run(server.start())
    oidc.url = server.url
    monkeypatch.setenv("AWS_ENDPOINT_URL_SSO", server.url)
    monkeypatch.setenv("AWS_ENDPOINT_URL_SSO_OIDC", server.url)
    yield Cloud(server.url, certificates.ca_file, model, tokens, oidc, server, environment)
    loop.run(server.stop())


@pytest.fixture(params=["light", "botocore"])
def both_ways(request: pytest.FixtureRequest, cloud: Cloud) -> None:
    """Run a test with the light client and with botocore's, which must behave alike."""
    cloud.way = request.param


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def sessions(cloud: Cloud, clock: Clock) -> CodeCatalystSessions:
    return make_sessions(cloud, clock)


@pytest.fixture
def sources(monkeypatch: pytest.MonkeyPatch, home: Path) -> Iterator[Sources]:
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    (home / ".aws").mkdir()
    # botocore expands ~ when it is imported.
    monkeypatch.setattr(SSOTokenProvider, "_SSO_TOKEN_CACHE_DIR", str(home / ".aws/sso/cache"))
    with serving() as sources:
        monkeypatch.setenv("AWS_ENDPOINT_URL_STS", sources.url)
        monkeypatch.setenv("AWS_ENDPOINT_URL_SSO", sources.url)
        yield sources


@pytest.fixture
def configure(home: Path) -> Callable[[str], None]:
    def write(text: str) -> None:
        (home / ".aws/config").write_text(text)

    return write
