"""EC2 instances and managed nodes as a kind of target: the door of this room."""

from __future__ import annotations

from collections.abc import Sequence

from ...fast.plain import is_id
from ...fast.typed import TYPE_CHECKING, Any
from ..model import FAILED, SSH, Column, State
from ..regional.backend import Backend, Found
from ..regional.kind import RegionalKind
from ..registry import EC2

if TYPE_CHECKING:
    from ...aws.api import Refused
    from ...aws.cloud import Cloud
    from ...aws.signed import Service
    from ...errors import ConnectorError
    from ...sessions import SessionAccess
    from ...ssh.facts import SshFacts
    from ..model import Query, SessionRequest

_TOOLKIT = "aws-ec2-"  # AWS's toolkits write it in front of an instance's id

#: The details of a machine that lists show.
_SHOWN = ("agent", "type", "address", "platform")


class Ec2(Backend):
    """The backend of EC2 instances and managed nodes."""

    row = EC2
    stream_services = ("ssm", "ec2")  # which tells the hosts of its endpoints for --via eice
    settles = 120.0  # agents are Online up to 90 s before sessions reach them
    columns = (Column("AGENT", 7), Column("TYPE", 6), Column("ADDRESS", 8), Column("PLATFORM", 8))
    states = (
        *("pending", "running", "shutting-down", "terminated", "stopping", "stopped"),
        *("Online", "ConnectionLost", "Inactive"),
    )

    @property
    def service(self) -> Service:
        from ..regional.ssm import SSM  # completion needs no network

        return SSM

    @property
    def ssh(self) -> SshFacts:
        from ...ssh.facts import SshFacts

        id = "0123456789abcdef0"
        return SshFacts(
            title="Amazon EC2 instances and managed nodes",
            nouns="EC2 instances",
            # Whole ids: hosts of the user's own may begin with "i-", too.
            patterns=("*.ec2", f"i-{'?' * 17}", f"mi-{'?' * 17}", f"{_TOOLKIT}i-*"),
            examples=("a.b.ec2", f"i-{id}", f"mi-{id}", f"{_TOOLKIT}i-{id}"),
            suffix=".ec2",
            service_prefixes=(_TOOLKIT,),
            user="",
            known_hosts="~/.ssh/known_hosts_ec2",
            file_prefix="ec2_",
            id_prefixes=EC2.id_prefixes,
            proxy_options=("--port", "%p", "--user", "%r"),
        )

    def exact(self, name: str) -> Found | None:
        id = name.removeprefix(_TOOLKIT).lower()
        return Found(id) if is_id(id, "i-") or is_id(id, "mi-") else None

    def list_region(self, cloud: Cloud, region: str, deadline: float) -> Sequence[Found]:
        from .machines import list_machines

        return list_machines(cloud, region, deadline)

    def look(self, cloud: Cloud, found: Found, timeout: float) -> Found:
        from .machines import look

        return look(cloud, found, timeout)

    def look_for(self, cloud: Cloud, found: Found, query: Query, timeout: float) -> Found:
        from .machines import look

        return look(cloud, found, timeout, agent=query.option("via") != "eice")

    def start(self, cloud: Cloud, found: Found, query: Query, timeout: float) -> None:
        from .machines import change

        change(cloud, found, "start", timeout)

    def stop(self, cloud: Cloud, found: Found, timeout: float) -> State:
        from .machines import change

        return change(cloud, found, "stop", timeout)

    def open(
        self, cloud: Cloud, found: Found, request: SessionRequest, query: Query, timeout: float
    ) -> SessionAccess:
        if query.flag("push-key") and request.form == SSH:
            from .access import push_key

            push_key(cloud, found, query, timeout)
        from ..regional.ssm import start_ssm_session

        port = int(query.option("port") or 22)
        if query.option("via") == "eice":
            from .eice import open_tunnel

            return open_tunnel(cloud, found, request, port, timeout)
        return start_ssm_session(cloud, found.region, found.id, request, port, timeout)

    def detour(
        self, cloud: Cloud, found: Found, request: SessionRequest, query: Query, timeout: float
    ) -> SessionAccess | None:
        from .eice import detour

        return detour(cloud, found, request, query, int(query.option("port") or 22), timeout)

    def explain(
        self, refused: Refused, what: str, found: Found | None, query: Query
    ) -> ConnectorError | None:
        from .access import explain

        return explain(refused, found)

    def advice(self, found: Found) -> str:
        from .access import agent_advice

        return agent_advice(found) if found.state.phase == FAILED else ""

    def user(self, found: Found) -> str:
        return str(found.details.get("user") or "ec2-user")

    def stop_warning(self, found: Found) -> str:
        return "A stop ends its sessions, and loses data of instance stores and the public address"

    def fields(self, found: Found) -> tuple[str, ...]:
        return tuple(str(found.details.get(name, "")) for name in _SHOWN)

    cells = fields

    def document(self, found: Found) -> dict[str, Any]:
        return {name: found.details.get(name) or None for name in (*_SHOWN, "user")}


KIND = RegionalKind(Ec2())
