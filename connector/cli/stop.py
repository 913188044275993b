"""``connector stop``: stop a Dev Environment."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from ..targets.model import RUNNING
from .boundary import INTERRUPTED
from .environment import (
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
    from ..targets.kind import Target

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
    target = open_environment(options)
    name = named(options, target)
    if options.yes or not can_ask():
        target.confirm()
    elif not _agreed(target, name):
        tell("Nothing was stopped.")
        return INTERRUPTED
    state = target.stop()
    if options.wait:
        from .output.progress import patience

        with patience(name, starts=False) as progress:
            state = target.until_stopped(state, progress.wait)
    tell(f"{target} is {state.status}")
    return 0


def _agreed(target: Target, name: str) -> bool:
    """Say which sessions end with the target, and ask; return True if there are none."""
    if target.state().phase != RUNNING:
        return True
    sessions = target.sessions()
    if not sessions:
        return True
    one = len(sessions) == 1
    tell(f"{name} has {len(sessions)} {'session, which ends' if one else 'sessions, which end'}:")
    tell(*(f"  {session.id}  since {session.started}" for session in sessions[:_MOST_LISTED]))
    if len(sessions) > _MOST_LISTED:
        tell(f"  and {len(sessions) - _MOST_LISTED} more")
    return agreed("Stop it?")
