"""What the commands about a Dev Environment share: its options, and the way to the API."""

from __future__ import annotations

import argparse
import os
from typing import TYPE_CHECKING

from .. import wiring
from ..wiring import Place
from .boundary import seconds

if TYPE_CHECKING:
    from ..aws.environments import Environment
    from ..transport.dialler import DialSettings

NAMES = """\
HOST is what ssh is called with:
  codecatalyst-dev-env=<space>=<project>=<dev-environment-id>
  aws-devenv-<dev-environment-id>    with --space and --project
"""

LEFT_OUT = "or is left out, with --space, --project and --id.\n"

#: Seconds that each call of a command may take which nothing else waits for.
CALL_TIMEOUT = 10.0


def add_environment_options(parser: argparse.ArgumentParser) -> None:
    """All but the host name itself, which not every command can do without."""
    parser.add_argument("--space", help="the space's name (also: SPACE_NAME)")
    parser.add_argument("--project", help="the project's name (also: PROJECT_NAME)")
    parser.add_argument("--id", metavar="UUID", help="the Dev Environment's id (also: DEVENV_ID)")
    parser.add_argument("--profile", help="the profile of ~/.aws/config (also: AWS_PROFILE)")
    parser.add_argument(
        "--endpoint-url",
        metavar="URL",
        help="another CodeCatalyst API (also: AWS_ENDPOINT_URL_CODECATALYST, "
        "CODECATALYST_ENDPOINT, AWS_ENDPOINT_URL)",
    )


def add_host(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("host", nargs="?", metavar="HOST", help="the host name, as ssh gets it")


def add_wait_option(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--wait",
        metavar="SECONDS",
        type=seconds,
        default=os.environ.get("CONNECTOR_WAIT") or 600.0,
        help="how long to wait until the Dev Environment runs (600; also: CONNECTOR_WAIT)",
    )


def open_environment(options: argparse.Namespace) -> tuple[Environment, DialSettings]:
    """The Dev Environment that options and variables name, and the way to its network.

    :raises ConfigError: when one of them is not usable.
    """
    place = Place(
        options.host,
        space=options.space,
        project=options.project,
        id=options.id,
        profile=options.profile,
        endpoint_url=options.endpoint_url,
    )
    return wiring.open_environment(place)
