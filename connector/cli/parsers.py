"""The parsers of the command line, by argparse."""

from __future__ import annotations

import argparse
import sys
from typing import NoReturn

from . import overview
from .commands import COMMANDS, RUNNERS, configure_command
from .output.lines import tell


def parse(named: str, words: list[str]) -> argparse.Namespace:
    """What a command makes of the words that follow it; or it exits, with usage or help."""
    command: list[str] = []
    if named in RUNNERS and "--" in words:
        # argparse would take its first word for one of ours that was left out.
        end = words.index("--")
        words, command = words[:end], words[end + 1 :]
    parser = parser_of(named)
    if named not in RUNNERS:
        return parser.parse_args(words)
    options, others = parser.parse_known_args(words)
    if others:
        word = others[0]
        parser.error(f"unexpected {word!r}: the command to run follows a --")
    if not command:
        parser.error("the command to run is missing: put it after a --")
    options.words = command
    return options


def parser_of(name: str) -> argparse.ArgumentParser:
    """The parser of one command. Only that of the one that runs is made: the others cost time."""
    parser = argparse.ArgumentParser(prog=f"connector {name}", formatter_class=formatter)
    configure_command(name, parser)
    return parser


def explain(arguments: list[str]) -> NoReturn:
    """Print help, the version, or what is wrong with words that begin with no command; and exit."""
    parser = argparse.ArgumentParser(
        prog="connector",
        usage=overview.USAGE,
        description=overview.description(COMMANDS),
        epilog=overview.EPILOG,
        formatter_class=formatter,
    )
    parser.add_argument("--version", action=_Version, help="print the version and exit")
    if not arguments:
        parser.print_help(sys.stderr)
        parser.exit(2)
    command = arguments[0]
    if not command.startswith("-"):
        from difflib import get_close_matches

        near = get_close_matches(command, [*COMMANDS, "help"], 1)
        also = f"; did you mean {near[0]}?" if near else ""
        parser.error(f"there is no command {command!r}{also}")
    parser.parse_args(arguments)
    parser.error("a command is missing")


def formatter(prog: str) -> argparse.HelpFormatter:
    """One of a fixed width: argparse makes one for every option that is added, and would
    import shutil, with bz2 and lzma behind it, to ask how wide the terminal is."""
    return argparse.RawDescriptionHelpFormatter(prog, width=80)


class _Version(argparse.Action):
    """Looks the version up only when it is asked for."""

    def __init__(self, option_strings: list[str], dest: str, help: str | None = None) -> None:
        super().__init__(option_strings, dest, nargs=0, help=help)

    def __call__(self, parser: argparse.ArgumentParser, *_: object) -> None:
        parser.exit(_tell_version())


def _tell_version() -> int:
    from importlib.metadata import version

    tell(f"connector {version('devenv-connector')}")
    return 0
