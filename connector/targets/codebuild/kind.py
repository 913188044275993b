"""CodeBuild's sandboxes as a kind of target: the door of this room.

A project's sandbox is a machine that lives until it is stopped or its time is over. It cannot be
started again: the option ``--new`` makes another one. CodeBuild starts sessions to its SSH server.
Shells and commands go through Systems Manager, to which it is ``codebuild:<uuid>``.
"""

from __future__ import annotations

from collections.abc import Sequence

from ...aws.api import Refused
from ...fast.typed import TYPE_CHECKING, Any
from ...sessions import SessionAccess
from ..model import SSH, Column
from ..regional.backend import Backend, Found
from ..regional.kind import RegionalKind
from ..registry import CODEBUILD
from .names import SSH_PREFIX, id_of, is_project, is_uuid, project_of, uuid_of

if TYPE_CHECKING:
    from ...aws.cloud import Cloud
    from ...aws.signed import Service
    from ...errors import ConnectorError
    from ...ssh.facts import SshFacts
    from ..model import Query, SessionRequest, State

#: The detail of a sandbox that has yet to be made: the token by which it is made once only.
_TOKEN = "idempotencyToken"


class CodeBuild(Backend):
    """The backend of sandboxes."""

    row = CODEBUILD
    terminates = False  # CodeBuild starts the sessions, by the project's service role
    columns = (Column("STARTED", 20), Column("IMAGE", 12))

    @property
    def service(self) -> Service:
        from .api import SERVICE

        return SERVICE

    @property
    def states(self) -> Sequence[str]:
        from .sandboxes import STATES

        return STATES

    @property
    def ssh(self) -> SshFacts:
        from ...ssh.facts import SshFacts

        return SshFacts(
            title="AWS CodeBuild sandboxes",
            nouns="CodeBuild sandboxes",
            patterns=("*.codebuild", "codebuild-sandbox-ssh*"),
            examples=("a.codebuild", f"{SSH_PREFIX}arn:aws:codebuild:us-east-1:1:sandbox/a:b"),
            suffix=".codebuild",
            service_prefixes=(SSH_PREFIX,),
            user="root",  # builds run as root, if the image or buildspec names no other user
            known_hosts="~/.ssh/known_hosts_codebuild",
            file_prefix="codebuild_",
        )

    def exact(self, name: str) -> Found | None:
        named = id_of(name)
        if named is None:
            return None
        return Found(named[0], (project_of(named[0]),), named[1])

    def made(self, name: str, query: Query) -> Found | None:
        if not query.flag("new"):
            return None
        import uuid

        if not is_project(name) or is_uuid(name.lower()):
            from ...errors import ConfigError, quoted

            named = id_of(name)
            project = f"{project_of(named[0])}.codebuild" if named else "PROJECT.codebuild"
            raise ConfigError(
                f"--new makes another sandbox of a project, and {quoted(name)} names no project",
                f"Write `--new {project}`, or leave --new out to use a sandbox that there is",
            )

        return Found(name, details={_TOKEN: str(uuid.uuid4())})

    def missing_hint(self, name: str, query: Query) -> str:
        if not is_project(name):
            return ""
        import shlex

        command = shlex.join(("connector", "start", "--new", *query.words))
        return f"Start a sandbox of this project with `{command}`"

    def host_name(self, found: Found) -> str:
        return found.id.replace(":", ".")

    def session_target(self, found: Found) -> str:
        return f"codebuild:{uuid_of(found.id)}"

    def list_region(self, cloud: Cloud, region: str, deadline: float) -> Sequence[Found]:
        from .sandboxes import list_living

        return list_living(cloud.api(self.service, region), deadline)

    def look(self, cloud: Cloud, found: Found, timeout: float) -> Found:
        from .sandboxes import UNMADE, look_at

        if _TOKEN in found.details:
            return found._replace(state=UNMADE)
        return look_at(cloud.api(self.service, found.region), found.id, timeout)

    def start(self, cloud: Cloud, found: Found, query: Query, timeout: float) -> Found:
        from .sandboxes import found_of

        answer = cloud.api(self.service, found.region).call(
            "start_sandbox",
            timeout=timeout,
            projectName=found.id,
            idempotencyToken=found.details[_TOKEN],
        )
        return found_of(answer["sandbox"])

    def stop(self, cloud: Cloud, found: Found, timeout: float) -> State:
        from .sandboxes import state_of

        api = cloud.api(self.service, found.region)
        return state_of(api.call("stop_sandbox", timeout=timeout, id=found.id)["sandbox"])

    def open(
        self, cloud: Cloud, found: Found, request: SessionRequest, query: Query, timeout: float
    ) -> SessionAccess:
        if _TOKEN in found.details:
            raise Refused(400, "NotStarted", "")  # the base then starts it
        if request.form != SSH:
            from ..regional.ssm import start_ssm_session

            target = self.session_target(found)
            return start_ssm_session(cloud, found.region, target, request, 22, timeout)
        api = cloud.api(self.service, found.region)
        answer = api.call("start_sandbox_connection", timeout=timeout, sandboxId=found.id)
        session = answer["ssmSession"]
        return SessionAccess(session["streamUrl"], session["tokenValue"], session["sessionId"])

    def may_settle(self, refused: Refused) -> bool:
        # CodeBuild passes on what Systems Manager says: codebuild:<uuid> is not connected.
        return refused.code == "TargetNotConnected" or "is not connected" in refused.message

    def explain(
        self, refused: Refused, what: str, found: Found | None, query: Query
    ) -> ConnectorError | None:
        if found is None:
            return None
        from .refusals import explain

        return explain(refused, what, found)

    def advice(self, found: Found) -> str:
        project = project_of(found.id)
        return f"Start a new one with `connector start {project}.codebuild --new`"

    def host_key_alias(self, found: Found) -> str:
        return f"codebuild-{uuid_of(found.id)}"

    def stop_warning(self, found: Found) -> str:
        return "A stop deletes the sandbox with all its files"

    def billing(self, found: Found) -> str:
        return "is billed by the second"

    def cells(self, found: Found) -> tuple[str, ...]:
        return found.details["started"].partition(".")[0], found.details["image"]

    def fields(self, found: Found) -> tuple[str, ...]:
        return found.details["started"], found.details["image"]

    def document(self, found: Found) -> dict[str, Any]:
        return {"requestTime": found.details["started"] or None, "image": found.details["image"]}


KIND = RegionalKind(CodeBuild())
