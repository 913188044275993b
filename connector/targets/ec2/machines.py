"""Calls about EC2 instances and managed nodes, and what their answers mean.

EC2 knows instances. Systems Manager knows agents: those of instances, and those of managed nodes,
which are machines outside of EC2.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from contextlib import suppress
from datetime import datetime, timezone
from math import inf

from ...aws.api import Refused
from ...aws.cloud import Cloud
from ...aws.responses import Object, list_of, non_empty, text
from ...aws.signed import Service, SignedOperation
from ...errors import RequestRefused
from ...fast.logs import Logger
from ...fast.typed import Any
from ..model import FAILED, GONE, RUNNING, STARTING, STOPPED, STOPPING, State
from ..regional.backend import Found
from ..regional.pages import items_of

logger = Logger(__name__)

#: Seconds after a launch in which the agent of an instance may still be on its way.
BOOT_SECONDS = 300.0

_PHASES = {"pending": STARTING, "running": RUNNING, "stopping": STOPPING, "stopped": STOPPED}
_PHASES |= dict.fromkeys(("shutting-down", "terminated"), GONE)

#: Users of images by words of the platform; ec2-user for others. Source: EC2's guide.
_USERS = {"ubuntu": "ubuntu", "debian": "admin", "rocky": "rocky", "fedora": "fedora"}
_USERS |= {"windows": "Administrator"}
_ANY_LINUX = "Linux/UNIX"  # PlatformDetails of most images


_STATE = Object({"Name": non_empty})
_INSTANCE_TEXTS = ("InstanceType", "PrivateIpAddress", "PrivateDnsName", "PlatformDetails")
_AGENT_TEXTS = ("PingStatus", "PlatformName", "PlatformVersion", "Name", "ComputerName")
_INSTANCE = Object(
    {"InstanceId": non_empty, "State": _STATE},
    lenient={
        **dict.fromkeys((*_INSTANCE_TEXTS, "LaunchTime"), text),
        "StateReason": Object(lenient={"Message": text}),
        "Tags": list_of(Object(lenient={"Key": text, "Value": text})),
        "IamInstanceProfile": Object(),
    },
)
_RESERVATION = Object(lenient={"Instances": list_of(_INSTANCE)})
_CHANGES = list_of(Object({"CurrentState": _STATE}))
_AGENT = Object(
    {"InstanceId": non_empty}, lenient=dict.fromkeys((*_AGENT_TEXTS, "IPAddress"), text)
)


def _page(**items: Any) -> Object:
    return Object(lenient={**items, "NextToken": text})


_DESCRIBE, _AGENTS = "describe_instances", "describe_instance_information"
EC2_API = Service(
    "ec2",
    "ec2",
    "",
    {
        _DESCRIBE: SignedOperation("DescribeInstances", _page(Reservations=list_of(_RESERVATION))),
        "start_instances": SignedOperation("StartInstances", _page(StartingInstances=_CHANGES)),
        "stop_instances": SignedOperation("StopInstances", _page(StoppingInstances=_CHANGES)),
    },
)
_AGENTS_PAGE = _page(InstanceInformationList=list_of(_AGENT))
AGENTS_API = Service(
    "ssm",
    "ssm",
    "AmazonSSM",
    {_AGENTS: SignedOperation("DescribeInstanceInformation", _AGENTS_PAGE)},
)


def is_instance(found: Found) -> bool:
    """Return whether a machine is EC2's; the others are managed nodes."""
    return found.id.startswith("i-")


def list_machines(cloud: Cloud, region: str, deadline: float) -> list[Found]:
    """Return the instances and the managed nodes of a Region.

    Without the permission to ask for agents, instances are listed all the same.
    """
    ec2, ssm = cloud.api(EC2_API, region), cloud.api(AGENTS_API, region)
    reservations = items_of(ec2, _DESCRIBE, "Reservations", deadline, MaxResults=1000)
    instances = [each for some in reservations for each in some.get("Instances", ())]
    try:
        listed = list(items_of(ssm, _AGENTS, "InstanceInformationList", deadline, MaxResults=50))
    except Refused as refused:
        _may_be_denied(refused)
        return [_instance(each, region, None) for each in instances]
    agents = {each["InstanceId"]: each for each in listed}
    return [
        *(_instance(each, region, agents.get(each["InstanceId"], {})) for each in instances),
        *(_node(each, region) for id, each in agents.items() if id.startswith("mi-")),
    ]


