"""The wait until a Dev Environment that was told to stop has stopped."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable

from ...aws.api import CallFailed, Refused
from ...aws.retry import may_pass
from ...errors import TargetNotReady
from ...sessions import Waiting
from .environment import Environment, State
from .startup import POLL_INTERVAL, SILENCE_TIMEOUT

#: Seconds that it may take until it has stopped.
STOP_TIMEOUT = 600.0

_CALL_TIMEOUT = 6.0  # seconds for each question

logger = logging.getLogger(__name__)


def until_stopped(
    environment: Environment,
    state: State,
    wait: Callable[[Waiting, float], None],
    clock: Callable[[], float] = time.monotonic,
) -> State:
    """Return the state of a Dev Environment once it is no longer STOPPING.

    :param state: the one that it is in now.
    :param wait: shows what is waited for, and pauses for some seconds.
    :param clock: seconds of a monotonic clock.
    :raises TargetNotReady: when it runs again, or has not stopped in time.
    :raises ConnectorError: when the service cannot be asked.
    """
    began = answered_at = clock()
    while state.status == "STOPPING":
        elapsed = clock() - began
        if elapsed >= STOP_TIMEOUT:
            raise TargetNotReady(
                f"{environment.target} is still STOPPING after {STOP_TIMEOUT:.0f} s",
                "Look at it in the CodeCatalyst console",
            )
        wait(Waiting(state.status, elapsed, None), POLL_INTERVAL)
        token = environment.tokens.load(_CALL_TIMEOUT)
        try:
            state = environment.look(token, _CALL_TIMEOUT)
        except (Refused, CallFailed) as failure:
            passes = may_pass(failure, idempotent=True)
            if not passes or clock() - answered_at >= SILENCE_TIMEOUT:
                raise environment.error_of(failure, token) from failure
            logger.info("the state is not known: %s", failure)
        else:
            answered_at = clock()
    if state.status in ("RUNNING", "STARTING", "PENDING"):
        raise TargetNotReady(
            f"{environment.target} is {state.status}: it was started again while it stopped",
            "Find out who uses it, and stop it again",
        )
    return state
