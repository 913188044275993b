"""The texts of ``connector help ecs``."""

from __future__ import annotations

from ..model import HelpTexts

HELP = HelpTexts(
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
    listing="""\
fields of a line of `connector list`:
  ssh name, state, container.service.cluster, Region, cluster/service/container, task id,
  number of tasks, launch type

members of its object with --json:
  sshName, kind, name, region, id, state, stateReason, container, service or family, cluster,
  task, tasks (up to 20 ids), launch, runtime

states of a task that runs: RUNNING, and EXEC_OFF, EXEC_PENDING and EXEC_STOPPED where ECS Exec
does not work, or not yet.
""",
    access="""\
Credentials come from where AWS's tools find them: variables, profiles, SSO, roles.
`connector shell`, `exec` and `cp` need ecs:ExecuteCommand, and ecs:ListClusters, ecs:ListTasks
and ecs:DescribeTasks to find a name. ssh needs ssm:StartSession, and an SSH server in the image.
""",
)
