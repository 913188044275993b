"""The client of signed APIs sends the same requests as botocore, and to the same hosts."""

from __future__ import annotations

import datetime
from collections.abc import Callable, Iterator
from contextlib import closing
from typing import Any
from unittest.mock import patch

import botocore.session
import pytest
from botocore.awsrequest import AWSPreparedRequest

from connector.aws.keys.source import KeySource
from connector.aws.profile import load_profile
from connector.aws.regions import domain_of
from connector.aws.responses import Object
from connector.aws.sdk import ClientFactory
from connector.aws.services import Service, SignedApi, SignedOperation
from connector.aws.signed import LightSigned, SdkSigned
from connector.transport.trust import Trust

from .recording import MATTER, Recorder, Request, read

NOW = 1_790_000_000

SSM = Service(
    "ssm",
    "ssm",
    "AmazonSSM",
    {
        "start_session": SignedOperation("StartSession", Object()),
        "describe_sessions": SignedOperation("DescribeSessions", Object()),
    },
)
ECS = Service(
    "ecs",
    "ecs",
    "AmazonEC2ContainerServiceV20141113",
    {"execute_command": SignedOperation("ExecuteCommand", Object())},
)
SAGEMAKER = Service(
    "sagemaker",
    "api.sagemaker",
    "SageMaker",
    {"describe_space": SignedOperation("DescribeSpace", Object())},
)

MEMBERS: list[tuple[Service, str, dict[str, Any]]] = [
    (SSM, "start_session", {"Target": "i-0123456789abcdef0"}),
    (
        SSM,
        "start_session",
        {
            "Target": "i-0123456789abcdef0",
            "DocumentName": "AWS-StartSSHSession",
            "Parameters": {"portNumber": ["22"]},
        },
    ),
    (SSM, "start_session", {"Target": "mi-1", "Reason": 'caf\u00e9 \u20ac "&<>\n'}),
    (SSM, "describe_sessions", {"State": "Active", "MaxResults": 5, "NextToken": "a/b+c="}),
    (ECS, "execute_command", {"command": "sh", "interactive": True, "task": "arn:aws:ecs:t/1"}),
    (SAGEMAKER, "describe_space", {"DomainId": "d-1", "SpaceName": "space"}),
]

ENVIRONMENTS = [
    {"AWS_ACCESS_KEY_ID": "AKIDX", "AWS_SECRET_ACCESS_KEY": "hidden/+="},
    {
        "AWS_ACCESS_KEY_ID": "ASIAX",
        "AWS_SECRET_ACCESS_KEY": "hidden",
        "AWS_SESSION_TOKEN": "a/token+of=",
    },
]


def _keys(environ: dict[str, str], trust: Trust) -> KeySource:
    return KeySource(load_profile(None, environ), environ, trust.connect)


class PlainBotocore:
    """A client of botocore with its own transport."""

    def __init__(
        self,
        session: botocore.session.Session,
        service: Service,
        url: str,
        ca_bundle: str,
        keys: KeySource,
    ) -> None:
        found = keys.load(5)
        self._client = session.create_client(
            service.name,
            "eu-west-1",
            endpoint_url=url,
            verify=ca_bundle,
            aws_access_key_id=found.access_key_id,
            aws_secret_access_key=found.secret_key,
            aws_session_token=found.session_token,
        )

    def call(self, operation: str, *, timeout: float, **members: Any) -> dict[str, Any]:
        with closing(self._client):
            answer: dict[str, Any] = getattr(self._client, operation)(**members)
            return answer


@pytest.fixture(scope="module")
def session() -> botocore.session.Session:
    """A session of botocore for all tests, since creating one takes long."""
    return botocore.session.Session()


Ask = Callable[[SignedApi], object]
Asked = Callable[[str, Service, dict[str, str], Ask], list[Request]]


