"""What refusals of CodeBuild mean to the user.

The sentences of AWS are those of its page "Troubleshooting AWS CodeBuild sandbox SSH connection
issues".
"""

from __future__ import annotations

from ...aws.api import Refused
from ...errors import AccessDenied, ConnectorError, TargetNotFound, TargetNotReady
from ..regional.backend import Found
from ..regional.refusals import is_unknown, said_by
from .names import project_of


def explain(refused: Refused, what: str, found: Found) -> ConnectorError | None:
    """Return the error of a refused call; None for the words that all kinds share."""
    project, said = project_of(found.id), said_by(refused)
    if refused.code == "InvalidInputException" and "ssm:StartSession" in refused.message:
        return AccessDenied(
            f"The service role of the project {project} may not start sessions{said}",
            "Give that role ssm:StartSession, and start a new sandbox: see docs/codebuild.md",
        )
    if "is not connected" in refused.message or refused.code == "TargetNotConnected":
        return TargetNotReady(
            f"The SSM agent of the sandbox of {project} is not connected{said}",
            "Try again in a minute. Else the image has no agent, or its role lacks ssmmessages",
        )
    if is_unknown(refused) and found.id == project:
        return TargetNotFound(
            f"There is no project {project} in {found.region}{said}",
            "Check the spelling, capitals included, and the Region",
        )
    return None
