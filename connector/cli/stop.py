"""``connector stop``: stop a Dev Environment."""

from __future__ import annotations

import argparse

from .boundary import add_logging_options, guarded, set_up_logging, tell
from .environment import (
    CALL_TIMEOUT,
    LEFT_OUT,
    NAMES,
    add_environment_options,
    add_host,
    open_environment,
)

DESCRIPTION = f"""\
Stop a Dev Environment, and with it all its sessions. Does not wait until it has stopped.

{NAMES}{LEFT_OUT}"""


EPILOG = """\
examples:
  connector stop my-env
  connector stop --space MySpace --project MyProject --id 01234567-89ab-cdef-0123-456789abcdef
"""


def configure(parser: argparse.ArgumentParser) -> None:
    parser.description = DESCRIPTION
    parser.epilog = EPILOG
    add_host(parser)
    add_environment_options(parser)
    add_logging_options(parser)
    parser.set_defaults(run=lambda options: guarded(lambda: _run(options)))


def _run(options: argparse.Namespace) -> int:
    from ..aws.calls import Refused

    set_up_logging(options)
    environment = open_environment(options)
    token = environment.tokens.load(CALL_TIMEOUT)
    with environment.explained(token):
        environment.confirm(token, CALL_TIMEOUT)
        try:
            state = environment.stop(token, CALL_TIMEOUT)
        except Refused:
            # Whoever is about to stop refuses to be stopped.
            state = environment.look(token, CALL_TIMEOUT)
            if state.status not in ("STOPPING", "STOPPED"):
                raise
    tell(f"{environment.target} is {state.status}")
    return 0
