"""``connector stop``: stop a Dev Environment."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from .boundary import INTERRUPTED
from .environment import (
    CALL_TIMEOUT,
    LEFT_OUT,
    NAMES,
    add_environment_options,
    add_host,
    named,
    open_environment,
)
from .output.lines import tell
from .question import agreed, can_ask
from .settings import add_logging_options

if TYPE_CHECKING:
    from ..aws.sso.tokens import BearerToken
    from ..targets.codecatalyst.environment import Environment, State

DESCRIPTION = f"""\
Stop a Dev Environment, and with it all its sessions. On a terminal the sessions are listed
first, if there are any, and you are asked. Without --wait it does not wait until it has stopped.

{NAMES}{LEFT_OUT}"""


EPILOG = """\
exit code: 130 if you were asked and did not agree.

examples:
  connector stop my-env
  connector stop my-env --yes --wait && echo it has stopped
  connector stop --space MySpace --project MyProject --id 01234567-89ab-cdef-0123-456789abcdef
"""

#: Sessions that are listed before the question; more are counted.
_MOST_LISTED = 10


def configure(parser: argparse.ArgumentParser) -> None:
    parser.description = DESCRIPTION
    parser.epilog = EPILOG
    add_host(parser)
    add_environment_options(parser)
    parser.add_argument("-y", "--yes", action="store_true", help="do not ask")
    parser.add_argument(
        "--wait", action="store_true", help="wait until it has stopped, for 10 minutes at most"
    )
    add_logging_options(parser)


def run(options: argparse.Namespace) -> int:
    environment = open_environment(options)
    token = environment.tokens.load(CALL_TIMEOUT)
    name = named(options, environment)
    with environment.explained(token):
        if options.yes or not can_ask():
            environment.confirm(token, CALL_TIMEOUT)
        elif not _agreed(environment, token, name):
            tell("Nothing was stopped.")
            return INTERRUPTED
        state = _stop(environment, token)
    if options.wait:
        state = _wait(environment, state, name)
    tell(f"{environment.target} is {state.status}")
    return 0


def _stop(environment: Environment, token: BearerToken) -> State:
    from ..aws.api import Refused

    try:
        return environment.stop(token, CALL_TIMEOUT)
    except Refused:
        # Whoever is about to stop refuses to be stopped.
        state = environment.look(token, CALL_TIMEOUT)
        if state.status not in ("STOPPING", "STOPPED"):
            raise
        return state


def _wait(environment: Environment, state: State, name: str) -> State:
    from ..targets.codecatalyst.stopping import until_stopped
    from .output.progress import patience

    with patience(name, starts=False) as progress:
        return until_stopped(environment, state, progress.wait)


def _agreed(environment: Environment, token: BearerToken, name: str) -> bool:
    """Say which sessions end with the Dev Environment, and ask; True if there are none."""
    from ..targets.codecatalyst.sessionlist import sessions_of

    if environment.look(token, CALL_TIMEOUT).status != "RUNNING":
        return True
    sessions = sessions_of(environment, token, CALL_TIMEOUT)
    if not sessions:
        return True
    one = len(sessions) == 1
    tell(f"{name} has {len(sessions)} {'session, which ends' if one else 'sessions, which end'}:")
    tell(*(f"  {session.id}  since {session.started}" for session in sessions[:_MOST_LISTED]))
    if len(sessions) > _MOST_LISTED:
        tell(f"  and {len(sessions) - _MOST_LISTED} more")
    return agreed("Stop it?")
