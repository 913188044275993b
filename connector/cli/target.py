"""What the commands about a target share: the options that name it, and the way to its kind."""

from __future__ import annotations

import os

from ..fast.typed import TYPE_CHECKING
from ..targets.model import Query
from ..targets.registry import KINDS, kind_of
from .settings import add_setting

if TYPE_CHECKING:
    import argparse

    from ..targets.kind import Finder, Target

#: Which names there are, for a command that needs one.
NAMES = "\n".join(row.name_help for row in KINDS)

#: The same, for a command that also finds a target by options.
NAMES_OR_OPTIONS = "\n".join(row.name_help + row.left_out_help for row in KINDS)


def add_target_options(parser: argparse.ArgumentParser) -> None:
    """Add all options that name a target, but not the host name itself."""
    add_place_options(parser)
    for row in KINDS:
        for option in row.options:
            if option.names_target:
                add_setting(parser, option.name)
    add_service_options(parser)


def add_place_options(parser: argparse.ArgumentParser) -> None:
    """Add the options that say where a target is."""
    for row in KINDS:
        for option in row.options:
            if not option.names_target:
                add_setting(parser, option.name)


def add_service_options(parser: argparse.ArgumentParser) -> None:
    """Add the options that say which service to ask, by which login."""
    add_setting(parser, "profile")
    add_setting(parser, "endpoint-url")


def add_host(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("host", nargs="?", metavar="TARGET", help="the name of the target")


def open_target(options: argparse.Namespace) -> Target:
    """Return the target that options and variables name.

    A name that was not listed lately is looked up, which takes some seconds.

    :raises ConfigError: when an option or variable is not usable, or the name is ambiguous.
    :raises TargetNotFound: when there is no such target.
    :raises ConnectorError: when the name cannot be looked up.
    """
    return open_finder(options).find()


def open_finder(options: argparse.Namespace) -> Finder:
    """Return what finds the target that options and variables name.

    :raises ConfigError: when an option or variable is not usable.
    """
    query = query_of(options)
    return kind_of(query).open_finder(query, os.environ)


def named(options: argparse.Namespace, target: Target) -> str:
    """Return the target's name, as short as the user's own for it."""
    name: str = options.host or target.name
    return name


def start_command(options: argparse.Namespace) -> str:
    """Return the command that starts the target of these options, in the user's words."""
    import shlex

    return shlex.join(["connector", "start", *query_of(options).words])


def query_of(options: argparse.Namespace) -> Query:
    """Return what these options ask for."""
    values = vars(options)
    given = tuple(
        (option.name, values[option.name])
        for row in KINDS
        for option in row.options
        if values.get(option.name) is not None
    )
    name, profile = values.get("host") or "", values.get("profile")
    return Query(name, given, profile, values.get("endpoint_url"))
