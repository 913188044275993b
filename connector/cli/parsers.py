"""Parse the command line with argparse, and print its help."""

from __future__ import annotations

import argparse
import sys
from typing import NoReturn

from .. import __version__
from ..targets.registry import KINDS
from .commands import COMMANDS, RUNNERS, configure_command
from .kinds import page, row_named
from .output.lines import tell
from .target import kind_lines

#: Heading -> its commands, in the order in which a new user needs them.
GROUPS = {
    "first steps": ("login", "list", "config-ssh", "ssh"),
    "every day": ("cp", "start", "stop", "shell", "exec", "sessions"),
    "when something fails": ("doctor", "whoami", "logout", "trace"),
    "settings": ("config", "completion"),
    "without an AWS account": ("demo", "emulator"),
    "for other programs to call": ("proxy", "attach"),
}

USAGE = """\
connector COMMAND [options]
       connector help COMMAND    show the options and examples of a command
       connector help KIND       show the names and options of a kind of target
       connector --version"""

_ABOUT = """\
Treat a cloud development environment as an SSH host: for ssh, scp, rsync, git and VS Code.
"""

EPILOG = """\
examples:
  connector demo            # try it without an AWS account
  connector login
  connector list
  connector ssh my-env
  connector config-ssh      # once: then ssh, scp, rsync, git and VS Code work
"""


def _description() -> str:
    """Return what the program does, and its commands in groups."""
    rows = [_ABOUT]
    width = max(map(len, COMMANDS))
    for heading, names in GROUPS.items():
        lines = [f"    {name:{width}}  {COMMANDS[name]}" for name in names]
        rows.append("\n".join((f"{heading}:", *lines, "")))
    rows.append(f"kinds of target (connector help KIND):\n{kind_lines('    ')}\n")
    return "\n".join(rows)


def parse(named: str, words: list[str]) -> argparse.Namespace:
    """Return the options of a command, or exit with help or a usage error."""
    command: list[str] = []
    if named in RUNNERS and "--" in words:
        # argparse would take the first word of the remote command for the missing target.
        end = words.index("--")
        words, command = words[:end], words[end + 1 :]
    parser = parser_of(named)
    if named not in RUNNERS:
        return parser.parse_args(words)
    options, others = parser.parse_known_args(words)
    if others:
        word = others[0]
        parser.error(f"unexpected {word!r}: put the command to run after a --")
    if not command:
        parser.error("the command to run is missing: put it after a --")
    options.words = command
    return options


def parser_of(name: str) -> argparse.ArgumentParser:
    """Return the parser of one command. The other commands are not imported."""
    parser = argparse.ArgumentParser(prog=f"connector {name}", formatter_class=formatter)
    configure_command(name, parser)
    return parser


def explain(arguments: list[str]) -> NoReturn:
    """Print help, the version or a usage error for arguments without a command, and exit."""
    parser = argparse.ArgumentParser(
        prog="connector",
        usage=USAGE,
        description=_description(),
        epilog=EPILOG,
        formatter_class=formatter,
    )
    parser.add_argument("--version", action=_Version, help="print the version and exit")
    if not arguments:
        parser.print_help(sys.stderr)
        parser.exit(2)
    command = arguments[0]
    kind = row_named(command)
    if kind is not None and arguments[1:] == ["--help"]:
        tell(*page(kind).splitlines())
        parser.exit()
    if not command.startswith("-"):
        from difflib import get_close_matches

        what, known = "command", [*COMMANDS, "help"]
        if arguments[1:] == ["--help"]:
            what, known = "command or kind", [*COMMANDS, *(row.name for row in KINDS)]
        near = get_close_matches(command, known, 1)
        also = f"; did you mean {near[0]}?" if near else ""
        parser.error(f"there is no {what} {command!r}{also}")
    parser.parse_args(arguments)
    parser.error("a command is missing")


def formatter(prog: str) -> argparse.HelpFormatter:
    """Return a formatter of help texts with 80 columns.

    argparse makes a formatter for every option. Without a fixed width, each would ask shutil,
    a slow import, for the width of the terminal.
    """
    return argparse.RawDescriptionHelpFormatter(prog, width=80)


class _Version(argparse.Action):
    """Looks up the version only when the user asks for it."""

    def __init__(self, option_strings: list[str], dest: str, help: str | None = None) -> None:
        super().__init__(option_strings, dest, nargs=0, help=help)

    def __call__(self, parser: argparse.ArgumentParser, *_: object) -> None:
        parser.exit(_tell_version())


def _tell_version() -> int:
    tell(f"connector {__version__}")
    return 0
