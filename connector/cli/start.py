"""``connector start``: start a target, and wait until it runs."""

from __future__ import annotations

import argparse

from ..targets.model import StartSettings
from ..targets.registry import START
from .output.lines import tell
from .output.progress import patience
from .settings import add_logging_options, add_setting
from .target import (
    NAMES,
    add_host,
    add_target_options,
    named,
    open_target,
)

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
    add_target_options(parser, START)
    add_setting(parser, "wait")
    add_logging_options(parser)


def run(options: argparse.Namespace) -> int:
    target = open_target(options)
    with patience(named(options, target)) as progress:
        state = target.run_until_running(progress, StartSettings(timeout=options.wait))
    tell(f"{target} is {state.status}")
    return 0
