"""The command line: which command, and what becomes of its errors."""

from __future__ import annotations

import argparse
import gc
import sys
from collections.abc import Callable
from importlib import import_module

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
    "whoami": "whose the token is, and when it expires",
    "emulator": "a Dev Environment on this machine",
    "demo": "ssh and scp through the connector to an emulated Dev Environment",
}

#: Another name -> the command.
ALIASES = {"ls": "list"}

#: Command -> its module, where that has another name.
_MODULES = {"exec": "execute"}

#: Commands that run one at the far end, which follows a "--".
_RUNNERS = {"exec"}

DESCRIPTION = """\
Treat an Amazon CodeCatalyst Dev Environment as an SSH host.

In ~/.ssh/config:

  Host *.codecatalyst codecatalyst-dev-env=*
    User mde-user
    ProxyCommand connector proxy %n

Then `ssh NAME`, with a name that `connector list` shows. Or without any of this:
`connector ssh NAME`.
"""


def main(argv: list[str] | None = None) -> int:
    """Run the command that ``argv`` names; returns the exit code."""
    arguments = sys.argv[1:] if argv is None else argv
    named = next((word for word in arguments if not word.startswith("-")), "")
    words: list[str] = []
    if named in _RUNNERS and "--" in arguments:
        # argparse would take its first word for one of ours that was left out.
        end = arguments.index("--")
        arguments, words = arguments[:end], arguments[end + 1 :]
    if arguments[:1] == [named] and (named in COMMANDS or named in ALIASES):
        # Only the parser of the command that runs is built: the others' cost time.
        parser = argparse.ArgumentParser(prog=f"connector {named}", formatter_class=_formatter)
        _configure(named, parser)
        options = parser.parse_args(arguments[1:])
    else:
        options = _overview(named).parse_args(arguments)
    if named in _RUNNERS:
        options.words = words
    run: Callable[[argparse.Namespace], int] = options.run
    gc.freeze()
    gc.enable()
    return run(options)


def _overview(wanted: str) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="connector",
        description=DESCRIPTION,
        formatter_class=_formatter,
    )
    parser.add_argument("--version", action=_Version, help="print the version and exit")
    commands = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)
    for name, summary in COMMANDS.items():
        aliases = [alias for alias, command in ALIASES.items() if command == name]
        command = commands.add_parser(
            name, help=summary, formatter_class=_formatter, aliases=aliases
        )
        if wanted in (name, *aliases):
            _configure(name, command)
    return parser


def _formatter(prog: str) -> argparse.HelpFormatter:
    """One of a fixed width: argparse makes one for every option that is added, and would
    import shutil, with bz2 and lzma behind it, to ask how wide the terminal is."""
    return argparse.RawDescriptionHelpFormatter(prog, width=80)


def _configure(name: str, parser: argparse.ArgumentParser) -> None:
    command = ALIASES.get(name, name)
    import_module(f".{_MODULES.get(command, command)}", __package__).configure(parser)


class _Version(argparse.Action):
    """Looks the version up only when it is asked for."""

    def __init__(self, option_strings: list[str], dest: str, help: str | None = None) -> None:
        super().__init__(option_strings, dest, nargs=0, help=help)

    def __call__(self, parser: argparse.ArgumentParser, *_: object) -> None:
        from importlib.metadata import version

        sys.stdout.write(f"connector {version('devenv-connector')}\n")
        parser.exit()
