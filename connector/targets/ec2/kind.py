"""EC2 instances and managed nodes as a kind of target: the door of this room."""

from __future__ import annotations

import time

from ...fast.plain import SHORT, is_id
from ...fast.typed import TYPE_CHECKING
from ..model import SSH, Column
from ..regional.backend import Backend, Found
from ..regional.kind import RegionalKind
from ..registry import EC2

if TYPE_CHECKING:
    from ...aws.cloud import Cloud
    from ...sessions import SessionAccess
    from ..model import Query, SessionRequest
    from .machines import Machines

_TOOLKIT = "aws-ec2-"  # AWS's toolkits write it in front of an instance's id
_ID = "0123456789abcdef0"
_KEY_TYPES = ("ssh-ed25519", "ssh-rsa")  # of EC2's guide


class Ec2(Backend):
    """The backend of EC2 instances and managed nodes."""

    row = EC2
    stream_services = ("ssm", "ec2")  # which tells the hosts of its endpoints for --via eice
    settles = 120.0  # agents are Online up to 90 s before sessions reach them
    ssh_title = "Amazon EC2 instances and managed nodes"
    # Whole ids: hosts of the user's own may begin with "i-", too.
    patterns = ("*.ec2", f"i-{'?' * 17}", f"mi-{'?' * 17}", f"{_TOOLKIT}i-*")
    examples = ("a.b.ec2", f"i-{_ID}", f"mi-{_ID}", f"{_TOOLKIT}i-{_ID}")
    ssh_user = ""
    columns = (
        Column("AGENT", 7, "agent"),
        Column("TYPE", 6, "type"),
        Column("ADDRESS", 8, "address"),
        Column("PLATFORM", 8, "platform"),
    )
    pushed_key = ("push-key", "public-key", _KEY_TYPES)
    members = ("agent", "type", "address", "platform", "user")

    @property
    def targets(self) -> type[Machines]:
        from .machines import Machines

        return Machines

    def exact(self, name: str) -> Found | None:
        id = name.removeprefix(_TOOLKIT).lower()
        return Found(id) if is_id(id, "i-") or is_id(id, "mi-") else None

    def may_be_cut(self, found: Found) -> bool:
        return len(found.id.partition("-")[2]) == SHORT

    def open(
        self, cloud: Cloud, found: Found, request: SessionRequest, query: Query, timeout: float
    ) -> SessionAccess:
        deadline = time.monotonic() + timeout
        if query.flag("push-key") and request.form == SSH:
            from ..instanceconnect.keys import push_key

            machines = self.targets(cloud, found.region, deadline)
            push_key(machines, found, query, _KEY_TYPES)
        if query.option("via") == "eice":
            machines = self.targets(cloud, found.region, deadline)
            return machines.tunnels(found, query).open(found, request, query)
        return super().open(cloud, found, request, query, max(deadline - time.monotonic(), 0.1))

    def user(self, found: Found) -> str:
        return str(found.details.get("user") or "ec2-user")

    def stop_warning(self, found: Found) -> str:
        return "A stop ends its sessions, and loses data of instance stores and the public address"


KIND = RegionalKind(Ec2())
