"""The texts of ``connector help sagemaker``."""

from __future__ import annotations

from ..regional.help import help_texts
from .kind import KIND

HELP = help_texts(
    KIND.backend,
    names="""\
names:
  <space>.<domain>.sagemaker        in upper or lower case; the domain's name or id. The
                   short form is <space>.sagemaker; a Region and a profile may follow
  arn:aws:sagemaker:<region>:<account>:space/<domain id>/<space>
  sm_lc_…, sm_dl_…, smc_lc_…, smc_dl_…    names of the AWS Toolkit, in VS Code and Cursor
`connector list` shows the names of spaces for JupyterLab and Code Editor. Others have no
SSH server.
""",
)
