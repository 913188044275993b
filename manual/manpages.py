"""Make the man pages from the parsers of the command line: connector.1 and one for each command.

The wheel installs them under share/man/man1, where `man` finds them beside the program.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator

from connector.cli.commands import COMMANDS
from connector.cli.kinds import page
from connector.cli.parsers import EPILOG, GROUPS
from connector.targets.registry import KINDS

from . import reference


def pages() -> dict[str, str]:
    """Return file name -> text for all man pages."""
    made = {"connector.1": _page("connector", list(_overview()))}
    parsers: dict[str, list[argparse.ArgumentParser]] = {}
    for parser, _ in reference.commands():
        parsers.setdefault(parser.prog.split()[1], []).append(parser)
    for command, (parser, *actions) in parsers.items():
        lines = [*_command(parser, COMMANDS[command])]
        for action in actions:
            lines += [f".SH {_escaped(action.prog.upper())}", *_synopsis(action)]
            lines += [*_prose(action.description or ""), *_options(action)]
        lines += [".SH SEE ALSO", ".BR connector (1)"]
        made[f"connector-{command}.1"] = _page(f"connector-{command}", lines)
    return made


def _page(name: str, lines: list[str]) -> str:
    origin = '.\\" Made by `make docs` from the parsers of the command line.'
    head = f'.TH {_escaped(name.upper())} 1 "" "devenv-connector" "User Commands"'
    return "\n".join([origin, head, *lines, ""])


def _overview() -> Iterator[str]:
    yield ".SH NAME"
    yield "connector \\- treat a cloud development environment as an SSH host"
    yield from (".SH SYNOPSIS", ".B connector", "COMMAND [options]", ".br")
    yield from (".B connector help", "COMMAND")
    yield ".SH COMMANDS"
    for heading, names in GROUPS.items():
        yield f".SS {_escaped(heading)}"
        for name in names:
            yield from (".TP", f".BR connector\\-{_escaped(name)} (1)", _escaped(COMMANDS[name]))
    yield ".SH KINDS OF TARGET"
    yield "A name leads to its kind. These texts are also those of"
    yield '.BR "connector help" " KIND".'
    for row in KINDS:
        yield f".SS {_escaped(row.name)}"
        yield from _prose(page(row))
    yield ".SH NOTES"
    yield from _prose(EPILOG)


def _command(parser: argparse.ArgumentParser, summary: str) -> Iterator[str]:
    yield ".SH NAME"
    yield f"{_escaped(parser.prog.replace(' ', '-'))} \\- {_escaped(summary)}"
    yield ".SH SYNOPSIS"
    yield from _synopsis(parser)
    yield ".SH DESCRIPTION"
    yield from _prose(parser.description or summary)
    if reference.shown(parser):
        yield ".SH OPTIONS"
        yield from _options(parser)
    if parser.epilog:
        yield ".SH NOTES"
        yield from _prose(parser.epilog)


def _synopsis(parser: argparse.ArgumentParser) -> Iterator[str]:
    yield f".B {_escaped(parser.prog)}"
    yield from map(_escaped, reference.synopsis(parser))


def _options(parser: argparse.ArgumentParser) -> Iterator[str]:
    for action in reference.shown(parser):
        words = (action.help or "") % {**vars(action), "prog": parser.prog}
        value = reference.value(action)
        names = [f"{name} {value}".rstrip() for name in action.option_strings] or [value]
        yield from (".TP", f".B {_escaped(', '.join(names))}", _escaped(words))


def _prose(text: str) -> Iterator[str]:
    """Yield the paragraphs of a text; indented lines keep their line breaks."""
    in_block = False
    for line in text.strip("\n").splitlines():
        if line.startswith("  ") != in_block and line:
            in_block = not in_block
            yield from (".PP", ".nf") if in_block else (".fi", ".PP")
        yield _escaped(line) if line else ".PP" if not in_block else ""
    if in_block:
        yield ".fi"


def _escaped(text: str) -> str:
    """Return text that roff prints unchanged."""
    text = text.replace("\\", "\\e").replace("-", "\\-").replace("…", "...")
    return f"\\&{text}" if text.startswith((".", "'")) else text
