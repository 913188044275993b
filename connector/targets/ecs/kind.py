"""ECS tasks as a kind of target: names, and sessions by ECS Exec."""

from __future__ import annotations

from ...fast.typed import TYPE_CHECKING
from ..model import COMMAND, SSH, Column
from ..regional.backend import Backend, Found
from ..regional.kind import RegionalKind
from ..regional.place import read_arn
from ..registry import ECS

if TYPE_CHECKING:
    from ...aws.cloud import Cloud
    from ...aws.services import Service
    from ...sessions import SessionAccess
    from ..model import Query, SessionRequest
    from .tasks import Tasks

#: Begins a target of ssm:StartSession.
_TARGET = "ecs:"

#: The shell of an image: bash if there is one. The agent starts it without a login.
_SHELL = "sh -c 'command -v bash >/dev/null 2>&1 && exec bash; exec sh'"


def is_task_id(text: str) -> bool:
    """Return whether text is the id of a task: 32 hexadecimal digits."""
    return len(text) == 32 and not text.lower().strip("0123456789abcdef")


class Ecs(Backend):
    """The backend of containers. An id is ``<cluster>/<service, family or task>/<container>``."""

    row = ECS
    no_agent = "execute command agent"  # in an InvalidParameterException, while it starts, too
    terminates = False  # most users of ECS Exec may call ecs:ExecuteCommand alone
    ssh_title = "Amazon ECS tasks"
    patterns = ("*.ecs",)
    examples = ("app.web.prod.ecs",)
    ssh_user = "root"
    ssh_user_of = "most images"
    columns = (
        Column("SERVICE", 8, "owner"),
        Column("CLUSTER", 8, "cluster"),
        Column("TASKS", 5, "count"),
        Column("LAUNCH", 7, "launch"),
    )
    fields = ("task", "count", "launch")
    members = ("container", "service", "family", "cluster", "task", "tasks", "launch", "runtime")

    @property
    def service(self) -> Service:
        from .api import SERVICE

        return SERVICE

    @property
    def targets(self) -> type[Tasks]:
        from .tasks import Tasks

        return Tasks

    def exact(self, name: str) -> Found | None:
        """Read a task's id, with its container or not, ``host_name`` and AWS's spellings."""
        region, named = read_arn(name, "ecs", "task") or ("", "")
        cluster, _, id = named.rpartition("/")
        if "/" not in cluster and is_task_id(id):
            return Found(f"{cluster}/{id.lower()}/", (), region)
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

    def first_hint(self, query: Query) -> str:
        return f"Run one in {self.row.words.console}"

    def host_name(self, found: Found) -> str:
        return "..".join(reversed(found.id.split("/")))

    def title(self, found: Found) -> str:
        return super().title(found._replace(id=found.id.strip("/")))

    def host_key_alias(self, found: Found) -> str:
        return f"ecs-{found.id.replace('/', '.')}"  # fit for a line of ssh's configuration

    def session_target(self, found: Found) -> str:
        cluster, details = found.id.partition("/")[0], found.details
        if "task" not in details:
            return ""
        return f"{_TARGET}{cluster}_{details['task']}_{details['runtime']}"

    def open(
        self, cloud: Cloud, found: Found, request: SessionRequest, query: Query, timeout: float
    ) -> SessionAccess:
        """Start a session in the task that was found last."""
        if request.form == SSH:
            return super().open(cloud, found, request, query, timeout)
        import shlex

        from ..regional.ssm import open_session

        cluster, _, container = found.id.split("/")
        return open_session(
            cloud.api(self.service, found.region),
            "execute_command",
            timeout,
            cluster=cluster,
            task=found.details["task"],
            container=container,
            command=shlex.join(request.words) if request.form == COMMAND else _SHELL,
            interactive=True,
        )


KIND = RegionalKind(Ecs())
