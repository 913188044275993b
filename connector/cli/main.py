"""The command line: which command, and what becomes of its errors."""

from __future__ import annotations

import argparse
import gc
import os
import sys
from collections.abc import Callable
from importlib import import_module
from typing import NoReturn

from .boundary import guarded
from .settings import settle

#: Command -> its one line in the overview. The module of a command is imported only when
#: it is the one that runs.
COMMANDS = {
    "proxy": "the ProxyCommand: start a session of a Dev Environment, and carry ssh to it",
    "list": "list your Dev Environments, with their names for ssh",
    "ssh": "start a Dev Environment, wait until it runs, and call ssh",
    "shell": "a shell in a Dev Environment, without ssh",
    "exec": "run a command in a Dev Environment, without ssh",
    "start": "start a Dev Environment, and wait until it runs",
    "stop": "stop a Dev Environment",
    "sessions": "list or stop the sessions of a Dev Environment",
    "attach": "carry ssh to a session that something else has started",
    "login": "get a token: AWS Builder ID or IAM Identity Center, by way of a browser",
    "logout": "end the token, here and at the service",
    "doctor": "look at each leg of the way to a Dev Environment by itself",
    "whoami": "whose the token is, and when it expires",
    "config-ssh": "have ssh, scp, rsync and VS Code reach Dev Environments by name",
    "emulator": "a Dev Environment on this machine",
    "completion": "have a shell complete commands, options and names",
    "config": "show the settings, and where each comes from",
    "demo": "ssh and scp through the connector to an emulated Dev Environment",
}

#: Another name -> the command.
ALIASES = {"ls": "list"}

#: Command -> its module, where that has another name.
_MODULES = {"exec": "execute"}

#: Commands that run one at the far end, which follows a "--".
_RUNNERS = {"exec"}


def main(argv: list[str] | None = None) -> int:
    """Run the command that ``argv`` names; returns the exit code."""
    # A shell asks what could come next.
    if "_ARGCOMPLETE" in os.environ and "COMP_LINE" in os.environ:
        from .completion import complete

        complete()
    arguments = sys.argv[1:] if argv is None else argv
    named = arguments[0] if arguments else ""
    if named not in COMMANDS and named not in ALIASES:
        _explain(arguments)
    options = parse(named, arguments[1:])
    gc.freeze()
    gc.enable()
    return guarded(lambda: _run(options))


def _run(options: argparse.Namespace) -> int:
    settle(options)
    run: Callable[[argparse.Namespace], int] = options.run
    return run(options)


def parse(named: str, words: list[str]) -> argparse.Namespace:
    """What a command makes of the words that follow it; or it exits, with usage or help."""
    command: list[str] = []
    if named in _RUNNERS and "--" in words:
        # argparse would take its first word for one of ours that was left out.
        end = words.index("--")
        words, command = words[:end], words[end + 1 :]
    options = parser_of(named).parse_args(words)
    if named in _RUNNERS:
        options.words = command
    return options


def parser_of(name: str) -> argparse.ArgumentParser:
    """The parser of one command. Only that of the one that runs is made: the others cost time."""
    parser = argparse.ArgumentParser(prog=f"connector {name}", formatter_class=formatter)
    configure_command(name, parser)
    return parser


def configure_command(name: str, parser: argparse.ArgumentParser) -> None:
    """Give a parser the options of a command, or of an alias of one."""
    command = ALIASES.get(name, name)
    module = _MODULES.get(command, command.replace("-", ""))
    import_module(f".{module}", __package__).configure(parser)


def _explain(arguments: list[str]) -> NoReturn:
    """Print help, the version, or what is wrong with words that begin with no command; and exit."""
    from . import overview

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

        near = get_close_matches(command, COMMANDS, 1)
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
        from importlib.metadata import version

        sys.stdout.write(f"connector {version('devenv-connector')}\n")
        parser.exit()
