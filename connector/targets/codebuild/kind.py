"""CodeBuild's sandboxes as a kind of target: the door of this room.

A project's sandbox is a machine that lives until it is stopped or its time is over. It cannot be
started again: the option ``--new`` makes another one. CodeBuild starts sessions to its SSH server.
Shells and commands go through Systems Manager, to which it is ``codebuild:<uuid>``.
"""

from __future__ import annotations

from ...fast.plain import is_uuid
from ...fast.typed import TYPE_CHECKING
from ..model import SSH, Column
from ..regional.backend import Backend, Found
from ..regional.kind import RegionalKind
from ..registry import CODEBUILD
from .names import SSH_PREFIX, id_of, is_project, project_of, uuid_of

if TYPE_CHECKING:
    from ...aws.cloud import Cloud
    from ...aws.services import Service
    from ...sessions import SessionAccess
    from ..model import Query, SessionRequest
    from .sandboxes import Sandboxes

#: The detail of a sandbox that has yet to be made: the token by which it is made once only.
TOKEN = "idempotencyToken"


class CodeBuild(Backend):
    """The backend of sandboxes."""

    row = CODEBUILD
    no_agent = "is not connected"  # CodeBuild passes on Systems Manager's words alone
    terminates = False  # CodeBuild starts the sessions, by the project's service role
    ssh_title = "AWS CodeBuild sandboxes"
    patterns = ("*.codebuild", "codebuild-sandbox-ssh*")
    examples = ("a.codebuild", f"{SSH_PREFIX}arn:aws:codebuild:us-east-1:1:sandbox/a:b")
    ssh_user = "root"
    ssh_user_of = "images that name no other"  # or whose buildspec names one
    columns = (Column("STARTED", 20, "requestTime"), Column("IMAGE", 12, "image"))

    @property
    def service(self) -> Service:
        from .api import SERVICE

        return SERVICE

    @property
    def targets(self) -> type[Sandboxes]:
        from .sandboxes import Sandboxes

        return Sandboxes

    def exact(self, name: str) -> Found | None:
        id, region = id_of(name) or ("", "")
        return Found(id, (project_of(id),), region) if id else None

    def made(self, name: str, query: Query) -> Found | None:
        if not query.flag("new"):
            return None
        if not is_project(name) or is_uuid(name):
            from ...errors import ConfigError, quoted

            id, _ = id_of(name) or ("PROJECT", "")
            raise ConfigError(
                f"--new makes another sandbox of a project, and {quoted(name)} names no project",
                f"Write `--new {project_of(id)}.codebuild`, or leave --new out to use a sandbox "
                "that there is",
            )
        import uuid

        return Found(name, details={TOKEN: str(uuid.uuid4())})

    def missing_hint(self, name: str, query: Query) -> str:
        if not is_project(name):
            return ""
        return f"Start a sandbox of this project with `{query.command('start', '--new')}`"

    def first_hint(self, query: Query) -> str:
        command = query._replace(name="PROJECT.codebuild").command("start", "--new")
        return f"Start one with `{command}`"

    def host_name(self, found: Found) -> str:
        return found.id.replace(":", ".")

    def session_target(self, found: Found) -> str:
        return "" if TOKEN in found.details else f"codebuild:{uuid_of(found.id)}"

    def open(
        self, cloud: Cloud, found: Found, request: SessionRequest, query: Query, timeout: float
    ) -> SessionAccess:
        if request.form != SSH:
            return super().open(cloud, found, request, query, timeout)
        from ..regional.ssm import open_session

        api = cloud.api(self.service, found.region)
        return open_session(api, "start_sandbox_connection", timeout, sandboxId=found.id)

    def host_key_alias(self, found: Found) -> str:
        return f"codebuild-{uuid_of(found.id)}"

    def stop_warning(self, found: Found) -> str:
        return "A stop deletes the sandbox with all its files"

    def billing(self, found: Found) -> str:
        return "is billed by the second"

    def cells(self, found: Found) -> tuple[str, ...]:
        started, image = super().cells(found)
        return started.partition(".")[0], image


KIND = RegionalKind(CodeBuild())
