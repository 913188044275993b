"""``connector completion``: print a script that makes a shell complete the command line.

For each TAB the shell runs the connector, and ``argcomplete`` answers from the real parsers, so
the options are never stale. Names of targets come from the cache, without the network.
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
Print a script that makes your shell complete commands, options, profiles, files, and the
names of targets that you have listed or used before. Completion never uses the network.

To use it in every new shell:
  bash   echo 'eval "$(connector completion bash)"' >> ~/.bashrc
  zsh    echo 'eval "$(connector completion zsh)"' >> ~/.zshrc    after compinit there
  fish   connector completion fish > ~/.config/fish/completions/connector.fish

ssh, scp and rsync complete host names from ~/.ssh/config themselves.
"""

EPILOG = """\
examples:
  eval "$(connector completion bash)"       # for this shell only
  connector completion zsh > ~/.zfunc/_connector    # in a directory of fpath
  connector completion fish | source
"""

SHELLS = ("bash", "zsh", "fish")

#: Metavars of arguments that are names or files. Other arguments are not completed.
_NAMES = ("TARGET",)
_FILES = ("PATH", "FILE")

#: argcomplete takes the whole line for the command, so it would complete nothing after ``sudo``
#: or ``cd there &&``. zsh knows which words belong to the command.
_ZSH_WORDS = {
    'COMP_LINE="$BUFFER"': 'COMP_LINE="${(j: :)words[1,CURRENT]}"',
    'COMP_POINT="$CURSOR"': 'COMP_POINT="${#${(j: :)words[1,CURRENT]}}"',
}


def configure(parser: argparse.ArgumentParser) -> None:
    parser.description = DESCRIPTION
    parser.epilog = EPILOG
    parser.add_argument("shell", choices=SHELLS, help="the shell to print the script for")


def run(options: argparse.Namespace) -> int:
    from argcomplete.shell_integration import shellcode

    # Do not fall back to file names, which are never the name of a target.
    script = shellcode(["connector"], use_defaults=False, shell=options.shell)
    if options.shell == "zsh":
        for theirs, ours in _ZSH_WORDS.items():
            script = script.replace(theirs, ours)
    tell(*script.splitlines())
    return 0


def complete() -> NoReturn:
    """Answer a shell that asks for completions; see ``argcomplete``."""
    from argcomplete import autocomplete
    from argcomplete.completers import SuppressCompleter

    parser = _parser(os.environ.get("COMP_LINE", ""))
    autocomplete(parser, always_complete_options=False, default_completer=SuppressCompleter())
    raise SystemExit(1)  # no shell has asked


def _parser(line: str) -> argparse.ArgumentParser:
    """Return a parser of all commands, with the options of the one on the command line."""
    from .commands import ALIASES, COMMANDS, HELP, configure_command
    from .parsers import formatter

    parser = argparse.ArgumentParser("connector", formatter_class=formatter)
    parser.add_argument("--version", action="store_true", help="print the version and exit")
    commands = parser.add_subparsers()
    explained = commands.add_parser("help", help=HELP)
    explained.add_argument("command", nargs="?", choices=[*COMMANDS, *(row.name for row in KINDS)])
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
    """Give each argument its completer, by its metavar."""
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
    given = {word for row in KINDS if (own := row.option(name)) for word in own.choices}
    return given or {value for found in _remembered() for value in found.values.get(name, ())}


def _complete_kind(**_: object) -> Iterable[str]:
    return [row.name for row in KINDS]


def _remembered() -> Iterator[Remembered]:
    return (row.load().remembered(os.environ) for row in KINDS)


def _complete_profile(**_: object) -> Iterable[str]:
    from ..aws.profile import load_profile

    return load_profile(None, os.environ).profiles


_BY_DEST = {
    "kind": _complete_kind,
    "profile": _complete_profile,
    **{option.dest: _complete_value for row in KINDS for option in row.options},
}