def look(cloud: Cloud, found: Found, timeout: float) -> Found:
    """Return a machine as the services describe it now.

    :raises Refused: also when they do not know it.
    """
    deadline = time.monotonic() + timeout
    region, instance = found.region, None
    if is_instance(found):
        ec2 = cloud.api(EC2_API, region)
        answer = ec2.call(_DESCRIBE, timeout=0.6 * timeout, InstanceIds=[found.id])
        listed = [each for some in answer["Reservations"] for each in some.get("Instances", ())]
        if not listed:
            raise Refused(400, "InvalidInstanceID.NotFound", "")
        instance = listed[0]
        if instance["State"]["Name"] != "running":
            return _instance(instance, region, {})
    try:
        answer = cloud.api(AGENTS_API, region).call(
            _AGENTS,
            timeout=max(0.1, deadline - time.monotonic()),
            Filters=[{"Key": "InstanceIds", "Values": [found.id]}],
        )
    except Refused as refused:
        if instance is None:
            raise
        _may_be_denied(refused)
        return _instance(instance, region, None)
    agents = answer.get("InstanceInformationList")
    if instance is not None:
        return _instance(instance, region, agents[0] if agents else {})
    if not agents:
        raise Refused(400, "InvalidInstanceId", "")
    return _node(agents[0], region)


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


def _may_be_denied(refused: Refused) -> None:
    """:raises Refused: unless the caller lacks the permission."""
    if refused.status != 403:
        raise refused
    logger.info("the agents are not known: %s", refused)


def _instance(each: Mapping[str, Any], region: str, agent: Mapping[str, Any] | None) -> Found:
    """Return an instance. Its agent is None where we may not ask for it."""
    name = next((tag.get("Value") for tag in each.get("Tags", ()) if tag.get("Key") == "Name"), "")
    dns, status = each.get("PrivateDnsName", ""), each["State"]["Name"]
    ping = "" if agent is None or status != "running" else agent.get("PingStatus", "none")
    details = _details(agent or {}, ping, each.get("InstanceType", ""))
    details["address"] = each.get("PrivateIpAddress", "")
    details["platform"] = details["platform"] or each.get("PlatformDetails", "")
    details["user"] = user_of(details["platform"])
    details["profile"] = "IamInstanceProfile" in each
    reason, phase = each.get("StateReason", {}).get("Message", ""), _PHASES.get(status, FAILED)
    reason = "" if reason.startswith("Client.UserInitiated") else reason
    if ping not in ("", "Online"):
        reason = f"its SSM agent is {ping}" if ping != "none" else "no SSM agent has registered"
        phase = STARTING if _seconds_since(each.get("LaunchTime", "")) < BOOT_SECONDS else FAILED
    aliases = (details["address"], dns, dns.partition(".")[0])
    state = State(status, reason, phase)
    labels = (name,) if name else ()
    return Found(each["InstanceId"], labels, region, _filled(*aliases), state, details)


def _node(agent: Mapping[str, Any], region: str) -> Found:
    """Return a managed node. It is called by the name of its activation, or by its own."""
    ping = agent.get("PingStatus", "")
    details = _details(agent, ping, "managed node")
    state = State(ping, "", RUNNING if ping == "Online" else FAILED)
    names = _filled(agent.get("Name"), agent.get("ComputerName"))
    aliases = _filled(*names[1:], details["address"])
    return Found(agent["InstanceId"], names[:1], region, aliases, state, details)


def _details(agent: Mapping[str, Any], ping: str, type: str) -> dict[str, Any]:
    platform = " ".join(_filled(agent.get("PlatformName"), agent.get("PlatformVersion")))
    known = {"agent": ping, "type": type, "address": agent.get("IPAddress", "")}
    return {**known, "platform": platform, "user": user_of(platform)}


def _seconds_since(time: str) -> float:
    """Return how long ago a time was; infinity for a text that is none."""
    with suppress(ValueError):
        then = datetime.fromisoformat(time.replace("Z", "+00:00"))
        return (datetime.now(timezone.utc) - then).total_seconds()
    return inf


def _filled(*texts: str | None) -> tuple[str, ...]:
    """Return the texts that are not empty, each once."""
    return tuple(dict.fromkeys(text for text in texts if text))


def user_of(platform: str) -> str:
    """Return the user of a platform's images; empty for one that may be any Linux."""
    if platform in ("", _ANY_LINUX):
        return ""
    known = platform.lower()
    return next((user for word, user in _USERS.items() if word in known), "ec2-user")
