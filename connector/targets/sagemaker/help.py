"""The texts of ``connector help sagemaker``."""

from __future__ import annotations

from ..model import HelpTexts

HELP = HelpTexts(
    names="""\
names:
  <space>.<domain>.sagemaker        in upper or lower case; the domain's name or id. The
                   short form is <space>.sagemaker; a Region and a profile may follow
  arn:aws:sagemaker:<region>:<account>:space/<domain id>/<space>
  sm_lc_…, sm_dl_…, smc_lc_…, smc_dl_…    names of the AWS Toolkit, in VS Code and Cursor
`connector list` shows the names of spaces for JupyterLab and Code Editor. Others have no
SSH server.
""",
    listing="""\
fields of a line of `connector list`:
  ssh name, state, space.domain, Region, id (the ARN), app type, remote access (on or off),
  instance type, owner

members of its object with --json:
  sshName, kind, name, id (the ARN), region, state, stateReason, domain, domainId, appType,
  remoteAccess, instanceType, owner, appCreationTime
""",
    access="""\
The AWS keys come from the variables, files and services that the AWS CLI uses.
AWS_ENDPOINT_URL_SAGEMAKER, AWS_ENDPOINT_URL_SSM and AWS_ENDPOINT_URL can name other APIs.
""",
)
