"""SageMaker's spaces as a kind of target: the door of this room.

A space is started by creating its app, and stopped by deleting the app. Only apps of two types
have an SSH server, and only while the space's setting RemoteAccess is on.
"""

from __future__ import annotations

from ...fast.typed import TYPE_CHECKING
from ..model import Column
from ..regional.backend import Backend, Found
from ..regional.kind import RegionalKind
from ..registry import SAGEMAKER
from .names import TOOLKIT, arn_of

if TYPE_CHECKING:
    from ...aws.api import Refused
    from ...aws.cloud import Cloud
    from ...aws.services import Service
    from ...sessions import SessionAccess
    from ..model import Query, SessionRequest
    from .spaces import Spaces

_ARN = "arn:aws:sagemaker:us-east-1:123456789012:space/d-a/b"


class SageMaker(Backend):
    """The backend of spaces."""

    row = SAGEMAKER
    names_last = True
    terminates = False  # AWS documents no such permission for the user of a space
    ssh_title = "Amazon SageMaker spaces"
    patterns = ("*.sagemaker", "arn:aws*:sagemaker:*", *(f"{each}arn*" for each in TOOLKIT))
    examples = ("a.b.sagemaker", _ARN, *(f"{each}arn_._aws" for each in TOOLKIT))
    ssh_user = "sagemaker-user"
    columns = (
        Column("APP", 10, "appType"),
        Column("REMOTE", 6, "remoteAccess"),
        Column("INSTANCE", 11, "instanceType"),
    )
    fields = ("appType", "remoteAccess", "instanceType", "owner")
    members = ("domain", "domainId", *fields, "appCreationTime")

    @property
    def service(self) -> Service:
        from .api import SERVICE  # completion has no need of it

        return SERVICE

    @property
    def targets(self) -> type[Spaces]:
        from .spaces import Spaces

        return Spaces

    def exact(self, name: str) -> Found | None:
        arn = arn_of(name)
        return Found(arn, tuple(arn.split("/")[:0:-1]), arn.split(":")[3]) if arn else None

    def title(self, found: Found) -> str:
        return ".".join(found.labels)  # the ARN says no more, but at length

    def ready(self, found: Found) -> bool:
        return bool(found.details.get("remoteAccess", True))

    def open(
        self, cloud: Cloud, found: Found, request: SessionRequest, query: Query, timeout: float
    ) -> SessionAccess:
        from ..regional.ssm import open_session

        api = cloud.api(self.service, found.region)
        return open_session(api, "start_session", timeout, ResourceIdentifier=found.id)

    def may_settle(self, refused: Refused) -> bool:
        return refused.code == "InternalFailure"

    def host_key_alias(self, found: Found) -> str:
        return found.id.replace(":", "-").replace("/", "-").lower()

    def stop_warning(self, found: Found) -> str:
        return "A stop deletes its app: kernels, terminals and unsaved work end, and the disk stays"


KIND = RegionalKind(SageMaker())
