"""Calls about EC2 instances and managed nodes, and what their answers mean.

EC2 knows instances. Systems Manager knows agents: those of instances, and those of managed nodes,
which are machines outside of EC2.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from ...aws.api import Refused
from ...aws.cloud import Cloud
from ...aws.responses import Object, list_of, non_empty, text
from ...aws.signed import Service, SignedOperation
from ...errors import RequestRefused
from ..model import FAILED, GONE, RUNNING, STARTING, STOPPED, STOPPING, State
from ..regional.backend import Found, is_young
from ..regional.pages import epoch_time, items_of

_PHASES = {"pending": STARTING, "running": RUNNING, "stopping": STOPPING, "stopped": STOPPED}
_PHASES |= dict.fromkeys(("shutting-down", "terminated"), GONE)

#: Users of images by words of the platform; ec2-user for others. Source: EC2's guide.
_USERS = {"ubuntu": "ubuntu", "debian": "admin", "rocky": "rocky", "fedora": "fedora"}
_USERS |= {"windows": "Administrator"}

_STATE = Object({"Name": non_empty})
_INSTANCE_TEXTS = ("InstanceType", "PrivateIpAddress", "PrivateDnsName", "PlatformDetails")
_NETWORK_TEXTS = ("VpcId", "SubnetId")
_AGENT_TEXTS = ("PingStatus", "PlatformName", "PlatformVersion", "Name", "ComputerName")
_INSTANCE = Object(
    {"InstanceId": non_empty, "State": _STATE},
    lenient={
        **dict.fromkeys((*_INSTANCE_TEXTS, *_NETWORK_TEXTS, "LaunchTime"), text),
        "StateReason": Object(lenient={"Message": text}),
        "Tags": list_of(Object(lenient={"Key": text, "Value": text})),
        "IamInstanceProfile": Object(),
    },
)
_AGENT = Object(
    {"InstanceId": non_empty}, lenient=dict.fromkeys((*_AGENT_TEXTS, "IPAddress"), text)
)


def _operation(
    name: str, xml_names: Mapping[str, str] | None = None, **lists: Object
) -> SignedOperation:
    optional = {member: list_of(item) for member, item in lists.items()}
    return SignedOperation(name, Object(optional={**optional, "NextToken": text}), xml_names)


_RESERVATION = Object(optional={"Instances": list_of(_INSTANCE)})
_CHANGE = Object({"CurrentState": _STATE})
_DESCRIBED = {"reservationSet": "Reservations", "instancesSet": "Instances"}
_DESCRIBED |= {"instanceState": "State", "tagSet": "Tags"}
_DESCRIBE, _AGENTS = "describe_instances", "describe_instance_information"
_EC2_CALLS = {
    _DESCRIBE: _operation("DescribeInstances", _DESCRIBED, Reservations=_RESERVATION),
    "start_instances": _operation(
        "StartInstances", {"instancesSet": "StartingInstances"}, StartingInstances=_CHANGE
    ),
    "stop_instances": _operation(
        "StopInstances", {"instancesSet": "StoppingInstances"}, StoppingInstances=_CHANGE
    ),
}
_SSM_CALLS = {_AGENTS: _operation("DescribeInstanceInformation", InstanceInformationList=_AGENT)}
EC2_API = Service("ec2", "ec2", "", _EC2_CALLS)
SSM_API = Service("ssm", "ssm", "AmazonSSM", _SSM_CALLS)


def is_instance(found: Found) -> bool:
    """Return whether a machine is EC2's; the others are managed nodes."""
    return found.id.startswith("i-")


def list_machines(cloud: Cloud, region: str, deadline: float) -> list[Found]:
    """Return the instances and the managed nodes of a Region.

    Without the permission to ask for agents, instances are listed all the same.
    """
    ec2, ssm = cloud.api(EC2_API, region), cloud.api(SSM_API, region)
    reservations = items_of(ec2, _DESCRIBE, "Reservations", deadline, MaxResults=1000)
    instances = [each for some in reservations for each in some.get("Instances", ())]
    agents = None
    with _perhaps_denied():
        listed = items_of(ssm, _AGENTS, "InstanceInformationList", deadline, MaxResults=50)
        agents = {each["InstanceId"]: each for each in listed}
    nodes = [each for id, each in (agents or {}).items() if id.startswith("mi-")]
    found = [_instance(each, region, agents) for each in instances]
    return [*found, *(_node(each, region) for each in nodes)]


