"""``connector stop``: stop a target."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from ..errors import AccessDenied, ConfigError, capitalised
from ..targets.model import RUNNING
from .boundary import INTERRUPTED
from .output.lines import agreed, can_ask, tell
from .settings import add_logging_options
from .target import (
    NAMES,
    add_host,
    add_target_options,
    named,
    open_target,
)

if TYPE_CHECKING:
    from ..targets.kind import Target

DESCRIPTION = f"""\
Stop a target, which ends all its sessions. On a terminal, stop lists the open sessions first
and asks you. It also asks where a stop loses something, and then needs a terminal or --yes.
Without --wait, stop returns before the target has stopped.

{NAMES}"""


EPILOG = """\
exit code: 130 if you answered no.

examples:
  connector stop my-env
  connector stop my-env --yes --wait && echo stopped
  connector stop --space MySpace --project MyProject --id 01234567-89ab-cdef-0123-456789abcdef
"""

#: The number of sessions to list before the question. The others are counted.
_MOST_LISTED = 10


def configure(parser: argparse.ArgumentParser) -> None:
    parser.description = DESCRIPTION
    parser.epilog = EPILOG
    add_host(parser)
    add_target_options(parser)
    parser.add_argument("-y", "--yes", action="store_true", help="do not ask")
    parser.add_argument(
        "--wait", action="store_true", help="wait up to 10 minutes until the target has stopped"
    )
    add_logging_options(parser)


def run(options: argparse.Namespace) -> int:
    target = open_target(options)
    name = named(options, target)
    warning = target.stop_warning
    if options.yes or not (warning or can_ask()):
        target.confirm()
    elif warning and not can_ask():
        raise ConfigError(
            f"Nothing was stopped, since there is no terminal to ask on. {warning}",
            "Give --yes to stop it",
        )
    elif not _agreed(target, name, warning):
        tell("Nothing was stopped.")
        return INTERRUPTED
    state = target.stop()
    if options.wait:
        from .output.progress import patience

        with patience(name, starts=False) as progress:
            state = target.until_stopped(state, progress.wait)
    tell(f"{capitalised(str(target))} is {state.status}")
    return 0


def _agreed(target: Target, name: str, warning: str) -> bool:
    """Say what a stop costs and which sessions it ends, and ask; True if it costs nothing."""
    if target.state().phase != RUNNING:
        return True
    try:
        sessions = target.sessions()
    except AccessDenied:
        if not warning:
            raise
        sessions = []  # a user who may not list them may still be allowed to stop the target
    if not sessions and not warning:
        return True
    if sessions:
        one = len(sessions) == 1
        end = "session, which ends" if one else "sessions, which end"
        tell(f"{name} has {len(sessions)} {end}:")
        tell(*(f"  {session.id}  since {session.started}" for session in sessions[:_MOST_LISTED]))
    if len(sessions) > _MOST_LISTED:
        tell(f"  and {len(sessions) - _MOST_LISTED} more")
    if warning:
        tell(f"{warning[:1].upper()}{warning[1:]}.")
    return agreed("Stop it?")
