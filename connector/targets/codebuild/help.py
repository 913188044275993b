"""The texts of ``connector help codebuild``."""

from __future__ import annotations

from ..regional.help import help_texts
from .kind import KIND

HELP = help_texts(
    KIND.backend,
    names="""\
names:
  <project>.codebuild           the project's sandbox, if exactly one has not stopped; the
                   Region and the profile follow where they are needed: web.eu-west-1.work.codebuild
  <project>.<uuid>.codebuild    one of several
  codebuild-sandbox-ssh=<ARN>   AWS's name
With --new, the name of a project means a sandbox that is started now. It costs money until it is
stopped. Without --new, nothing is started. `connector list --kind codebuild` shows the names.
""",
    access="""\
ssh needs codebuild:StartSandboxConnection, and the project's service role ssm:StartSession.
`connector shell` and `exec` need ssm:StartSession. To find a name, codebuild:ListSandboxes and
codebuild:BatchGetSandboxes are needed.
""",
)