def look(cloud: Cloud, found: Found, timeout: float, *, agent: bool = True) -> Found:
    """Return a machine as the services describe it now.

    :param agent: whether the agent of an instance matters.
    :raises Refused: also when they do not know it.
    """
    region, unknown = found.region, Refused(404, "InvalidInstanceID.NotFound", "")
    if not is_instance(found):
        nodes = _agent_of(cloud, found, timeout)
        if not nodes:
            raise unknown
        return _node(nodes[found.id], region)
    answer = cloud.api(EC2_API, region).call(
        _DESCRIBE, timeout=0.6 * timeout, InstanceIds=[found.id]
    )
    listed = [each for some in answer.get("Reservations", ()) for each in some.get("Instances", ())]
    if not listed:
        raise unknown
    agents = None
    if agent and listed[0]["State"]["Name"] == "running":
        with _perhaps_denied():
            agents = _agent_of(cloud, found, 0.4 * timeout)
    return _instance(listed[0], region, agents)


def change(cloud: Cloud, found: Found, verb: str, timeout: float) -> State:
    """Start or stop an instance and return the state that this led to.

    :raises RequestRefused: for a managed node.
    """
    if not is_instance(found):
        message = f"AWS cannot {verb} {found.id}, which is a managed node"
        raise RequestRefused(message, f"Find its machine, and {verb} that")
    answer = cloud.api(EC2_API, found.region).call(
        f"{verb}_instances", timeout=timeout, InstanceIds=[found.id]
    )
    changes = answer.get("StartingInstances") or answer.get("StoppingInstances")
    status = changes[0]["CurrentState"]["Name"] if changes else ""
    return State(status, "", _PHASES.get(status, FAILED))


@contextmanager
def _perhaps_denied() -> Iterator[None]:
    """Go on without an answer where the caller lacks the permission to ask."""
    try:
        yield
    except Refused as refused:
        if refused.status != 403:
            raise


def _agent_of(cloud: Cloud, found: Found, timeout: float) -> dict[str, Any]:
    """Return what Systems Manager knows of a machine's agent, by the machine's id."""
    filters = [{"Key": "InstanceIds", "Values": [found.id]}]
    answer = cloud.api(SSM_API, found.region).call(_AGENTS, timeout=timeout, Filters=filters)
    return {each["InstanceId"]: each for each in answer.get("InstanceInformationList", ())}


def _instance(each: Mapping[str, Any], region: str, agents: Mapping[str, Any] | None) -> Found:
    """Return an instance.

    :param agents: those that are known, by ids; None where we may not ask.
    """
    id, status = each["InstanceId"], each["State"]["Name"]
    agent = (agents or {}).get(id, {})
    ping = agent.get("PingStatus", "none") if status == "running" and agents is not None else ""
    details = _details(agent, ping, each.get("InstanceType", ""), each.get("PlatformDetails", ""))
    details["address"] = address = each.get("PrivateIpAddress", "")
    details["vpc"], details["subnet"] = (each.get(name, "") for name in _NETWORK_TEXTS)
    details["profile"] = "IamInstanceProfile" in each
    started = epoch_time(each.get("LaunchTime"))
    reason, phase = each.get("StateReason", {}).get("Message", ""), _PHASES.get(status, FAILED)
    reason = "" if reason.startswith("Client.UserInitiated") else reason
    if ping not in ("", "Online"):
        reason = f"its SSM agent is {ping}" if ping != "none" else "no SSM agent has registered"
        phase = STARTING if is_young(started) else FAILED
    names = [tag.get("Value") for tag in each.get("Tags", ()) if tag.get("Key") == "Name"]
    dns = each.get("PrivateDnsName", "")
    aliases = _filled(address, dns, dns.partition(".")[0])
    state = State(status, reason, phase)
    return Found(id, _filled(*names), region, aliases, state, details, started)


def _node(agent: Mapping[str, Any], region: str) -> Found:
    """Return a managed node. It is called by the name of its activation, or by its own."""
    ping = agent.get("PingStatus", "")
    names = _filled(agent.get("Name"), agent.get("ComputerName"))
    details = _details(agent, ping, "managed node", "")
    aliases = _filled(*names[1:], details["address"])
    state = State(ping, "", RUNNING if ping == "Online" else FAILED)
    return Found(agent["InstanceId"], names[:1], region, aliases, state, details)


def _details(agent: Mapping[str, Any], ping: str, type: str, platform: str) -> dict[str, Any]:
    told = " ".join(_filled(agent.get("PlatformName"), agent.get("PlatformVersion"))) or platform
    known = {"agent": ping, "type": type, "address": agent.get("IPAddress", "")}
    return {**known, "platform": told, "user": user_of(told)}


def _filled(*texts: str | None) -> tuple[str, ...]:
    """Return the texts that are not empty, each once."""
    return tuple(dict.fromkeys(text for text in texts if text))


def user_of(platform: str) -> str:
    """Return the user of a platform's images; empty for one that may be any Linux."""
    if platform in ("", "Linux/UNIX"):
        return ""
    known = platform.lower()
    return next((user for word, user in _USERS.items() if word in known), "ec2-user")
