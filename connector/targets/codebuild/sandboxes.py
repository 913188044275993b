"""Sandboxes as CodeBuild describes them: their states, and the list of those that live."""

from __future__ import annotations

import time
from itertools import islice

from ...aws.api import Refused
from ...aws.signed import SignedApi
from ...fast.typed import Any
from ..model import GONE, RUNNING, STARTING, STOPPED, STOPPING, State
from ..regional.backend import Found
from ..regional.pages import ask, epoch_time, iso_time, items_of
from .names import project_of, uuid_of

#: The states of a sandbox that has ended, and cannot be started again.
ENDED = ("STOPPED", "SUCCEEDED", "COMPLETED", "FAILED", "FAULT", "TIMED_OUT")

#: AWS's examples have both words for the phase in which a sandbox can be reached.
_RUNNING = ("RUN_SANDBOX", "RUNNING_SANDBOX")

#: The state of a sandbox that has yet to be made.
UNMADE = State("NOT_STARTED", "", STOPPED)

#: Every word for a state that is known.
STATES = (
    *("NOT_STARTED", "SUBMITTED", "QUEUED", "PROVISIONING", "DOWNLOAD_SOURCE"),
    *(*_RUNNING, "STOPPING", *ENDED),
)

_BATCH = 100  # sandboxes that one call describes

#: Seconds for which a sandbox can live: 8 h in the queue and 36 h of work are CodeBuild's limits
#: of builds, with some to spare.
_LONGEST_LIFE = 48 * 3600.0


def list_living(api: SignedApi, deadline: float) -> list[Found]:
    """Return the sandboxes of a Region that have not ended.

    CodeBuild lists those of the past year too. The newest come first, so the list ends at those
    that must be over by now.
    """
    ids = items_of(
        api, "list_sandboxes", "ids", deadline, token="nextToken", sortOrder="DESCENDING"
    )
    found: list[Found] = []
    while batch := list(islice(ids, _BATCH)):
        described = ask(api, "batch_get_sandboxes", deadline, ids=batch)["sandboxes"]
        living = [each for each in map(found_of, described) if each.state.phase != GONE]
        found += living
        times = [epoch_time(each.get("requestTime")) for each in described]
        if not living and all(0 < each < time.time() - _LONGEST_LIFE for each in times):
            break
    return found


def look_at(api: SignedApi, id: str, timeout: float) -> Found:
    """Return one sandbox as CodeBuild describes it now.

    :raises Refused: also when CodeBuild does not know it.
    """
    answer = api.call("batch_get_sandboxes", timeout=timeout, ids=[id])
    for sandbox in answer["sandboxes"]:
        return found_of(sandbox)
    raise Refused(404, "ResourceNotFoundException", "")


def found_of(sandbox: dict[str, Any]) -> Found:
    """Return a sandbox of an answer."""
    id = sandbox["id"]
    project = sandbox.get("projectName") or project_of(id)
    details = {
        "started": iso_time(sandbox.get("requestTime")),
        "image": sandbox.get("environment", {}).get("image", ""),
    }
    aliases = (id.replace(":", "."), uuid_of(id))
    started = epoch_time(sandbox.get("startTime") or sandbox.get("requestTime"))
    return Found(id, (project,), "", aliases, state_of(sandbox), details, started)


def state_of(sandbox: dict[str, Any]) -> State:
    """Return the state: the status first, since a sandbox that stops still has its last phase."""
    status, session = sandbox.get("status", ""), sandbox.get("currentSession", {})
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
    messages = [
        context.get("message", "")
        for phase in session.get("phases", ())
        for context in phase.get("contexts", ())
    ]
    return next(filter(None, reversed(messages)), "")
