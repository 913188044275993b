"""The emulated API and boto3's clients for it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any

import boto3  # type: ignore[import-untyped]
import pytest
from botocore.config import Config

from connector.emulator.listener import Certificates, make_certificates

from .contract import check_raw_answer
from .stages import Stage, open_stage
from .world import TOKEN, World, open_world

MakeClient = Callable[..., Any]


@pytest.fixture(scope="session")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    """One CA for all tests, because making keys takes time."""
    return make_certificates(tmp_path_factory.mktemp("certificates"))


@pytest.fixture
async def world(certificates: Certificates) -> AsyncIterator[World]:
    """The API with a RUNNING environment."""
    async with open_world(certificates) as world:
        yield world


@pytest.fixture
async def stage(certificates: Certificates) -> AsyncIterator[Stage]:
    async with open_stage(certificates) as stage:
        yield stage


@pytest.fixture(scope="module")
def boto() -> Iterator[Any]:
    """A boto3 session without this machine's profiles and proxies.

    Shared by a module, because loading botocore's models takes longer than most tests.
    """
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AWS_CONFIG_FILE", "/nonexistent/config")
        patch.setenv("AWS_SHARED_CREDENTIALS_FILE", "/nonexistent/credentials")
        patch.setenv("AWS_EC2_METADATA_DISABLED", "true")
        patch.setenv("NO_PROXY", "127.0.0.1")
        patch.delenv("AWS_PROFILE", raising=False)
        patch.delenv("AWS_DEFAULT_PROFILE", raising=False)
        yield boto3.session.Session()


@pytest.fixture
def make_client(boto: Any, world: World, monkeypatch: pytest.MonkeyPatch) -> Iterator[MakeClient]:
    """Return a function that makes clients. Each answer is compared with botocore's model."""
    clients = []

    def make(service: str = "codecatalyst", token: str = TOKEN, read_timeout: float = 20.0) -> Any:
        monkeypatch.setenv("AWS_BEARER_TOKEN_CODECATALYST", token)
        client = boto.client(
            service,
            region_name="us-east-1",
            endpoint_url=world.server.url,
            verify=str(world.certificates.ca_file),
            config=Config(read_timeout=read_timeout, retries={"total_max_attempts": 1}),
        )
        client.meta.events.register("before-parse", check_raw_answer)
        clients.append(client)
        return client

    yield make
    for client in clients:
        client.close()


@pytest.fixture
def client(make_client: MakeClient) -> Any:
    """boto3's CodeCatalyst client with a valid token."""
    return make_client()