@pytest.fixture(scope="module")
def asked(
    tmp_path_factory: pytest.TempPathFactory, session: botocore.session.Session
) -> Iterator[Asked]:
    """Return the request of plain botocore, of botocore through us, and of our client.

    All tests share the server and the sessions of botocore.
    """
    moment = datetime.datetime.fromtimestamp(NOW, datetime.timezone.utc).replace(tzinfo=None)
    headers = (*MATTER, "x-amz-target", "x-amz-date", "x-amz-security-token")
    region = "eu-west-1"
    with (
        Recorder(tmp_path_factory.mktemp("peer"), b"{}") as peer,
        patch("botocore.auth.get_current_datetime", lambda: moment),
    ):
        ca_file = str(peer.ca_file)
        trust = Trust(ca_file)
        factory = ClientFactory(None, trust.connect)

        def ask_all(
            prefix: str, service: Service, environ: dict[str, str], ask: Ask
        ) -> list[Request]:
            url = f"https://localhost:{peer.port}{prefix}"
            keys = _keys(environ, trust)
            peer.requests.clear()
            ask(PlainBotocore(session, service, url, ca_file, keys))
            ask(SdkSigned(service, region, url, keys, factory))
            ask(LightSigned(service, region, url, keys, trust.connect, now=lambda: NOW))
            return [read(request, headers) for request in peer.requests]

        yield ask_all


@pytest.mark.parametrize("environ", ENVIRONMENTS, ids=["lasting", "temporary"])
@pytest.mark.parametrize("prefix", ["", "/", "/stage", "/a.b/~c-d_e/"])
@pytest.mark.parametrize(("service", "operation", "members"), MEMBERS)
def test_signed_request_equals_botocores(
    asked: Asked,
    environ: dict[str, str],
    prefix: str,
    service: Service,
    operation: str,
    members: dict[str, Any],
) -> None:
    """The signatures are equal too, so every byte of the bodies is."""

    def ask(api: SignedApi) -> None:
        api.call(operation, timeout=10, **members)

    botocores, carried, ours = asked(prefix, service, environ, ask)
    assert ours == carried == botocores
    assert ours.headers["authorization"].startswith("AWS4-HMAC-SHA256 Credential=A")
    assert ours.body == members


class Seen(Exception):
    """Stops a request before it is sent."""


@pytest.fixture(scope="module")
def hosts(session: botocore.session.Session) -> Callable[[str, str], str]:
    """Return a function that returns the URL which botocore calls for a service in a Region."""

    def url(service: str, region: str) -> str:
        seen = []

        def stop(request: AWSPreparedRequest, **kwargs: object) -> None:
            seen.append(request.url)
            raise Seen

        client = session.create_client(
            service, region, aws_access_key_id="AKIDX", aws_secret_access_key="hidden"
        )
        client.meta.events.register("before-send", stop)
        operations = {"ssm": "describe_sessions", "ecs": "list_clusters"}
        members = {"State": "Active"} if service == "ssm" else {}
        with closing(client), pytest.raises(Seen):
            getattr(client, operations.get(service, "list_spaces"))(**members)
        return str(seen[0])

    return url


def _regions(session: botocore.session.Session) -> list[str]:
    loader = session.get_component("data_loader")
    return [
        region
        for partition in loader.load_data("partitions")["partitions"]
        for region in partition["regions"]
        if not region.endswith("-global")
    ]


@pytest.mark.parametrize("service", [SSM, ECS, SAGEMAKER], ids=lambda service: str(service.name))
def test_hosts_of_all_regions_equal_botocores(
    service: Service,
    session: botocore.session.Session,
    hosts: Callable[[str, str], str],
) -> None:
    light = {region: domain_of(region) for region in _regions(session)}
    assert sum(domain is not None for domain in light.values()) >= 36
    assert light["us-iso-east-1"] is light["eusc-de-east-1"] is light["eu-isoe-west-1"] is None
    # One Region of each first word, since creating a client takes a while.
    chosen = {region.rsplit("-", 2)[0]: region for region, domain in light.items() if domain}
    assert {"cn", "us", "us-gov", "eu", "ap"} <= chosen.keys()
    for region in chosen.values():
        ours = f"https://{service.prefix}.{region}.{light[region]}/"
        assert hosts(service.name, region) == ours
