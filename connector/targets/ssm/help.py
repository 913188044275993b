"""The texts of ``connector help ssm``."""

from __future__ import annotations

from ..regional.help import help_texts
from .kind import KIND

HELP = help_texts(
    KIND.backend,
    names="""\
names, which no list shows:
  sagemaker-cluster:<cluster id>_<group>-<instance id>    a node of HyperPod
  sagemaker-training-job:<job>_algo-<n>                   a container of a training job
  sagemaker-endpoint:<endpoint>_<variant>_<instance id>[_<container>]
  codebuild:<uuid>                                        a build that has paused
  gameliftstreams:<group>/<stream session>, or its ARN    an admin shell
  <such a name with . for : and _ for />.ssm              for scp and rsync; the Region and the
                   profile follow where they are needed: codebuild.<uuid>.eu-west-1.work.ssm
""",
    access="""\
These targets are neither started nor stopped.
Sessions need ssm:StartSession. A stream session has a shell only, and needs
gameliftstreams:CreateStreamSessionAdminShell.
""",
)
