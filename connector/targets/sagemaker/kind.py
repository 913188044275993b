"""SageMaker's spaces as a kind of target: the door of this room.

A space is started by creating its app, and stopped by deleting the app. Only apps of two types
have an SSH server, and only while the space's setting RemoteAccess is on.
"""

from __future__ import annotations

from collections.abc import Sequence

from ...fast.typed import TYPE_CHECKING, Any
from ...sessions import SessionAccess
from ..model import Column
from ..regional.backend import Backend, Found
from ..regional.kind import RegionalKind
from ..registry import SAGEMAKER
from .names import TOOLKIT, arn_of, place_of

if TYPE_CHECKING:
    from ...aws.api import Refused
    from ...aws.cloud import Cloud
    from ...aws.signed import Service
    from ...errors import ConnectorError
    from ...ssh.facts import SshFacts
    from ..model import Query, SessionRequest, State


class SageMaker(Backend):
    """The backend of spaces. Their details are those of ``connector list --json``."""

    row = SAGEMAKER
    changes_host_keys = names_last = True
    terminates = False  # AWS documents no such permission for the user of a space
    columns = (Column("APP", 10), Column("REMOTE", 6), Column("INSTANCE", 11))
    states = ("Stopped", "Pending", "InService", "Deleting", "Failed", "Updating")

    @property
    def service(self) -> Service:
        from .api import SERVICE  # completion has no need of it

        return SERVICE

    @property
    def ssh(self) -> SshFacts:
        from ...ssh.facts import SshFacts

        arn = "arn:aws:sagemaker:us-east-1:123456789012:space/d-a/b"
        return SshFacts(
            title="Amazon SageMaker spaces",
            nouns="SageMaker spaces",
            patterns=("*.sagemaker", "arn:aws*:sagemaker:*", *(f"{p}arn*" for p in TOOLKIT)),
            examples=("a.b.sagemaker", arn, *(f"{p}arn_._aws" for p in TOOLKIT)),
            suffix=".sagemaker",
            service_prefixes=("arn:", *TOOLKIT),
            user="sagemaker-user",
            known_hosts="~/.ssh/known_hosts_sagemaker",
            file_prefix="sagemaker_",
        )

    def exact(self, name: str) -> Found | None:
        arn = arn_of(name)
        return Found(arn, tuple(arn.split("/")[:0:-1]), arn.split(":")[3]) if arn else None

    def title(self, found: Found) -> str:
        return ".".join(found.labels)  # the ARN says no more, but at length

    def list_region(self, cloud: Cloud, region: str, deadline: float) -> Sequence[Found]:
        from .spaces import list_spaces

        return list_spaces(cloud.api(self.service, region), deadline)

    def look(self, cloud: Cloud, found: Found, timeout: float) -> Found:
        from .spaces import look

        return look(cloud.api(self.service, found.region), found, timeout)

    def ready(self, found: Found) -> bool:
        return bool(found.details.get("remoteAccess", True))

    def start(self, cloud: Cloud, found: Found, query: Query, timeout: float) -> None:
        from .spaces import start

        start(cloud.api(self.service, found.region), found, query, timeout)

    def stop(self, cloud: Cloud, found: Found, timeout: float) -> State:
        from .spaces import stop

        return stop(cloud.api(self.service, found.region), found, timeout)

    def open(
        self, cloud: Cloud, found: Found, request: SessionRequest, query: Query, timeout: float
    ) -> SessionAccess:
        api = cloud.api(self.service, found.region)
        answer = api.call("start_session", timeout=timeout, ResourceIdentifier=found.id)
        return SessionAccess(answer["StreamUrl"], answer["TokenValue"], answer["SessionId"])

    def machine_of(self, cloud: Cloud, found: Found, timeout: float) -> str:
        from .spaces import machine_of

        return machine_of(cloud.api(self.service, found.region), found, timeout)

    def may_settle(self, refused: Refused) -> bool:
        return refused.code == "InternalFailure"

    def explain(
        self, refused: Refused, what: str, found: Found | None, query: Query
    ) -> ConnectorError | None:
        from .spaces import explain

        return explain(refused, found, query)

    def advice(self, found: Found) -> str:
        failed = found.state.status == "Failed" and found.details["appCreationTime"]
        name = ".".join(found.labels)
        return f"Run `connector stop {name}.sagemaker`, and start it again" if failed else ""

    def host_key_alias(self, found: Found) -> str:
        return found.id.replace(":", "-").replace("/", "-").lower()

    def stop_warning(self, found: Found) -> str:
        return "A stop deletes its app: kernels, terminals and unsaved work end, and the disk stays"

    def cells(self, found: Found) -> tuple[str, ...]:
        details = found.details
        remote = "on" if details["remoteAccess"] else "off"
        return details["appType"], remote, details["instanceType"] or ""

    def fields(self, found: Found) -> tuple[str, ...]:
        return (*self.cells(found), found.details["owner"] or "")

    def document(self, found: Found) -> dict[str, Any]:
        domain = place_of(found.id)["DomainId"]
        return {"domain": found.labels[1], "domainId": domain, **found.details}


KIND = RegionalKind(SageMaker())
