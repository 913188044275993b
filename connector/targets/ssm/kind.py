"""Targets that AWS's users know by a name of Systems Manager alone: the door of this room.

They are nodes, containers and builds that another service lets Systems Manager reach, and the
stream sessions of GameLift Streams. There is no list of them here, nothing to start or to stop,
and no state: only the start of a session tells whether the target can be reached.
"""

from __future__ import annotations

from collections.abc import Sequence

from ...errors import ConfigError
from ...fast.typed import TYPE_CHECKING
from ...sessions import SessionAccess
from ..model import RUNNING, SHELL, Column, State
from ..regional.backend import Backend, Found
from ..regional.kind import RegionalKind
from ..registry import SSM
from .names import SSM_WORDS, host_of, stream_of, target_of

if TYPE_CHECKING:
    from ...aws.api import Refused
    from ...aws.cloud import Cloud
    from ...aws.signed import Service
    from ...errors import ConnectorError
    from ...ssh.facts import SshFacts
    from ..model import Query, SessionRequest

#: No call asks for the state, and a session is tried in any case.
_STATE = State("not listed", "", RUNNING)


class Plain(Backend):
    """The backend of these targets."""

    row = SSM
    stream_services = ("gameliftstreams",)
    terminates = False  # sessions of stream sessions are not the caller's
    columns: tuple[Column, ...] = ()
    states = (_STATE.status,)

    @property
    def service(self) -> Service:
        from ..regional.ssm import SSM

        return SSM

    @property
    def ssh(self) -> SshFacts:
        from ...ssh.facts import SshFacts

        return SshFacts(
            title="AWS Systems Manager's other targets",
            nouns="targets of Systems Manager",
            patterns=("*.ssm", *(f"{word}:*" for word in SSM_WORDS)),
            examples=("codebuild.a.ssm", *(f"{word}:a" for word in SSM_WORDS)),
            suffix=".ssm",
            service_prefixes=SSM.prefixes,
            user="ubuntu",  # of HyperPod's nodes; the other targets seldom have an SSH server
            known_hosts="~/.ssh/known_hosts_ssm",
            file_prefix="ssm_",
            proxy_options=("--port", "%p"),
        )

    def exact(self, name: str) -> Found | None:
        named = target_of(name)
        return Found(named[0], region=named[1]) if named else None

    def missing_hint(self, name: str, query: Query) -> str:
        return "Give the whole name of the target: see `connector help ssm`"

    def host_name(self, found: Found) -> str:
        return host_of(found.id)

    def list_region(self, cloud: Cloud, region: str, deadline: float) -> Sequence[Found]:
        return ()

    def look(self, cloud: Cloud, found: Found, timeout: float) -> Found:
        return found._replace(state=_STATE)

    def start(self, cloud: Cloud, found: Found, query: Query, timeout: float) -> None:
        """Never called: the state is always that of a target that runs."""

    def stop(self, cloud: Cloud, found: Found, timeout: float) -> State:
        raise ConfigError(
            f"connector cannot stop {found.id}", "Stop it by the service that has started it"
        )

    def open(
        self, cloud: Cloud, found: Found, request: SessionRequest, query: Query, timeout: float
    ) -> SessionAccess:
        stream = stream_of(found.id)
        if stream is None:
            from ..regional.ssm import start_ssm_session

            port = int(query.option("port") or 22)
            return start_ssm_session(cloud, found.region, found.id, request, port, timeout)
        if request.form != SHELL:
            raise ConfigError(
                "GameLift Streams opens a shell only", f"Use `connector shell {found.id}`"
            )
        from .streams import GAMELIFT_STREAMS

        api = cloud.api(GAMELIFT_STREAMS, found.region)
        answer = api.call(
            "create_stream_session_admin_shell",
            timeout=timeout,
            Identifier=stream[0],
            StreamSessionIdentifier=stream[1],
        )
        return SessionAccess(answer["StreamUrl"], answer["TokenValue"], answer["SessionId"])

    def may_settle(self, refused: Refused) -> bool:
        return refused.code in ("TargetNotConnected", "StreamSessionAccessNotReadyException")

    def explain(
        self, refused: Refused, what: str, found: Found | None, query: Query
    ) -> ConnectorError | None:
        from .refusals import explain

        return explain(refused, found) if found else None

    def host_key_alias(self, found: Found) -> str:
        return host_of(found.id)

    def cells(self, found: Found) -> tuple[str, ...]:
        return ()


KIND = RegionalKind(Plain())
