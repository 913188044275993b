"""Make docs/reference.md from the parsers of the command line: every command and option.

The page comes from the parsers' actions instead of ``format_help``, whose text and line breaks
differ between versions of Python.
"""

from __future__ import annotations

import argparse
import re
from collections.abc import Iterator

from connector.cli.commands import COMMANDS, configure_command
from connector.cli.kinds import page
from connector.settings.table import SECONDS, SETTINGS
from connector.targets.registry import KINDS

HEAD = """\
# Commands

<!-- Made by `make docs` from the parsers of the command line: change those. -->

These are the texts of `--help`. An option has precedence over its variable ("also: ..."). For exit
codes, see [errors](errors.md#exit-codes).
"""

SETTINGS_HEAD = """\
## Settings

These are the keys of the settings file. Its path is `~/.config/connector/config.toml` (or in
XDG_CONFIG_HOME), on macOS `~/Library/Application Support/connector/config.toml`, and on Windows
`%APPDATA%\\connector\\config.toml`. The file is TOML, without tables and without secrets. An option
has precedence over a variable, and a variable over the file. `connector config show` shows where
each value comes from.

| key | value | default | variables |
|---|---|---|---|"""

_WIDTH = 96  # columns of a synopsis

#: An environment variable in the help of an option.
_VARIABLE = re.compile(r"\b[A-Z][A-Z0-9]*(?:_[A-Z0-9]+)+\b")

#: Characters of plain text that Markdown and HTML would interpret.
_SPECIAL = re.compile(r"[<>*]")


def render() -> str:
    """Return the whole page."""
    parsers = list(commands())
    overview = [f"- [`{parser.prog}`](#{_anchor(parser)}): {words}" for parser, words in parsers]
    overview += [
        f"- [`connector help {row.name}`](#connector-help-{row.name}): {row.words.nouns}"
        for row in KINDS
    ]
    parts = [HEAD, *overview]
    for parser, words in parsers:
        parts += ["", *_command(parser, words)]
    for row in KINDS:
        parts += ["", f"## connector help {row.name}", "", *_prose(page(row))]
    return "\n".join([*parts, "", *_settings(), "", *_variables(parsers), ""])


def commands() -> Iterator[tuple[argparse.ArgumentParser, str]]:
    """Yield the parser of each command and action, with its line of the overview."""
    for name, summary in COMMANDS.items():
        parser = argparse.ArgumentParser(prog=f"connector {name}")
        configure_command(name, parser)
        yield parser, summary
        yield from _actions(parser)


def _actions(parser: argparse.ArgumentParser) -> Iterator[tuple[argparse.ArgumentParser, str]]:
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            for choice in action._choices_actions:  # aliases are not among these
                inner = action.choices[choice.dest]
                yield inner, choice.help or ""
                yield from _actions(inner)


def _command(parser: argparse.ArgumentParser, summary: str) -> Iterator[str]:
    yield f"## {parser.prog}"
    yield ""
    yield from _wrapped(parser.prog, synopsis(parser))
    yield ""
    yield from _prose(parser.description or f"{summary[:1].upper()}{summary[1:]}.")
    rows = [(_signature(action), _help(parser, action)) for action in shown(parser)]
    if rows:
        yield ""
        yield "| argument | meaning |"
        yield "|---|---|"
        for signature, words in rows:
            yield f"| {signature} | {words} |"
    if parser.epilog:
        yield ""
        yield from _prose(parser.epilog)


def shown(parser: argparse.ArgumentParser) -> list[argparse.Action]:
    """Return the arguments, positional ones first, without --help and hidden ones."""
    actions = [
        action
        for action in parser._actions
        if action.help != argparse.SUPPRESS
        and not isinstance(action, (argparse._HelpAction, argparse._SubParsersAction))
    ]
    return sorted(actions, key=lambda action: bool(action.option_strings))


