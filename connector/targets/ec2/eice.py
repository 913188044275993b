"""The way to an instance through an EC2 Instance Connect Endpoint of its VPC.

Such an endpoint needs no agent. It opens a raw stream to a port, as often as the caller signs the
stream's URL: there is no session at the service, and so nothing to resume or to end.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

from ...aws.api import CallFailed, Refused
from ...aws.cloud import Cloud
from ...aws.responses import Object, list_of, non_empty, text
from ...aws.signed import Service, SignedOperation
from ...aws.sigv4 import presigned_query
from ...errors import ConfigError
from ...fast.logs import Logger
from ...sessions import SessionAccess
from ..model import FAILED, RUNNING, SSH, STARTING, Query, SessionRequest
from ..regional.backend import Found
from ..regional.pages import items_of
from .machines import is_instance, look

#: The ports that an endpoint connects to, by EC2's guide.
PORTS = (22, 3389)

#: Seconds for which a signed URL opens a stream: what the AWS CLI asks for.
_EXPIRES = 60

#: The states of an endpoint that is in use, by EC2's guide.
_USABLE = ("create-complete", "update-in-progress", "update-complete", "update-failed")

_ENDPOINT = Object(
    {"InstanceConnectEndpointId": non_empty, "DnsName": non_empty}, optional={"SubnetId": text}
)
_LIST, _ITEMS = "describe_instance_connect_endpoints", "InstanceConnectEndpoints"
_ANSWER = Object(optional={_ITEMS: list_of(_ENDPOINT), "NextToken": text})
_NAMES = {"instanceConnectEndpointSet": _ITEMS}
_CALLS = {_LIST: SignedOperation("DescribeInstanceConnectEndpoints", _ANSWER, _NAMES)}
_EC2 = Service("ec2", "ec2", "", _CALLS)

_REFUSAL_HINT = (
    "Check that you may ec2-instance-connect:OpenTunnel, and that the security group of the "
    "instance lets the endpoint in"
)

logger = Logger(__name__)


def open_tunnel(
    cloud: Cloud, found: Found, request: SessionRequest, port: int, timeout: float
) -> SessionAccess:
    """Return access to a stream to a port of the instance.

    :raises Refused: also when the instance does not run.
    :raises ConfigError: when no endpoint can lead there.
    """
    deadline = time.monotonic() + timeout
    if not is_instance(found):
        raise ConfigError(f"--via eice is for EC2 instances; {found.id} is a managed node")
    if request.form != SSH:
        raise ConfigError("--via eice carries ssh alone", "Leave it away, or use `connector ssh`")
    if port not in PORTS:
        raise ConfigError(
            f"EC2 Instance Connect Endpoint leads to the ports 22 and 3389, not to {port}",
            "Use --via ssm for another port",
        )
    fresh = look(cloud, found, timeout / 2, agent=False)
    if fresh.state.phase != RUNNING:
        raise Refused(400, "IncorrectInstanceState", f"it is {fresh.state.status}")
    endpoint = _endpoint(cloud, fresh, deadline)
    if endpoint is None:
        raise ConfigError(
            f"The VPC of {found.id} has no EC2 Instance Connect Endpoint",
            "Create one, or leave --via eice away to use its SSM agent",
        )
    return _access(cloud, fresh, endpoint, port, deadline)


def detour(
    cloud: Cloud, found: Found, request: SessionRequest, query: Query, port: int, timeout: float
) -> SessionAccess | None:
    """Return access through an endpoint for an instance whose agent is not connected.

    :param found: as it is now.
    :returns: None where that is no way, or the agent may still be on its way.
    """
    deadline = time.monotonic() + timeout
    wanted = request.form == SSH and port in PORTS and not query.option("via")
    if not wanted or not is_instance(found) or not _is_without_agent(found):
        return None
    try:
        endpoint = _endpoint(cloud, found, deadline)
        if endpoint:
            return _access(cloud, found, endpoint, port, deadline)
    except (Refused, CallFailed) as failure:
        logger.info("EC2 Instance Connect Endpoints cannot be listed: %s", failure)
    return None


def _is_without_agent(found: Found) -> bool:
    """Return whether an instance runs, and no agent can be expected."""
    state, details = found.state, found.details
    if state.status != "running" or not details.get("address"):
        return False
    if state.phase == STARTING:  # only an instance with a role can get an agent
        return details.get("agent") == "none" and details.get("profile") is False
    # Without the permission to ask for agents, the refusal alone says that it is not connected.
    return state.phase == FAILED or not details.get("agent")


def _endpoint(cloud: Cloud, found: Found, deadline: float) -> Mapping[str, Any] | None:
    """Return an endpoint that leads to the instance: of its subnet, or else of its VPC."""
    vpc, subnet = found.details.get("vpc"), found.details.get("subnet")
    if not vpc:
        return None
    filters = [{"Name": "vpc-id", "Values": [vpc]}, {"Name": "state", "Values": list(_USABLE)}]
    ec2 = cloud.api(_EC2, found.region)
    endpoints = list(items_of(ec2, _LIST, _ITEMS, deadline, Filters=filters))
    near = [each for each in endpoints if each.get("SubnetId") == subnet]
    return next(iter(near or endpoints), None)


def _access(
    cloud: Cloud, found: Found, endpoint: Mapping[str, Any], port: int, deadline: float
) -> SessionAccess:
    id, host = endpoint["InstanceConnectEndpointId"], endpoint["DnsName"]
    address = found.details.get("address")
    if not address:
        raise ConfigError(
            f"{found.id} has no private IPv4 address, which EC2 Instance Connect Endpoint needs",
            "Use --via ssm",
        )
    logger.info("the way to %s leads through EC2 Instance Connect Endpoint %s", found.id, id)
    query = presigned_query(
        cloud.keys.load(max(0.1, deadline - time.monotonic())),
        host=host,
        path="/openTunnel",
        query={
            "instanceConnectEndpointId": id,
            "remotePort": str(port),
            "privateIpAddress": address,
        },
        service="ec2-instance-connect",
        region=found.region,
        expires=_EXPIRES,
        now=time.time(),
    )
    url = f"wss://{host}/openTunnel?{query}"
    return SessionAccess(url, "", raw=True, refusal_hint=_REFUSAL_HINT)
