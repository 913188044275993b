"""The operation that lists EC2 Instance Connect Endpoints.

Source of names and shapes: botocore's model ``ec2/2016-11-15``. Members have their names on the
wire.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from fnmatch import fnmatchcase
from typing import Any
from urllib.parse import urlsplit

from ..errors import ApiError
from ..protocols.protocol import Instant
from ..shapes import ListOf, Structure, Text, Whole
from ..signed import Call
from .model import ConnectEndpoint, Ec2Model

#: The most items of a page: a choice, since the model has no limit.
_PAGE_MAX = 50

DESCRIBE = Structure(
    {
        "InstanceConnectEndpointId": ListOf(Text()),
        "Filter": ListOf(Structure({"Name": Text(), "Value": ListOf(Text())})),
        "MaxResults": Whole(1, _PAGE_MAX),
        "NextToken": Text(),
    }
)


class ConnectEndpoints:
    """Answers the operation.

    :param api_url: returns the URL at which the endpoints' tunnels are opened. AWS gives each
        endpoint a host of its own; ours have one address, which their DNS names tell.
    """

    def __init__(self, model: Ec2Model, api_url: Callable[[], str]) -> None:
        self._model = model
        self._api_url = api_url

    def describe(self, call: Call) -> Mapping[str, Any]:
        here = [each for each in self._model.connect_endpoints if each.region == call.region]
        ids = call.get("InstanceConnectEndpointId", ())
        known = {each.id for each in here}
        for id in ids:
            if id not in known:
                text = f"The instance connect endpoint ID '{id}' does not exist"
                raise ApiError(text, "InvalidInstanceConnectEndpointId.NotFound")
        found = [
            each
            for each in here
            if (not ids or each.id in ids) and matches(_filtered(each), call.get("Filter", ()))
        ]
        summaries = [self._summary(call, each) for each in found]
        return call.page("instanceConnectEndpointSet", summaries, _PAGE_MAX)

    def _summary(self, call: Call, endpoint: ConnectEndpoint) -> Mapping[str, Any]:
        return {
            "ownerId": call.account.id,
            "instanceConnectEndpointId": endpoint.id,
            "instanceConnectEndpointArn": call.arn(f"instance-connect-endpoint/{endpoint.id}"),
            "state": endpoint.state,
            "stateMessage": "",
            "dnsName": urlsplit(self._api_url()).netloc,
            "networkInterfaceIdSet": [f"eni-{endpoint.id.partition('-')[2]}"],
            "vpcId": endpoint.vpc_id,
            "availabilityZone": f"{endpoint.region}a",
            "createdAt": Instant(0.0),
            "subnetId": endpoint.subnet_id,
            "preserveClientIp": False,
            "securityGroupIdSet": ["sg-0a1b2c3d4e5f60718"],
            "tagSet": [],
            "ipAddressType": "ipv4",
        }


def _filtered(endpoint: ConnectEndpoint) -> Mapping[str, str]:
    return {
        "instance-connect-endpoint-id": endpoint.id,
        "state": endpoint.state,
        "subnet-id": endpoint.subnet_id,
        "vpc-id": endpoint.vpc_id,
    }


def matches(values: Mapping[str, str], filters: Any) -> bool:
    """Return whether a resource matches all filters. Their values may have ``*``.

    :param values: those of the resource, by the names of all filters that the emulator knows.
    :raises ApiError: for another filter; a tag that the resource lacks is none.
    """
    for rule in filters:
        name = rule.get("Name", "")
        if name not in values and not name.startswith("tag:"):
            raise ApiError(f"The filter '{name}' is invalid", "InvalidParameterValue")
        found = (fnmatchcase(values.get(name, ""), each) for each in rule.get("Value", ()))
        if name not in values or not any(found):
            return False
    return True
