"""EC2's operations and EC2 Instance Connect's, carried out on the model.

Source of names, shapes and limits: botocore's models ``ec2/2016-11-15`` and
``ec2-instance-connect/2018-04-02``. Members have their names on the wire.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from ..account import Account
from ..errors import ApiError
from ..protocols.protocol import Instant
from ..protocols.query import Ec2Query
from ..rest import Endpoint
from ..shapes import Flag, ListOf, Structure, Text, Whole
from ..signed import EC2, JSON, Call, SignedApi
from . import connectendpoints
from .connectendpoints import ConnectEndpoints, matches
from .model import Ec2Model, Instance, Status

_QUERY = Ec2Query("2016-11-15", "http://ec2.amazonaws.com/doc/2016-11-15/")

#: The numbers of states, as the model's documentation has them.
_CODES = {
    Status.PENDING: 0,
    Status.RUNNING: 16,
    Status.SHUTTING_DOWN: 32,
    Status.TERMINATED: 48,
    Status.STOPPING: 64,
    Status.STOPPED: 80,
}

_PAGE_MAX = 1000

_FILTERS = ListOf(Structure({"Name": Text(), "Value": ListOf(Text())}))
_IDS = Structure({"InstanceId": ListOf(Text())}, ("InstanceId",))

DESCRIBE_INSTANCES = Structure(
    {
        "InstanceId": ListOf(Text()),
        "Filter": _FILTERS,
        "MaxResults": Whole(5, _PAGE_MAX),
        "NextToken": Text(),
    }
)
DESCRIBE_REGIONS = Structure({"RegionName": ListOf(Text()), "AllRegions": Flag()})
DESCRIBE_IMAGES = Structure({"ImageId": ListOf(Text())})
SEND_SSH_PUBLIC_KEY = Structure(
    {
        "InstanceId": Text(10, 32, r"^i-[a-f0-9]+$"),
        "InstanceOSUser": Text(
            1,
            32,
            r"(^[A-Za-z_][A-Za-z0-9\@\._-]{0,30}[A-Za-z0-9\$_-]?$)|"
            r"(^(?=.{2,32}$)[0-9]{1,32}[A-Za-z\@\._-][A-Za-z0-9\@\._-]*[A-Za-z0-9\$_-]?$)",
        ),
        "SSHPublicKey": Text(80, 4096),
        "AvailabilityZone": Text(6, 32, r"^(\w+-){2,3}\d+\w+$"),
    },
    ("InstanceId", "InstanceOSUser", "SSHPublicKey"),
)


class Ec2Service:
    """Both APIs, as endpoints for a ``RestServer``.

    :param api_url: returns the URL at which they are served.
    """

    def __init__(self, account: Account, model: Ec2Model, api_url: Callable[[], str]) -> None:
        self._account = account
        self._connect_endpoints = ConnectEndpoints(model, api_url)
        self._model = model

    def endpoints(self) -> list[Endpoint]:
        """Return all operations."""
        ec2 = SignedApi(self._account, "ec2", protocols=(_QUERY,), dialect=EC2)
        connect = SignedApi(
            self._account,
            "ec2-instance-connect",
            "AWSEC2InstanceConnectService",
            dialect=replace(JSON, invalid="InvalidArgsException"),
        )
        return [
            ec2.endpoint("DescribeInstances", DESCRIBE_INSTANCES, self._describe),
            ec2.endpoint("StartInstances", _IDS, self._start, resources=_instances_of),
            ec2.endpoint("StopInstances", _IDS, self._stop, resources=_instances_of),
            ec2.endpoint("DescribeRegions", DESCRIBE_REGIONS, self._regions),
            ec2.endpoint("DescribeImages", DESCRIBE_IMAGES, self._images),
            ec2.endpoint(
                "DescribeInstanceConnectEndpoints",
                connectendpoints.DESCRIBE,
                self._connect_endpoints.describe,
            ),
            connect.endpoint(
                "SendSSHPublicKey",
                SEND_SSH_PUBLIC_KEY,
                self._push,
                resources=lambda call: [call.arn(f"instance/{call['InstanceId']}", "ec2")],
            ),
        ]

    def _describe(self, call: Call) -> Mapping[str, Any]:
        ids = call.get("InstanceId", ())
        if ids and "MaxResults" in call.members:
            raise ApiError(
                "The parameter instancesSet cannot be used with the parameter maxResults",
                "InvalidParameterCombination",
            )
        found = [
            each for each in self._found(call) if matches(_filtered(each), call.get("Filter", ()))
        ]
        reservations = [
            {
                "reservationId": f"r-{instance.id[2:]}",
                "ownerId": self._account.id,
                "groupSet": [],
                "instancesSet": [self._summary(instance)],
            }
            for instance in found
        ]
        return call.page("reservationSet", reservations, _PAGE_MAX)

    def _start(self, call: Call) -> Mapping[str, Any]:
        return self._changed(self._found(call), self._model.start)

    def _stop(self, call: Call) -> Mapping[str, Any]:
        return self._changed(self._found(call), self._model.stop)

    def _regions(self, call: Call) -> Mapping[str, Any]:
        wanted = call.get("RegionName")
        rows = [
            {
                "regionName": name,
                "regionEndpoint": f"ec2.{name}.amazonaws.com",
                "optInStatus": "opt-in-not-required" if enabled else "not-opted-in",
            }
            for name, enabled in self._account.regions.items()
            if (enabled or call.get("AllRegions")) and (not wanted or name in wanted)
        ]
        return {"regionInfo": rows}

    def _images(self, call: Call) -> Mapping[str, Any]:
        wanted = call.get("ImageId", ())
        images = {each.image_id: each.platform for each in self._model.instances(call.region)}
        return {
            "imagesSet": [
                {"imageId": id, "name": platform.image, "platformDetails": platform.details}
                for id, platform in images.items()
                if id in wanted
            ]
        }

    def _push(self, call: Call) -> Mapping[str, Any]:
        found = [
            each for each in self._model.instances(call.region) if each.id == call["InstanceId"]
        ]
        if not found:
            raise ApiError("Instance not found", "EC2InstanceNotFoundException")
        zone = call.get("AvailabilityZone")
        if zone not in (None, found[0].zone):
            raise ApiError("The instance is in another zone", "InvalidArgsException")
        if found[0].status is not Status.RUNNING:
            raise ApiError(
                "The instance is not in a valid state", "EC2InstanceStateInvalidException"
            )
        if not re.match(r"(ssh-ed25519|ssh-rsa) [A-Za-z0-9+/=]+(\s|$)", call["SSHPublicKey"]):
            raise ApiError("Invalid SSH public key", "InvalidArgsException")
        self._model.push_key(found[0], call["InstanceOSUser"], call["SSHPublicKey"])
        return {"RequestId": "00000000-0000-4000-8000-000000000000", "Success": True}

    def _found(self, call: Call) -> list[Instance]:
        ids = call.get("InstanceId", ())
        for id in ids:
            if not re.fullmatch(r"i-([0-9a-f]{8}|[0-9a-f]{17})", id):
                raise ApiError(f'Invalid id: "{id}"', "InvalidInstanceID.Malformed")
        return self._model.instances(call.region, ids)

    def _changed(
        self, instances: list[Instance], change: Callable[[Sequence[Instance]], None]
    ) -> Mapping[str, Any]:
        before = [instance.status for instance in instances]
        change(instances)
        return {
            "instancesSet": [
                {
                    "instanceId": instance.id,
                    "previousState": _state(status),
                    "currentState": _state(instance.status),
                }
                for instance, status in zip(instances, before, strict=True)
            ]
        }

    def _summary(self, instance: Instance) -> Mapping[str, Any]:
        platform = instance.platform
        profile = f"instance-profile/{instance.profile}"
        gone = instance.status is Status.TERMINATED
        return {
            "instanceId": instance.id,
            "imageId": instance.image_id,
            "instanceState": _state(instance.status),
            "privateDnsName": "" if gone else instance.dns_name,
            "dnsName": "",
            "reason": instance.reason,
            "stateReason": {"code": "Client.UserInitiatedShutdown", "message": instance.reason}
            if instance.reason
            else None,
            "amiLaunchIndex": 0,
            "instanceType": instance.type,
            "launchTime": Instant(instance.launch_time),
            "placement": {
                "availabilityZone": instance.zone,
                "tenancy": "default",
            },
            "platform": "windows" if platform.type == "Windows" else None,
            "platformDetails": platform.details,
            "privateIpAddress": None if gone else instance.address,
            "vpcId": None if gone else instance.vpc_id,
            "subnetId": None if gone else instance.subnet_id,
            "architecture": "x86_64",
            "rootDeviceType": "ebs",
            "virtualizationType": "hvm",
            "hypervisor": "xen",
            "tagSet": [{"key": key, "value": value} for key, value in instance.tags.items()],
            "iamInstanceProfile": {"arn": self._account.arn("iam", "", profile), "id": "AIPA1"}
            if instance.profile
            else None,
        }


def _instances_of(call: Call) -> list[str]:
    return [call.arn(f"instance/{id}") for id in call["InstanceId"]]


def _state(status: Status) -> Mapping[str, Any]:
    return {"code": _CODES[status], "name": status.value}


def _filtered(instance: Instance) -> Mapping[str, str]:
    return {
        "instance-id": instance.id,
        "instance-state-name": instance.status.value,
        "private-ip-address": instance.address,
        "private-dns-name": instance.dns_name,
        **{f"tag:{key}": value for key, value in instance.tags.items()},
    }
