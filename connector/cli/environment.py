"""What the commands about a Dev Environment share: its options, and the way to the API."""

from __future__ import annotations

import argparse
import os
from typing import TYPE_CHECKING

from ..transport.dialler import DialSettings
from .boundary import seconds

if TYPE_CHECKING:
    from ..aws.environments import Environment
    from ..aws.memory import Memory
    from ..aws.startup import Durations
    from .finding import Finder

NAMES = """\
ENV is a name of a Dev Environment, as `connector list` shows it:
  <alias>.<project>.<space>.codecatalyst    in any case, without .codecatalyst
                   if you like, and without space and project where that is enough
  <id>             or its first eight or more characters
  codecatalyst-dev-env=<space>=<project>=<id> or aws-devenv-<id>    AWS's own names
--space and --project say where to look.
"""

LEFT_OUT = "ENV may be left out, with --id. Space, project and id together need no look-up.\n"

#: Seconds that each call of a command may take which nothing else waits for.
CALL_TIMEOUT = 10.0


def add_environment_options(parser: argparse.ArgumentParser) -> None:
    """All but the host name itself, which not every command can do without."""
    add_place_options(parser)
    parser.add_argument("--id", metavar="UUID", help="the Dev Environment's id (also: DEVENV_ID)")
    add_service_options(parser)


def add_place_options(parser: argparse.ArgumentParser) -> None:
    """Where a Dev Environment is."""
    parser.add_argument("--space", help="the space's name (also: SPACE_NAME)")
    parser.add_argument("--project", help="the project's name (also: PROJECT_NAME)")


def add_service_options(parser: argparse.ArgumentParser) -> None:
    """Whom to ask, and as whom."""
    parser.add_argument("--profile", help="the profile of ~/.aws/config (also: AWS_PROFILE)")
    parser.add_argument(
        "--endpoint-url",
        metavar="URL",
        help="another CodeCatalyst API (also: AWS_ENDPOINT_URL_CODECATALYST, "
        "CODECATALYST_ENDPOINT, AWS_ENDPOINT_URL)",
    )


def add_host(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("host", nargs="?", metavar="ENV", help="a name of the Dev Environment")


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

    A friendly name that was not listed lately is looked up, which takes up to
    ``finding.LOOK_UP_TIMEOUT`` seconds.

    :raises ConfigError: when one of them is not usable, or the name is ambiguous.
    :raises DevEnvironmentNotFound: when there is none of this name.
    :raises ConnectorError: when it cannot be looked up.
    """
    finder = open_finder(options)
    return finder.find(), finder.service.settings


def open_finder(options: argparse.Namespace) -> Finder:
    """What finds the Dev Environment that options and variables name, if need be later.

    :raises ConfigError: when one of them is not usable.
    """
    from ..ssh.hosts import resolve
    from .finding import Finder
    from .service import open_service

    wanted = resolve(
        options.host,
        space=options.space,
        project=options.project,
        dev_environment_id=options.id,
        environ=os.environ,
    )
    return Finder(open_service(options.profile, options.endpoint_url, os.environ), wanted)


def memory_of(environment: Environment, name: str) -> Memory:
    """What is remembered of it in the file of this name."""
    from ..aws.memory import Memory, cache_file

    target = environment.target
    return Memory(cache_file(os.environ, name), f"{target.space}/{target.project}/{target.id}")


def durations_of(environment: Environment) -> Durations:
    from ..aws.startup import Durations

    return Durations(memory_of(environment, "starts.json"))
