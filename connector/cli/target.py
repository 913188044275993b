"""What the commands about a target share: the options that name it, and the way to its kind."""

from __future__ import annotations

import os

from ..fast.typed import TYPE_CHECKING
from ..settings.table import ONE_REGION, SETTINGS, type_of
from ..targets.model import Query, StartSettings
from ..targets.registry import KINDS, PLACE, TARGET, require_name, row_of
from .settings import add_setting, add_value

if TYPE_CHECKING:
    import argparse

    from ..targets.kind import Finder, Target
    from ..targets.registry import KindOption


def kind_lines(indent: str) -> str:
    """Return a line of help about each kind of target."""
    width = max(len(row.name) for row in KINDS)
    return "\n".join(
        f"{indent}{row.name:{width}}  {row.words.nouns}, such as {row.example}" for row in KINDS
    )


#: Which names there are, for the help of a command that needs one.
NAMES = f"""\
TARGET is a name that `connector list` shows. `connector help KIND` says more about one kind:
{kind_lines("  ")}
"""

#: The most kinds that the help of an option names.
_MOST_KINDS = 2


def add_target_options(parser: argparse.ArgumentParser, *roles: str) -> None:
    """Add all options that name a target, but not the host name itself.

    :param roles: of further options that belong to a kind.
    """
    add_kind_options(parser, PLACE, TARGET, *roles)
    add_service_options(parser)


def add_kind_options(parser: argparse.ArgumentParser, *roles: str, several: bool = False) -> None:
    """Add the options of all kinds that have one of these roles, each once.

    :param several: whether the command looks at several Regions.
    """
    group = parser.add_argument_group("options for some kinds of target")
    found: dict[str, KindOption] = {}
    for role in roles:
        for row in KINDS:
            found.update((option.name, option) for option in row.options if option.role == role)
    for option in found.values():
        told, default = option.help, None
        if option.variables:
            default = SETTINGS[option.name]
            told = default.explained
        kinds = [row.name for row in KINDS if row.option(option.name)]
        if len(kinds) <= _MOST_KINDS:
            told = f"{', '.join(kinds)}: {told}"
        if option.type == "flag":
            group.add_argument(f"--{option.name}", action="store_true", default=default, help=told)
        else:
            one = option.type == "region" and not several
            add_value(group, option.name, ONE_REGION if one else type_of(option), told, default)


def add_service_options(parser: argparse.ArgumentParser) -> None:
    """Add the options that say which service to ask, by which login."""
    add_setting(parser, "profile")
    add_setting(parser, "endpoint-url")


def add_host(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("host", nargs="?", metavar="TARGET", help="the name of the target")


def open_target(options: argparse.Namespace, form: str = "") -> Target:
    """Return the target that options and variables name.

    A name that was not listed lately is looked up, which takes some seconds.

    :param form: of the session that the command needs, if it needs one.
    :raises ConfigError: when an option or variable is not usable, the name is ambiguous, or the
        service starts no sessions of this form.
    :raises TargetNotFound: when there is no such target.
    :raises ConnectorError: when the name cannot be looked up.
    """
    return open_finder(options, form).find()


def open_finder(options: argparse.Namespace, form: str = "") -> Finder:
    """Return what finds the target that options and variables name; see :func:`open_target`."""
    query = query_of(options)
    row = row_of(query)
    require_name(query, os.environ)
    if form:
        row.require(form, query)
    return row.load().open_finder(query, os.environ)


def named(options: argparse.Namespace, target: Target) -> str:
    """Return the target's name, as short as the user's own for it."""
    name: str = options.host or target.name
    return name


def start_command(options: argparse.Namespace) -> str:
    """Return the command that starts the target of these options, in the user's words."""
    query = query_of(options)
    return row_of(query).command(query, "start")


def command_for(options: argparse.Namespace, target: Target, command: str) -> str:
    """Return a command about this very target, with the profile and the endpoint of the user."""
    return Query(target.host_name, (), options.profile, options.endpoint_url).command(command)


def query_of(options: argparse.Namespace) -> Query:
    """Return what these options ask for."""
    values = vars(options)
    given = {
        option.name: values[option.dest]
        for row in KINDS
        for option in row.options
        if values.get(option.dest) is not None
    }
    name, profile = values.get("host") or "", values.get("profile")
    return Query(name, tuple(given.items()), profile, values.get("endpoint_url"))


def start_settings(options: argparse.Namespace) -> StartSettings:
    """Return whether and how long to start the target of these options.

    Without the option or the setting, the kind decides.
    """
    allowed = row_of(query_of(options)).starts_unasked if options.start is None else options.start
    return StartSettings(allowed, options.wait)
