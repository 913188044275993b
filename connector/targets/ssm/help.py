"""The texts of ``connector help ssm``."""

from __future__ import annotations

from ..model import HelpTexts

HELP = HelpTexts(
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
    listing="""\
`connector list` shows none of these targets. They are neither started nor stopped.
""",
    access="""\
Credentials come from where AWS's tools find them: variables, profiles, SSO, roles.
Sessions need ssm:StartSession. A stream session has a shell only, and needs
gameliftstreams:CreateStreamSessionAdminShell.
""",
)
