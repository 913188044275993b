"""EC2 instances and managed nodes, as the services describe and change them.

EC2 knows instances. Systems Manager knows agents: those of instances, and those of managed nodes,
which are machines outside of EC2.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from ...aws.api import Refused
from ...errors import ConfigError, ConnectorError, RequestRefused, TargetNotReady
from ...sessions import SessionAccess
from ..model import FAILED, GONE, RUNNING, STARTING, STOPPED, STOPPING, Query, SessionRequest, State
from ..pages import epoch_time
from ..regional.backend import Found, is_young
from ..regional.targets import Targets
from .api import EC2_API, SSM_API

if TYPE_CHECKING:
    from ..instanceconnect.tunnel import Tunnels

_PHASES = {"pending": STARTING, "running": RUNNING, "stopping": STOPPING, "stopped": STOPPED}
_PHASES |= dict.fromkeys(("shutting-down", "terminated"), GONE)

#: Users of images by words of the platform; ec2-user for others. Source: EC2's guide.
_USERS = {"ubuntu": "ubuntu", "debian": "admin", "rocky": "rocky", "fedora": "fedora"}
_USERS |= {"windows": "Administrator"}

#: AWS's policy of the role that an agent needs.
_POLICY = "AmazonSSMManagedInstanceCore"


class Machines(Targets):
    """The instances and the managed nodes of a Region."""

    service = EC2_API
    states = (*_PHASES, "Online", "ConnectionLost", "Inactive")

    def listed(self) -> list[Found]:
        """Return all machines.

        Without the permission to ask for agents, instances are listed all the same.
        """
        instances = _instances(self.items("describe_instances", "Reservations", MaxResults=1000))
        agents = self._agents(MaxResults=50)
        nodes = [each for id, each in (agents or {}).items() if id.startswith("mi-")]
        return [*(self._instance(each, agents) for each in instances), *map(self._node, nodes)]

    def look(self, found: Found, query: Query) -> Found:
        """Return a machine as it is now. The agent of an instance matters unless a way is chosen
        that needs none.
        """
        if not is_instance(found):
            nodes = self._agents(needed=True, Filters=_only(found))
            if nodes and found.id in nodes:
                return self._node(nodes[found.id])
        else:
            answer = self.call("describe_instances", InstanceIds=[found.id])
            for each in _instances(answer.get("Reservations", ())):
                asks = query.option("via") != "eice" and each["State"]["Name"] == "running"
                return self._instance(each, self._agents(Filters=_only(found)) if asks else None)
        raise Refused(404, "InvalidInstanceID.NotFound", "")

    def start(self, found: Found, query: Query) -> None:
        self._change(found, "start")

    def stop(self, found: Found) -> State:
        return self._change(found, "stop")

    def detour(self, found: Found, request: SessionRequest, query: Query) -> SessionAccess | None:
        """Return access through an endpoint to an instance whose agent is not connected."""
        if query.option("via") or not is_instance(found) or not _is_without_agent(found):
            return None
        return self.tunnels(found, query).open_if_any(found, request)

    def tunnels(self, found: Found, query: Query) -> Tunnels:
        """Return the tunnels to a port of an instance.

        :raises ConfigError: for a managed node.
        """
        if not is_instance(found):
            raise ConfigError(f"--via eice is for EC2 instances; {found.id} is a managed node")
        from ..instanceconnect.tunnel import Tunnels

        return Tunnels(self, int(query.option("port") or 22))

    @staticmethod
    def explain(refused: Refused, what: str, found: Found, query: Query) -> ConnectorError | None:
        if refused.code != "TargetNotConnected":
            return None
        message = f"The SSM agent of {found.id} is not connected"
        return TargetNotReady(message, _agent_advice(found))

    @staticmethod
    def advice(found: Found, query: Query) -> str:
        return _agent_advice(found) if found.state.phase == FAILED else ""

    def _change(self, found: Found, verb: str) -> State:
        """Start or stop an instance and return the state that this led to.

        :raises RequestRefused: for a managed node.
        """
        if not is_instance(found):
            message = f"AWS cannot {verb} {found.id}, which is a managed node"
            raise RequestRefused(message, f"Find its machine, and {verb} that")
        [changes] = self.call(f"{verb}_instances", InstanceIds=[found.id]).values()
        status = changes[0]["CurrentState"]["Name"] if changes else ""
        return State(status, "", _PHASES.get(status, FAILED))

    def _agents(self, *, needed: bool = False, **members: Any) -> dict[str, Any] | None:
        """Return what Systems Manager knows of agents, by the ids of their machines.

        :param needed: raise the refusal of a caller who may not ask; else None stands for it.
        """
        try:
            found = self.items(
                "describe_instance_information", "InstanceInformationList", SSM_API, **members
            )
            return {each["InstanceId"]: each for each in found}
        except Refused as refused:
            if needed or refused.status != 403:
                raise
            return None

    def _instance(self, each: Mapping[str, Any], agents: Mapping[str, Any] | None) -> Found:
        """Return an instance.

        :param agents: those that are known, by ids; None where we may not ask.
        """
        id, status = each["InstanceId"], each["State"]["Name"]
        agent = (agents or {}).get(id, {})
        ping = agent.get("PingStatus", "none") if status == "running" and agents is not None else ""
        address, dns = each.get("PrivateIpAddress", ""), each.get("PrivateDnsName", "")
        details = {
            **_details(agent, ping, each.get("InstanceType"), each.get("PlatformDetails")),
            "address": address or None,
            "vpc": each.get("VpcId"),
            "subnet": each.get("SubnetId"),
            "profile": "IamInstanceProfile" in each,
        }
        started = epoch_time(each.get("LaunchTime"))
        reason, phase = each.get("StateReason", {}).get("Message", ""), _PHASES.get(status, FAILED)
        reason = "" if reason.startswith("Client.UserInitiated") else reason
        if ping not in ("", "Online"):
            reason = f"its SSM agent is {ping}" if ping != "none" else "no SSM agent has registered"
            phase = STARTING if is_young(started) else FAILED
        names = [tag.get("Value") for tag in each.get("Tags", ()) if tag.get("Key") == "Name"]
        aliases = _filled(address, dns, dns.partition(".")[0])
        state = State(status, reason, phase)
        return Found(id, _filled(*names), self.region, aliases, state, details, started)

    def _node(self, agent: Mapping[str, Any]) -> Found:
        """Return a managed node. It is called by the name of its activation, or by its own."""
        ping = agent.get("PingStatus", "")
        names = _filled(agent.get("Name"), agent.get("ComputerName"))
        details = _details(agent, ping, "managed node", None)
        aliases = _filled(*names[1:], details["address"])
        state = State(ping, "", RUNNING if ping == "Online" else FAILED)
        return Found(agent["InstanceId"], names[:1], self.region, aliases, state, details)


def is_instance(found: Found) -> bool:
    """Return whether a machine is EC2's; the others are managed nodes."""
    return found.id.startswith("i-")


