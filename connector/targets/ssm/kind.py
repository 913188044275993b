"""Targets that AWS's users know by a name of Systems Manager alone: the door of this room.

They are nodes, containers and builds that another service lets Systems Manager reach, and the
stream sessions of GameLift Streams. There is no list of them here, nothing to start or to stop,
and no state: only the start of a session tells whether the target can be reached.
"""

from __future__ import annotations

from ...fast.typed import TYPE_CHECKING
from ..model import SHELL
from ..regional.backend import Backend, Found
from ..regional.kind import RegionalKind
from ..registry import SSM
from .names import SSM_WORDS, host_of, stream_of, target_of

if TYPE_CHECKING:
    from ...aws.api import Refused
    from ...aws.cloud import Cloud
    from ...sessions import SessionAccess
    from ..model import Query, SessionRequest
    from .nodes import Nodes


class Plain(Backend):
    """The backend of these targets."""

    row = SSM
    stream_services = ("gameliftstreams",)
    terminates = False  # sessions of stream sessions are not the caller's
    ssh_title = "AWS Systems Manager's other targets"
    patterns = ("*.ssm", *(f"{word}:*" for word in SSM_WORDS))
    examples = ("codebuild.a.ssm", *(f"{word}:a" for word in SSM_WORDS))
    ssh_user = "ubuntu"
    ssh_user_of = "HyperPod's nodes"  # the other targets seldom have an SSH server

    @property
    def targets(self) -> type[Nodes]:
        from .nodes import Nodes

        return Nodes

    def exact(self, name: str) -> Found | None:
        id, region = target_of(name) or ("", "")
        return Found(id, region=region) if id else None

    def missing_hint(self, name: str, query: Query) -> str:
        return "Write SERVICE.ID.ssm or SERVICE:ID: `connector help ssm` has the form of each"

    def host_name(self, found: Found) -> str:
        return host_of(found.id)

    def open(
        self, cloud: Cloud, found: Found, request: SessionRequest, query: Query, timeout: float
    ) -> SessionAccess:
        stream = stream_of(found.id)
        if stream is None:
            return super().open(cloud, found, request, query, timeout)
        if request.form != SHELL:
            from ...errors import ConfigError

            raise ConfigError(
                "GameLift Streams opens a shell only", f"Use `{self.row.command(query, 'shell')}`"
            )
        from ..regional.ssm import open_session
        from .streams import GAMELIFT_STREAMS

        return open_session(
            cloud.api(GAMELIFT_STREAMS, found.region),
            "create_stream_session_admin_shell",
            timeout,
            Identifier=stream[0],
            StreamSessionIdentifier=stream[1],
        )

    def may_settle(self, refused: Refused) -> bool:
        is_early = refused.code == "StreamSessionAccessNotReadyException"
        return super().may_settle(refused) or is_early

    def host_key_alias(self, found: Found) -> str:
        return host_of(found.id)


KIND = RegionalKind(Plain())