def synopsis(parser: argparse.ArgumentParser) -> Iterator[str]:
    groups = {
        id(action): group
        for group in parser._mutually_exclusive_groups
        for action in group._group_actions
    }
    seen: set[int] = set()
    for action in sorted(shown(parser), key=lambda action: not action.option_strings):
        group = groups.get(id(action))
        if group is None:
            word = _word(action)
            yield word if _is_required(action) else f"[{word}]"
        elif id(group) not in seen:
            seen.add(id(group))
            words = " | ".join(_word(member) for member in group._group_actions)
            yield f"({words})" if group.required else f"[{words}]"
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            yield f"{action.metavar or 'ACTION'} ..."


def _wrapped(start: str, words: Iterator[str]) -> Iterator[str]:
    """Yield the lines of a code block. They break only between arguments."""
    line = f"    {start}"
    for word in words:
        if len(line) + 1 + len(word) > _WIDTH:
            yield line
            line = " " * (4 + len(start))
        line = f"{line} {word}"
    yield line


def _is_required(action: argparse.Action) -> bool:
    if action.option_strings:
        return action.required
    return action.nargs not in ("?", "*", argparse.REMAINDER)


def _word(action: argparse.Action) -> str:
    placeholder = value(action)
    if not action.option_strings:
        return placeholder
    return f"{action.option_strings[-1]} {placeholder}".rstrip()


def value(action: argparse.Action) -> str:
    """Return the placeholder of an option's value, empty if it takes none."""
    if action.option_strings and action.nargs == 0:
        return ""
    if action.metavar is None and action.choices is not None:
        name = "{" + ",".join(str(choice) for choice in action.choices) + "}"
    elif isinstance(action.metavar, tuple):
        name = " ".join(action.metavar)
    else:
        name = action.metavar or (action.dest.upper() if action.option_strings else action.dest)
    many = action.nargs in ("*", "+", argparse.REMAINDER)
    return f"{name} ..." if many and " ..." not in name else name


def _signature(action: argparse.Action) -> str:
    placeholder = value(action)
    if not action.option_strings:
        return f"`{placeholder}`"
    words = (f"{option} {placeholder}".rstrip() for option in action.option_strings)
    return ", ".join(f"`{word}`" for word in words)


def _help(parser: argparse.ArgumentParser, action: argparse.Action) -> str:
    words = (action.help or "") % {**vars(action), "prog": parser.prog}
    return _plain(words).replace("|", "\\|")


def _prose(text: str) -> Iterator[str]:
    """Yield the paragraphs of a text; indented lines become code blocks."""
    in_block = False
    for line in text.strip("\n").splitlines():
        if line.startswith("  "):
            if not in_block:
                yield ""
            yield f"    {line[2:]}"
            in_block = True
        else:
            if in_block and line:
                yield ""
            yield _plain(line)
            in_block = False


def _plain(words: str) -> str:
    """Escape the characters that Markdown would interpret, outside of `code`."""
    pieces = words.split("`")
    pieces[::2] = [_SPECIAL.sub(lambda match: f"\\{match[0]}", piece) for piece in pieces[::2]]
    return "`".join(pieces)


def _variables(parsers: list[tuple[argparse.ArgumentParser, str]]) -> Iterator[str]:
    """Yield the table of environment variables and their options."""
    found: dict[str, dict[str, list[str]]] = {}
    for parser, _ in parsers:
        for action in shown(parser):
            for name in _VARIABLE.findall(action.help or ""):
                command = parser.prog.removeprefix("connector ")
                found.setdefault(name, {}).setdefault(_word(action), []).append(command)
    yield "## Variables"
    yield ""
    yield "| variable | sets | of |"
    yield "|---|---|---|"
    for name in sorted(found):
        for option, names in found[name].items():
            yield f"| {name} | `{option}` | {', '.join(f'`{n}`' for n in names)} |"


def _settings() -> Iterator[str]:
    """Yield the table of the keys of the settings file."""
    yield SETTINGS_HEAD
    for setting in SETTINGS.values():
        default = setting.default
        shown = "" if default is None else f"{default:g}"
        if setting.varies:
            shown = f"true {setting.varies}"
        value = setting.type.wanted + (", of seconds" if setting.type is SECONDS else "")
        yield f"| `{setting.name}` | {value} | {shown} | {', '.join(setting.variables)} |"


def _anchor(parser: argparse.ArgumentParser) -> str:
    return parser.prog.replace(" ", "-")