def _instances(reservations: Iterable[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    return [each for some in reservations for each in some.get("Instances", ())]


def _only(found: Found) -> list[dict[str, Any]]:
    """Return the filters of agents that leave one machine."""
    return [{"Key": "InstanceIds", "Values": [found.id]}]


def _details(
    agent: Mapping[str, Any], ping: str, type: str | None, platform: str | None
) -> dict[str, Any]:
    told = " ".join(_filled(agent.get("PlatformName"), agent.get("PlatformVersion"))) or platform
    known = {"agent": ping, "type": type, "address": agent.get("IPAddress"), "platform": told}
    return {name: value or None for name, value in {**known, "user": user_of(told)}.items()}


def _filled(*texts: str | None) -> tuple[str, ...]:
    """Return the texts that are not empty, each once."""
    return tuple(dict.fromkeys(text for text in texts if text))


def _is_without_agent(found: Found) -> bool:
    """Return whether an instance runs, and no agent can be expected."""
    state, details = found.state, found.details
    if state.status != "running" or not details.get("address"):
        return False
    if state.phase == STARTING:  # only an instance with a role can get an agent
        return details.get("agent") == "none" and details.get("profile") is False
    # Without the permission to ask for agents, the refusal alone says that it is not connected.
    return state.phase == FAILED or not details.get("agent")


def _agent_advice(found: Found) -> str:
    """Return what to check for an agent that is not connected, as far as it is known."""
    agent, profile = found.details.get("agent"), found.details.get("profile")
    if not is_instance(found):
        return "Check that the machine is on, that its agent runs, and its activation"
    if agent == "none" and profile is False:
        return f"It has no instance profile: attach one with {_POLICY}"
    first = "No agent has registered: install one" if agent == "none" else "Check that it runs"
    return f"{first}, and check its role ({_POLICY}) and its route to the ssm endpoints"


def user_of(platform: str | None) -> str:
    """Return the user of a platform's images; empty for one that may be any Linux."""
    if platform in (None, "", "Linux/UNIX"):
        return ""
    known = platform.lower()
    return next((user for word, user in _USERS.items() if word in known), "ec2-user")
