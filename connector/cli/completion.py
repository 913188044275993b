"""``connector completion``: what a shell has to be told once, so that TAB asks us.

The shell then runs the connector for each TAB, and ``argcomplete`` answers by way of the real
parsers: no list of options that could be stale, and names of Dev Environments as they are
remembered. Nothing is asked of the network.
"""

from __future__ import annotations

import argparse
import os
from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, NoReturn

from ..targets.registry import KINDS
from .output.lines import tell

if TYPE_CHECKING:
    from ..targets.model import Remembered

DESCRIPTION = """\
Print a script for a shell: it completes commands, options, profiles, files, and the names of
Dev Environments that were listed or reached before. No network is asked for that.

To have it in every new shell:
  bash   echo 'eval "$(connector completion bash)"' >> ~/.bashrc
  zsh    echo 'eval "$(connector completion zsh)"' >> ~/.zshrc    after its compinit
  fish   connector completion fish > ~/.config/fish/completions/connector.fish

ssh, scp and rsync complete host names by themselves, from ~/.ssh/config.
"""

EPILOG = """\
examples:
  eval "$(connector completion bash)"       # for this shell only
  connector completion zsh > ~/.zfunc/_connector    # in a directory of its fpath
  connector completion fish | source
"""

SHELLS = ("bash", "zsh", "fish")

#: What stands in the place of a word -> what completes it. Whatever else there is has nothing.
_NAMES = ("HOST", "ENV")
_FILES = ("PATH", "FILE")

#: The library takes the whole line for the command, so that nothing would come after ``sudo``
#: or ``cd there &&``. zsh knows which words are the command's.
_ZSH_WORDS = {
    'COMP_LINE="$BUFFER"': 'COMP_LINE="${(j: :)words[1,CURRENT]}"',
    'COMP_POINT="$CURSOR"': 'COMP_POINT="${#${(j: :)words[1,CURRENT]}}"',
}


def configure(parser: argparse.ArgumentParser) -> None:
    parser.description = DESCRIPTION
    parser.epilog = EPILOG
    parser.add_argument("shell", choices=SHELLS, help="whose script to print")


def run(options: argparse.Namespace) -> int:
    from argcomplete.shell_integration import shellcode

    # No file names where there is nothing better: they are never a Dev Environment's.
    script = shellcode(["connector"], use_defaults=False, shell=options.shell)
    if options.shell == "zsh":
        for theirs, ours in _ZSH_WORDS.items():
            script = script.replace(theirs, ours)
    tell(*script.splitlines())
    return 0


def complete() -> NoReturn:
    """Answer a shell that asks what could stand at its cursor; see ``argcomplete``."""
    from argcomplete import autocomplete
    from argcomplete.completers import SuppressCompleter

    parser = _parser(os.environ.get("COMP_LINE", ""))
    autocomplete(parser, always_complete_options=False, default_completer=SuppressCompleter())
    raise SystemExit(1)  # it was no shell that asked


def _parser(line: str) -> argparse.ArgumentParser:
    """Of all commands, with what belongs to the one of a command line."""
    from .commands import ALIASES, COMMANDS, HELP, configure_command
    from .parsers import formatter

    parser = argparse.ArgumentParser("connector", formatter_class=formatter)
    parser.add_argument("--version", action="store_true", help="print the version and exit")
    commands = parser.add_subparsers()
    explained = commands.add_parser("help", help=HELP)
    explained.add_argument("command", nargs="?", choices=COMMANDS)
    given = line.split()[1:2]
    for name, summary in COMMANDS.items():
        aliases = [alias for alias, meant in ALIASES.items() if meant == name]
        command = commands.add_parser(
            name, help=summary, formatter_class=formatter, aliases=aliases
        )
        if given and given[0] in (name, *aliases):
            configure_command(name, command)
            _add_completers(command)
    return parser


def _add_completers(parser: argparse.ArgumentParser) -> None:
    """Say of each word what completes it, by what stands in its place in the help."""
    from argcomplete.completers import FilesCompleter

    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            for inner in set(action.choices.values()):
                _add_completers(inner)
        elif action.metavar in _NAMES:
            action.completer = _complete_name  # type: ignore[attr-defined]
        elif action.metavar in _FILES:
            action.completer = FilesCompleter()  # type: ignore[attr-defined]
        elif completer := _BY_DEST.get(action.dest):
            action.completer = completer  # type: ignore[attr-defined]


def _complete_name(**_: object) -> Mapping[str, str]:
    return {name: at for found in _remembered() for name, at in found.names.items()}


def _complete_value(action: argparse.Action, **_: object) -> Iterable[str]:
    """Complete an option that belongs to a kind of target."""
    name = action.dest.replace("_", "-")
    return {value for found in _remembered() for value in found.values.get(name, ())}


def _remembered() -> Iterator[Remembered]:
    return (row.load().remembered(os.environ) for row in KINDS)


def _complete_profile(**_: object) -> Iterable[str]:
    from ..aws.profile import load_profile

    return load_profile(None, os.environ).profiles


_BY_DEST = {
    "profile": _complete_profile,
    **{option.name: _complete_value for row in KINDS for option in row.options},
}
