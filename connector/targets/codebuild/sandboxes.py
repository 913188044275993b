"""Sandboxes as CodeBuild describes them: the list of those that live, states, and refusals.

The sentences of AWS are those of its page "Troubleshooting AWS CodeBuild sandbox SSH connection
issues".
"""

from __future__ import annotations

import time
from itertools import islice

from ...aws.api import Refused
from ...errors import AccessDenied, ConnectorError, TargetNotFound
from ...fast.typed import Any
from ..model import GONE, RUNNING, STARTING, STOPPED, STOPPING, Query, State
from ..pages import epoch_time, iso_time
from ..regional.backend import Found
from ..regional.targets import Targets
from .api import SERVICE
from .kind import TOKEN
from .names import project_of, uuid_of

#: The states of a sandbox that has ended, and cannot be started again.
ENDED = ("STOPPED", "SUCCEEDED", "COMPLETED", "FAILED", "FAULT", "TIMED_OUT")

#: AWS's examples have both words for the phase in which a sandbox can be reached.
_RUNNING = ("RUN_SANDBOX", "RUNNING_SANDBOX")

#: The state of a sandbox that has yet to be made.
_UNMADE = State("NOT_STARTED", "", STOPPED)

_BATCH = 100  # sandboxes that one call describes

#: Seconds for which a sandbox can live: 8 h in the queue and 36 h of work are CodeBuild's limits
#: of builds, with some to spare.
_LONGEST_LIFE = 48 * 3600.0


class Sandboxes(Targets):
    """The sandboxes of a Region."""

    service = SERVICE
    states = (
        *("NOT_STARTED", "SUBMITTED", "QUEUED", "PROVISIONING", "DOWNLOAD_SOURCE"),
        *(*_RUNNING, "STOPPING", *ENDED),
    )

    def listed(self) -> list[Found]:
        """Return the sandboxes that have not ended.

        CodeBuild lists those of the past year too. The newest come first, so the list ends at
        those that must be over by now.
        """
        ids = self.items("list_sandboxes", "ids", sortOrder="DESCENDING")
        found: list[Found] = []
        while batch := list(islice(ids, _BATCH)):
            described = self.ask("batch_get_sandboxes", ids=batch)["sandboxes"]
            living = [each for each in map(found_of, described) if each.state.phase != GONE]
            found += living
            times = [epoch_time(each["requestTime"]) for each in described]
            if not living and all(0 < each < time.time() - _LONGEST_LIFE for each in times):
                break
        return found

    def look(self, found: Found, query: Query) -> Found:
        if TOKEN in found.details:
            return found._replace(state=_UNMADE)
        for sandbox in self.call("batch_get_sandboxes", ids=[found.id])["sandboxes"]:
            return found_of(sandbox)
        raise Refused(404, "ResourceNotFoundException", "")

    def start(self, found: Found, query: Query) -> Found:
        token = found.details[TOKEN]
        answer = self.call("start_sandbox", projectName=found.id, idempotencyToken=token)
        return found_of(answer["sandbox"])

    def stop(self, found: Found) -> State:
        return state_of(self.call("stop_sandbox", id=found.id)["sandbox"])

    @staticmethod
    def explain(refused: Refused, what: str, found: Found, query: Query) -> ConnectorError | None:
        from ..refusals import said_by
        from ..regional.refusals import is_unknown

        project, said = project_of(found.id), said_by(refused)
        if refused.code == "InvalidInputException" and "ssm:StartSession" in refused.message:
            return AccessDenied(
                f"The service role of the project {project} may not start sessions{said}",
                "Give that role ssm:StartSession, and start a new sandbox: see docs/codebuild.md",
            )
        if is_unknown(refused) and TOKEN in found.details:
            return TargetNotFound(
                f"There is no project {project} in {found.region}{said}",
                "Check the spelling, capitals included, and the Region",
            )
        return None

    @staticmethod
    def advice(found: Found, query: Query) -> str:
        command = query._replace(name=f"{project_of(found.id)}.codebuild").command("start", "--new")
        return f"Start a new one with `{command}`"


def found_of(sandbox: dict[str, Any]) -> Found:
    """Return a sandbox of an answer."""
    id = sandbox["id"]
    project = sandbox["projectName"] or project_of(id)
    details = {
        "requestTime": iso_time(sandbox["requestTime"]) or None,
        "image": sandbox.get("environment", {}).get("image", ""),
    }
    aliases = (id.replace(":", "."), uuid_of(id))
    started = epoch_time(sandbox["startTime"] or sandbox["requestTime"])
    return Found(id, (project,), "", aliases, state_of(sandbox), details, started)


def state_of(sandbox: dict[str, Any]) -> State:
    """Return the state: the status first, since a sandbox that stops still has its last phase."""
    status, session = sandbox["status"], sandbox.get("currentSession", {})
    phase = session.get("currentPhase", "")
    if status in ENDED:
        return State(status, _reason(session), GONE)
    if status == "STOPPING":
        return State(status, "", STOPPING)
    if phase in _RUNNING or status in _RUNNING:
        return State(_RUNNING[0], "", RUNNING)
    if phase in ENDED:
        return State(phase, _reason(session), GONE)
    return State(phase or status or "QUEUED", "", STARTING)


def _reason(session: dict[str, Any]) -> str:
    """Return what the last phase with a message says."""
    contexts = (each for phase in session.get("phases", ()) for each in phase["contexts"])
    messages = [each["message"] for each in contexts if each["message"]]
    return messages[-1] if messages else ""
