"""The way to an instance through an EC2 Instance Connect Endpoint of its VPC.

Such an endpoint needs no agent. It opens a raw stream to a port, as often as the caller signs the
stream's URL: there is no session at the service, and so nothing to resume or to end.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

from ...aws.api import CallFailed, Refused
from ...aws.responses import Object, non_empty, page_of, text
from ...aws.services import Service, SignedOperation
from ...aws.sigv4 import presigned_query
from ...errors import ConfigError
from ...fast.logs import Logger
from ...sessions import SessionAccess
from ..model import RUNNING, SSH, Query, SessionRequest
from ..regional.backend import Found
from ..regional.targets import Targets
from ..registry import EC2

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
_NAMES = {"instanceConnectEndpointSet": _ITEMS}
_CALLS = {
    _LIST: SignedOperation("DescribeInstanceConnectEndpoints", page_of(_ITEMS, _ENDPOINT), _NAMES)
}
_EC2 = Service("ec2", "ec2", "", _CALLS)

_REFUSAL_HINT = (
    "Check that you may ec2-instance-connect:OpenTunnel, and that the security group of the "
    "instance lets the endpoint in"
)

logger = Logger(__name__)


class Tunnels:
    """The tunnels to a port of instances.

    :param instances: those of a Region, whose calls end at a deadline. Their details have
        ``address``, ``vpc`` and ``subnet``.
    """

    def __init__(self, instances: Targets, port: int) -> None:
        self._instances = instances
        self._port = port

    def open(self, found: Found, request: SessionRequest, query: Query) -> SessionAccess:
        """Return access to a stream to an instance.

        :raises Refused: also when the instance does not run.
        :raises ConfigError: when no endpoint can lead there.
        """
        port = self._port
        if request.form != SSH:
            raise ConfigError(
                "--via eice carries ssh alone",
                f"Leave it out, or use `{EC2.command(query, 'ssh')}`",
            )
        if port not in PORTS:
            raise ConfigError(
                f"EC2 Instance Connect Endpoint leads to the ports 22 and 3389, not to {port}",
                "Use --via ssm for another port",
            )
        instance = self._instances.look(found, query)
        if instance.state.phase != RUNNING:
            raise Refused(400, "IncorrectInstanceState", f"it is {instance.state.status}")
        endpoint = self._endpoint(instance)
        if endpoint is None:
            raise ConfigError(
                f"The VPC of {found.id} has no EC2 Instance Connect Endpoint",
                "Create one, or leave --via eice away to use its SSM agent",
            )
        return self._access(instance, endpoint)

    def open_if_any(self, instance: Found, request: SessionRequest) -> SessionAccess | None:
        """Return access to a stream to an instance; None where no endpoint is known to lead there.

        :param instance: as it is now.
        """
        if request.form != SSH or self._port not in PORTS:
            return None
        try:
            endpoint = self._endpoint(instance)
            return self._access(instance, endpoint) if endpoint else None
        except (Refused, CallFailed) as failure:
            logger.info("EC2 Instance Connect Endpoints cannot be listed: %s", failure)
            return None

    def _endpoint(self, instance: Found) -> Mapping[str, Any] | None:
        """Return an endpoint that leads to the instance: of its subnet, or else of its VPC."""
        vpc, subnet = instance.details.get("vpc"), instance.details.get("subnet")
        if not vpc:
            return None
        filters = [{"Name": "vpc-id", "Values": [vpc]}, {"Name": "state", "Values": list(_USABLE)}]
        endpoints = list(self._instances.items(_LIST, _ITEMS, _EC2, Filters=filters))
        near = [each for each in endpoints if each.get("SubnetId") == subnet]
        return next(iter(near or endpoints), None)

    def _access(self, instance: Found, endpoint: Mapping[str, Any]) -> SessionAccess:
        id, host = endpoint["InstanceConnectEndpointId"], endpoint["DnsName"]
        address, instances = instance.details.get("address"), self._instances
        if not address:
            raise ConfigError(
                f"{instance.id} has no private IPv4 address, which EC2 Instance Connect Endpoint "
                "needs",
                "Use --via ssm",
            )
        logger.info("the way to %s leads through EC2 Instance Connect Endpoint %s", instance.id, id)
        query = presigned_query(
            instances.cloud.keys.load(instances.left),
            host=host,
            path="/openTunnel",
            query={
                "instanceConnectEndpointId": id,
                "remotePort": str(self._port),
                "privateIpAddress": address,
            },
            service="ec2-instance-connect",
            region=instances.region,
            expires=_EXPIRES,
            now=time.time(),
        )
        url = f"wss://{host}/openTunnel?{query}"
        return SessionAccess(url, "", raw=True, refusal_hint=_REFUSAL_HINT)
