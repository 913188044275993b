"""ECS tasks as a kind of target: names, states, and sessions by ECS Exec."""

from __future__ import annotations

import time

from ...aws.api import Refused
from ...errors import ConfigError, TargetNotReady
from ...fast.typed import TYPE_CHECKING, Any
from ..model import COMMAND, SSH, Column, SessionRequest, State
from ..regional.backend import Backend, Found
from ..regional.kind import RegionalKind
from ..registry import ECS

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ...aws.cloud import Cloud
    from ...aws.signed import Service
    from ...errors import ConnectorError
    from ...sessions import SessionAccess
    from ...ssh.facts import SshFacts
    from ..model import Query

#: Begins a target of ssm:StartSession.
_TARGET = "ecs:"

#: The shell of an image: bash if there is one. The agent starts it without a login.
_SHELL = "sh -c 'command -v bash >/dev/null 2>&1 && exec bash; exec sh'"

#: What the service answers for a task that was replaced, or has no agent (yet).
_INVALID, _AGENT = "InvalidParameterException", "execute command agent"

#: The same of Systems Manager.
_OFFLINE = "TargetNotConnected"


def is_task_id(text: str) -> bool:
    """Return whether text is the id of a task: 32 hexadecimal digits."""
    return len(text) == 32 and not text.lower().strip("0123456789abcdef")


