"""The texts of ``connector help ecs``."""

from __future__ import annotations

from ..regional.help import help_texts
from .kind import KIND

HELP = help_texts(
    KIND.backend,
    names="""\
names:
  <container>.<service>.<cluster>.ecs    in upper or lower case; short forms are
                   <container>.ecs and <container>.<service>.ecs. Without a service, the family
                   of the task definition takes its place. The Region and the profile follow
                   where they are needed: app.eu-west-1.ecs, app.web.prod.eu-west-1.work.ecs
  <container>.<task id>.ecs    the container of one task; <task id>.ecs if it has only one
  arn:aws:ecs:<region>:<account>:task/<cluster>/<task id>
  ecs:<cluster>_<task id>_<runtime id>    the target of ssm:StartSession
The name of a service means the task in which commands can run, and of several such tasks the
one that has run longest. `connector list --kind ecs` shows the names.
""",
    states="""\
states of a task that runs: RUNNING, and EXEC_OFF, EXEC_PENDING and EXEC_STOPPED where ECS Exec
does not work, or not yet.
""",
    access="""\
`connector shell`, `exec` and `cp` need ecs:ExecuteCommand, and ecs:ListClusters, ecs:ListTasks
and ecs:DescribeTasks to find a name. ssh needs ssm:StartSession, and an SSH server in the image.
""",
)
