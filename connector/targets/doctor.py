"""What `connector doctor` says of the state of a target, whatever its kind."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..doctor.findings import Facts, Result, Status
from ..doctor.session import NOT_YET
from ..doctor.words import words
from ..errors import capitalised
from .model import RUNNING, STARTING, STOPPED, STOPPING, State
from .refusals import quote

if TYPE_CHECKING:
    from .basics import BasicCalls

#: The phases from which a target starts, by itself or when it is started.
_STARTABLE = (STOPPED, STOPPING, STARTING)


def result_of(calls: BasicCalls, state: State, *, starts_unasked: bool, secret: str = "") -> Result:
    """Return the result of the leg that has asked for the state, without starting the target.

    :param starts_unasked: whether ssh starts a stopped target, see ``KindRow``.
    :param secret: as of :func:`.refusals.quote`.
    """
    status, reason = quote(state.status, secret), quote(state.reason, secret)
    facts: Facts = {"status": status, "statusReason": reason}
    why = words(": {reason}", reason=reason) if reason else words("")
    shown = words("{state}{why}", state=status, why=why)
    told = words("{target} is {state}", target=capitalised(str(calls)), state=shown)
    if state.phase == RUNNING:
        return Result(told, facts=facts)
    result = Result.failed(calls.not_running(state), facts)
    result.blocks = words("it is {state}", state=shown)
    if state.phase in _STARTABLE:
        result.text, result.status, result.exit_code = told, Status.WARN, 0
        result.hint = NOT_YET if state.phase == STARTING else words("Try again when it runs")
        if state.phase == STOPPED:
            run = words("run `{command}`", command=calls.command("start"))
            result.blocks = words("it is {state}: {run}", state=shown, run=run)
            result.hint = run.capitalised
            if starts_unasked:
                result.hint = words("ssh starts it, which takes minutes; or {run}", run=run)
    return result
