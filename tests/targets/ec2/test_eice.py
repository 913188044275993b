"""The choice of an EC2 Instance Connect Endpoint, against the emulated EC2."""

from __future__ import annotations

from urllib.parse import parse_qs, urlsplit

import pytest

from connector.aws.api import Refused
from connector.emulator.api.ec2.model import ConnectEndpoint, Instance, Status
from connector.errors import ConfigError
from connector.sessions import SessionAccess
from connector.targets.ec2.kind import KIND
from connector.targets.model import SSH_SESSION, Query
from connector.targets.regional.backend import Found

from .conftest import REGION, Yard

TIMEOUT = 20.0


def opened(yard: Yard, instance: Instance, port: int = 22) -> SessionAccess:
    found = Found(instance.id, region=REGION)
    query = Query(instance.id, (("via", "eice"), ("port", str(port))))
    return KIND.backend.open(yard.cloud(), found, SSH_SESSION, query, TIMEOUT)


def add(yard: Yard, *endpoints: ConnectEndpoint) -> Instance:
    """Add endpoints, and return a new instance."""
    yard.call(lambda: yard.model.connect_endpoints.extend(endpoints))
    return yard.call(lambda: yard.model.add_instance(REGION, "web"))


def test_signed_url_names_endpoint_port_and_address(yard: Yard) -> None:
    instance = add(yard, ConnectEndpoint("eice-1", REGION))
    access = opened(yard, instance, 3389)
    url = urlsplit(access.stream_url)
    query = {name: value for name, [value] in parse_qs(url.query).items()}
    assert (url.scheme, url.path) == ("wss", "/openTunnel")
    assert query["instanceConnectEndpointId"] == "eice-1"
    assert query["remotePort"] == "3389"
    assert query["privateIpAddress"] == instance.address
    assert query["X-Amz-Expires"] == "60"
    assert query["X-Amz-Credential"].endswith(f"/{REGION}/ec2-instance-connect/aws4_request")
    assert access.raw
    assert (access.token_value, access.session_id, access.signer) == ("", "", None)


def test_endpoint_of_the_subnet_is_found_on_a_later_page(yard: Yard) -> None:
    others = [ConnectEndpoint(f"eice-{n}", REGION, subnet_id="subnet-0") for n in range(60)]
    instance = add(yard, *others, ConnectEndpoint("eice-near", REGION))
    assert "instanceConnectEndpointId=eice-near&" in opened(yard, instance).stream_url


def test_instance_without_an_ipv4_address_is_refused(yard: Yard) -> None:
    instance = add(yard, ConnectEndpoint("eice-1", REGION))
    instance.address = ""
    with pytest.raises(ConfigError, match="has no private IPv4 address"):
        opened(yard, instance)


def test_instance_that_does_not_run_is_refused(yard: Yard) -> None:
    instance = add(yard, ConnectEndpoint("eice-1", REGION))
    yard.call(lambda: yard.model.set_status(instance, Status.STOPPED))
    with pytest.raises(Refused, match="IncorrectInstanceState"):
        opened(yard, instance)


def test_port_that_no_endpoint_leads_to_is_refused(yard: Yard) -> None:
    instance = add(yard, ConnectEndpoint("eice-1", REGION))
    with pytest.raises(ConfigError, match="the ports 22 and 3389, not to 2222"):
        opened(yard, instance, 2222)
