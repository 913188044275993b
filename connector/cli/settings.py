"""The settings as command-line options, and their final values before a command runs."""

from __future__ import annotations

import os
from collections.abc import Callable

from ..fast.typed import TYPE_CHECKING
from ..settings.table import FLAG, SETTINGS, BadValue, Found, Lookup, Setting, Type, Value
from .output.lines import say

if TYPE_CHECKING:
    import argparse

    from ..targets.registry import KindRow


def add_setting(parser: argparse.ArgumentParser, name: str) -> None:
    """Add the option of a setting; a flag also gets its opposite.

    The default is the :class:`Setting` itself, which :func:`settle` replaces.
    """
    setting = SETTINGS[name]
    if setting.type is not FLAG:
        add_value(parser, name, setting.type, setting.explained, setting)
        return
    parser.add_argument(f"--{name}", action="store_true", default=setting, help=setting.explained)
    parser.add_argument(
        f"--no-{name}",
        dest=setting.dest,
        action="store_false",
        default=setting,
        help=f"do not {setting.help}",
    )


def add_value(
    parser: argparse._ActionsContainer,
    name: str,
    type: Type,
    help: str,
    default: Setting | None = None,
) -> None:
    """Add an option with a value."""
    parser.add_argument(
        f"--{name}", metavar=type.metavar, type=_type(type.parse), default=default, help=help
    )


def add_logging_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "-v",
        "--verbose",
        action="count",
        default=0,
        help="log to stderr; -vv logs more, -vvv every message of the data channel",
    )
    add_setting(parser, "log-file")


def settle(options: argparse.Namespace) -> None:
    """Replace each setting that no option gave by the value of a variable, the file or its default.

    A setting whose variables belong to AWS or its toolkit becomes ``None``: its users read the
    variables, and this function writes the file's value into them. ``options.found`` gets the
    source of each setting that no option gave.

    :raises ConfigError: when a variable or the file is not usable.
    """
    wanted = {dest: value for dest, value in vars(options).items() if isinstance(value, Setting)}
    options.found = {}
    if not wanted:  # such a command needs no file
        return
    lookup = Lookup(os.environ)
    options.found = {setting.name: lookup.find(setting) for setting in wanted.values()}
    options.settings_file = lookup.path
    for dest, setting in wanted.items():
        found: Found = options.found[setting.name]
        setattr(options, dest, None if setting.theirs else found.value)
    lookup.stand_in()


def warn_of_missing_profile(name: str | None, row: KindRow | None = None) -> None:
    """Warn on stderr if the user named a profile that does not exist.

    A token from a variable works without the profile, but the profile's endpoint and CA would be
    missing.

    :param name: the settled option ``--profile``.
    :param row: the kind that uses the profile; None for the first one.
    """
    from ..targets.model import Query
    from ..targets.registry import row_of

    query = Query(profile=name)
    problem = (row or row_of(query)).load().profile_problem(query, os.environ)
    if problem is not None:
        say(str(problem))


def _type(parse: Callable[[str], Value]) -> Callable[[str], Value]:
    def convert(text: str) -> Value:
        try:
            return parse(text)
        except BadValue as error:
            import argparse

            raise argparse.ArgumentTypeError(str(error)) from None

    return convert
