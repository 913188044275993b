"""Targets without a list: no call is made about them, and refusals tell what to switch on."""

from __future__ import annotations

from ...aws.api import Refused
from ...errors import ConnectorError, TargetNotFound, TargetNotReady
from ..model import RUNNING, Query, State
from ..refusals import said_by
from ..regional.backend import Found
from ..regional.refusals import is_unknown
from ..regional.ssm import SSM
from ..regional.targets import Targets
from .names import stream_of

#: No call asks for the state, and a session is tried in any case.
_STATE = State("not listed", "", RUNNING)

#: What has to be so that Systems Manager can reach a target, by the word of its name. Sources are
#: AWS's guides of these services.
_CURES = {
    "sagemaker-cluster": "Check the cluster's id (the end of its ARN), group, instance and Region",
    "sagemaker-training-job": "The job has to run, with EnableRemoteDebug and ssmmessages allowed",
    "sagemaker-endpoint": "The variant needs EnableSSMAccess, and its role ssmmessages",
    "codebuild": "The build has to pause at codebuild-breakpoint, with debugSessionEnabled",
}


class Nodes(Targets):
    """Nodes, containers, builds and stream sessions of a Region. Their list is empty."""

    service = SSM
    states = (_STATE.status,)

    def look(self, found: Found, query: Query) -> Found:
        return found._replace(state=_STATE)

    @staticmethod
    def explain(refused: Refused, what: str, found: Found, query: Query) -> ConnectorError | None:
        said = said_by(refused)
        if refused.code == "TargetNotConnected":
            cure = _CURES.get(found.id.partition(":")[0], "")
            more = said.replace(f": {found.id} is not connected", "")  # which is said already
            return TargetNotReady(f"{found.id} is not connected in {found.region}{more}", cure)
        if refused.code == "StreamSessionAccessNotReadyException":
            return TargetNotReady(
                f"The shell of {found.id} is not ready{said}",
                "Try again in a minute: it comes soon after the stream session is ACTIVE",
            )
        if stream_of(found.id) and is_unknown(refused):
            return TargetNotFound(
                f"There is no stream session {found.id} in {found.region}{said}",
                "It has to be ACTIVE or CONNECTED; the Region is that of its stream group",
            )
        return None