class Ecs(Backend):
    """The kind's own part of the base."""

    terminates = False  # most users of ECS Exec may call ecs:ExecuteCommand alone
    row = ECS
    columns = (Column("SERVICE", 8), Column("CLUSTER", 8), Column("TASKS", 5), Column("LAUNCH", 7))
    states = (
        *("PROVISIONING", "PENDING", "ACTIVATING", "RUNNING", "DEACTIVATING", "STOPPING"),
        *("DEPROVISIONING", "STOPPED", "EXEC_OFF", "EXEC_PENDING", "EXEC_STOPPED", "NO_TASK"),
    )

    @property
    def service(self) -> Service:
        from .api import API

        return API

    @property
    def ssh(self) -> SshFacts:
        from ...ssh.facts import SshFacts

        return SshFacts(
            title="Amazon ECS tasks",
            nouns="ECS tasks",
            patterns=("*.ecs",),
            examples=("app.web.prod.ecs",),
            suffix=".ecs",
            service_prefixes=ECS.prefixes,
            user="root",
            known_hosts="~/.ssh/known_hosts_ecs",
            file_prefix="ecs_",
            proxy_options=("--port", "%p"),
        )

    def exact(self, name: str) -> Found | None:
        """Read a task's id, with its container or not, ``host_name`` and AWS's spellings."""
        arn = name.split(":")
        if len(arn) == 6 and arn[2] == "ecs":
            cluster, _, id = arn[5].removeprefix("task/").rpartition("/")
            if arn[5].startswith("task/") and "/" not in cluster and is_task_id(id):
                return Found(f"{cluster}/{id.lower()}/", (), arn[3])
        cluster, _, id = name.rpartition("_")[0].removeprefix(_TARGET).rpartition("_")
        if name.startswith(_TARGET) and is_task_id(id):
            return Found(f"{cluster}/{id.lower()}/", details={"runtime": name.rpartition("_")[2]})
        labels = name.split("..")
        if len(labels) == 3 and all(labels) and "." not in "".join(labels):
            return Found("/".join(reversed(labels)), tuple(labels))
        container, _, id = name.rpartition(".")
        if is_task_id(id) and "." not in container:
            return Found(f"/{id.lower()}/{container}")
        return None

    def host_name(self, found: Found) -> str:
        return "..".join(reversed(found.id.split("/")))

    def host_key_alias(self, found: Found) -> str:
        return f"ecs-{found.id.replace('/', '.')}"  # fit for a line of ssh's configuration

    def session_target(self, found: Found) -> str:
        if not found.details.get("task"):
            return ""
        cluster, details = found.id.partition("/")[0], found.details
        return f"{_TARGET}{cluster}_{details['task']}_{details['runtime']}"

    def list_region(self, cloud: Cloud, region: str, deadline: float) -> Sequence[Found]:
        from .tasks import Tasks

        return Tasks(cloud, region, deadline).containers()

    def look(self, cloud: Cloud, found: Found, timeout: float) -> Found:
        from .tasks import Tasks

        tasks = Tasks(cloud, found.region, time.monotonic() + timeout)
        return tasks.container(found)._replace(region=found.region)

    def stop(self, cloud: Cloud, found: Found, timeout: float) -> State:
        cluster, task = found.id.partition("/")[0], found.details.get("task", "TASK")
        raise ConfigError(
            "The connector stops no ECS tasks: a service would start others in their place",
            f"Run `aws ecs stop-task --cluster {cluster} --task {task}`",
        )

    def start(self, cloud: Cloud, found: Found, query: Query, timeout: float) -> None:
        """Do nothing: no state of a task means that a start of it could help."""

    def open(
        self, cloud: Cloud, found: Found, request: SessionRequest, query: Query, timeout: float
    ) -> SessionAccess:
        """Start a session in the task that was remembered; after a deployment, in another one."""
        deadline = time.monotonic() + timeout
        known = found if found.details.get("task") else self.look(cloud, found, timeout)
        try:
            return self._open(cloud, known, request, query, deadline)
        except Refused as refused:
            if known is not found or refused.code not in (_INVALID, _OFFLINE):
                raise
            fresh = self.look(cloud, found, deadline - time.monotonic())
            if fresh.details.get("task") in (None, known.details["task"]):
                raise
            return self._open(cloud, fresh, request, query, deadline)

    def _open(
        self, cloud: Cloud, found: Found, request: SessionRequest, query: Query, deadline: float
    ) -> SessionAccess:
        from ...sessions import SessionAccess

        timeout = max(deadline - time.monotonic(), 0.1)
        cluster, _, container = found.id.split("/")
        if "task" not in found.details:
            raise Refused(400, _INVALID, found.state.reason)
        if request.form == SSH:
            from ..regional.ssm import start_ssm_session

            target, port = self.session_target(found), int(query.option("port") or 22)
            return start_ssm_session(cloud, found.region, target, request, port, timeout)
        import shlex

        answer = cloud.api(self.service, found.region).call(
            "execute_command",
            timeout=timeout,
            cluster=cluster,
            task=found.details["task"],
            container=container,
            command=shlex.join(request.words) if request.form == COMMAND else _SHELL,
            interactive=True,
        )["session"]
        return SessionAccess(answer["streamUrl"], answer["tokenValue"], answer["sessionId"])

    def may_settle(self, refused: Refused) -> bool:
        waits = refused.code == _INVALID and _AGENT in refused.message
        return waits or refused.code in (_OFFLINE, f"{_OFFLINE}Exception")

    def explain(
        self, refused: Refused, what: str, found: Found | None, query: Query
    ) -> ConnectorError | None:
        if not found or not self.may_settle(refused):
            return None
        return TargetNotReady(
            f"Cannot {what} {found.id}: the agent of ECS Exec is not connected",
            "Try again in a minute. Else check the task role (ssmmessages) and the network",
        )

    def advice(self, found: Found) -> str:
        cluster, owner = found.id.partition("/")[0], found.details.get("owner", found.labels[1])
        if found.state.status != "EXEC_OFF":
            look = f"`aws ecs describe-services --cluster {cluster} --services {owner}`"
            return f"The connector starts no tasks: look at {look}"
        if found.details.get("kind") != "service":
            return "Run the task anew by `aws ecs run-task --enable-execute-command`"
        return (
            f"Run `aws ecs update-service --cluster {cluster} --service {owner} "
            "--enable-execute-command --force-new-deployment`"
        )

    def fields(self, found: Found) -> tuple[str, ...]:
        details = found.details
        return details.get("task", ""), str(details.get("count", 0)), details.get("launch", "")

    def cells(self, found: Found) -> tuple[str, ...]:
        return (*found.labels[1:], *self.fields(found)[1:])

    def document(self, found: Found) -> dict[str, Any]:
        container, owner, cluster = found.labels
        names = ("task", "tasks", "launch", "runtime")
        return {
            "container": container,
            found.details.get("kind", "service"): owner,
            "cluster": cluster,
            **{name: found.details.get(name) for name in names},
        }


KIND = RegionalKind(Ecs())
