"""``connector start``: start a Dev Environment, and wait until it runs."""

from __future__ import annotations

import argparse

from ..targets.model import StartSettings
from .environment import (
    LEFT_OUT,
    NAMES,
    add_environment_options,
    add_host,
    named,
    open_environment,
)
from .output.lines import tell
from .output.progress import patience
from .settings import add_logging_options, add_setting

EPILOG = """\
examples:
  connector start my-env
  connector start my-env --wait 1200        # a large one may take long
  connector start my-env && ssh my-env
"""


def configure(parser: argparse.ArgumentParser) -> None:
    parser.description = f"Start a Dev Environment and wait until it runs.\n\n{NAMES}{LEFT_OUT}"
    parser.epilog = EPILOG
    add_host(parser)
    add_environment_options(parser)
    add_setting(parser, "wait")
    add_logging_options(parser)


def run(options: argparse.Namespace) -> int:
    target = open_environment(options)
    with patience(named(options, target)) as progress:
        target.run_until_running(progress, StartSettings(timeout=options.wait))
    tell(f"{target} is RUNNING")
    return 0
