"""``connector start``: start a target, and wait until it runs."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from ..errors import ConfigError, ConsentNeeded, capitalised
from ..targets.model import StartSettings
from ..targets.registry import START, WAY, row_of
from .output.lines import agreed, can_ask, tell
from .output.progress import patience
from .settings import add_logging_options, add_setting
from .target import (
    NAMES,
    add_host,
    add_target_options,
    named,
    open_target,
    query_of,
)

if TYPE_CHECKING:
    from ..targets.kind import Target
    from ..targets.model import State

EPILOG = """\
examples:
  connector start my-env
  connector start my-env --wait 1200        # wait longer for a large one
  connector start my-env && ssh my-env
"""


def configure(parser: argparse.ArgumentParser) -> None:
    parser.description = f"Start a target and wait until it runs.\n\n{NAMES}"
    parser.epilog = EPILOG
    add_host(parser)
    add_target_options(parser, START, WAY)
    add_setting(parser, "wait")
    add_logging_options(parser)


def run(options: argparse.Namespace) -> int:
    target = open_target(options)
    if not row_of(query_of(options)).has_list:
        raise ConfigError(
            f"The connector cannot start {target}, nor tell whether it runs",
            "Start it by the service that it belongs to, and connect to it then",
        )
    target, state = start_target(options, target, StartSettings(timeout=options.wait))
    tell(f"{capitalised(str(target))} is {state.status}")
    return 0


def start_target(
    options: argparse.Namespace, target: Target, settings: StartSettings
) -> tuple[Target, State]:
    """Start a target, wait until it runs, and return it with its state.

    If the start would change more than that, it first needs a yes: an option, or an answer of the
    user at a terminal.

    :raises ConnectorError: when the target does not run.
    """
    while True:
        try:
            with patience(named(options, target)) as progress:
                return target, target.run_until_running(progress, settings)
        except ConsentNeeded as needed:
            if not can_ask() or not agreed(needed.question):
                raise
            setattr(options, needed.flag.replace("-", "_"), True)
        target = open_target(options)
