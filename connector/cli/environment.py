"""What the commands about a Dev Environment share: its options, and the way to the API."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..targets.codecatalyst import wiring
from ..targets.codecatalyst.wiring import Place
from .settings import add_setting

if TYPE_CHECKING:
    import argparse

    from ..targets.codecatalyst.environment import Environment
    from ..targets.codecatalyst.finding import Finder

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
    add_setting(parser, "id")
    add_service_options(parser)


def add_place_options(parser: argparse.ArgumentParser) -> None:
    """Where a Dev Environment is."""
    add_setting(parser, "space")
    add_setting(parser, "project")


def add_service_options(parser: argparse.ArgumentParser) -> None:
    """Whom to ask, and as whom."""
    add_setting(parser, "profile")
    add_setting(parser, "endpoint-url")


def add_host(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("host", nargs="?", metavar="ENV", help="a name of the Dev Environment")


def open_environment(options: argparse.Namespace) -> Environment:
    """The Dev Environment that options and variables name.

    A friendly name that was not listed lately is looked up, which takes up to
    ``finding.LOOK_UP_TIMEOUT`` seconds.

    :raises ConfigError: when one of them is not usable, or the name is ambiguous.
    :raises TargetNotFound: when there is none of this name.
    :raises ConnectorError: when it cannot be looked up.
    """
    return open_finder(options).find()


def open_finder(options: argparse.Namespace) -> Finder:
    """What finds the Dev Environment that options and variables name, if need be later.

    :raises ConfigError: when one of them is not usable.
    """
    return wiring.open_finder(_place(options))


def named(options: argparse.Namespace, environment: Environment) -> str:
    """The Dev Environment's name, as short as the user's own for it."""
    return options.host or environment.target.alias or environment.target.id


def start_command(options: argparse.Namespace) -> str:
    """The command that starts the Dev Environment of these options, in the user's words."""
    import shlex

    return shlex.join(["connector", "start", *_place(options).words])


def _place(options: argparse.Namespace) -> Place:
    return Place(
        options.host,
        space=options.space,
        project=options.project,
        id=options.id,
        profile=options.profile,
        endpoint_url=options.endpoint_url,
    )
