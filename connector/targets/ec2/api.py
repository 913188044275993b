"""The operations of EC2 and Systems Manager on machines, and the members that we read.

Sources: botocore's models ``ec2/2016-11-15`` and ``ssm/2014-11-06``.
"""

from __future__ import annotations

from ...aws.responses import Object, list_of, list_or_empty, non_empty, page_of, texts
from ...aws.services import Service, SignedOperation

_STATE = Object({"Name": non_empty})
_INSTANCE = Object(
    {"InstanceId": non_empty, "State": _STATE},
    lenient={
        **texts("InstanceType", "PrivateIpAddress", "PrivateDnsName", "PlatformDetails"),
        **texts("VpcId", "SubnetId", "LaunchTime"),
        "StateReason": Object(lenient=texts("Message")),
        "Tags": list_of(Object(lenient=texts("Key", "Value"))),
        "IamInstanceProfile": Object(),
    },
)
_RESERVATION = Object({"Instances": list_or_empty(_INSTANCE)})
_DESCRIBED = {
    "reservationSet": "Reservations",
    "instancesSet": "Instances",
    "instanceState": "State",
    "tagSet": "Tags",
}
_AGENT = Object(
    {"InstanceId": non_empty},
    lenient={
        **texts("PingStatus", "PlatformName", "PlatformVersion", "Name", "ComputerName"),
        **texts("IPAddress"),
    },
)


def _change(name: str, member: str) -> SignedOperation:
    changes = list_or_empty(Object({"CurrentState": _STATE}))
    return SignedOperation(name, Object({member: changes}), {"instancesSet": member})


EC2_API = Service(
    "ec2",
    "ec2",
    "",
    {
        "describe_instances": SignedOperation(
            "DescribeInstances", page_of("Reservations", _RESERVATION), _DESCRIBED
        ),
        "start_instances": _change("StartInstances", "StartingInstances"),
        "stop_instances": _change("StopInstances", "StoppingInstances"),
    },
)
SSM_API = Service(
    "ssm",
    "ssm",
    "AmazonSSM",
    {
        "describe_instance_information": SignedOperation(
            "DescribeInstanceInformation", page_of("InstanceInformationList", _AGENT)
        )
    },
)
