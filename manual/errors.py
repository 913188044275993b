"""Make docs/errors.md from ``errors.toml``: every message with its cause and its cure."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator, Mapping
from importlib import import_module
from pathlib import Path
from pkgutil import walk_packages
from typing import Any, NamedTuple

import connector
from connector.errors import ConnectorError

from .harvest import LINE, PARTS, USAGE, Harvest, Message, shape

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

TABLE = Path(__file__).with_name("errors.toml")

HEAD = """\
# Every message, its cause and its cure

<!-- Made by `make docs` from manual/errors.toml: change that. -->

The connector prints the reason of a failure on stderr, in one line:

    connector: The target's agent does not answer. It may be starting or overloaded: ...

Search this page for the words of the message. Variable parts are shown as `<name>`; text from the
service, a proxy or the operating system is quoted. `-vv` and `--log-file PATH` log more, and
`connector doctor NAME` checks each step by itself. To search by symptom, as ssh or an IDE shows
it, see [troubleshooting](troubleshooting.md).

The exit code is that of the connector. **ssh itself exits with 255 whenever its ProxyCommand
fails**. `connector doctor NAME` exits with the exit code of the first step that fails.
"""

FOOT = """\
## To add a message

Raise a subclass of `ConnectorError` where the code knows the cause. The message says what failed,
without a final full stop; the hint says what to do next. Then run `make test`: the test of this
page fails, and prints the lines to paste into a section of `manual/errors.toml`. Fill in the cause
and the cure, run `make docs`, and commit both files.
"""


class Row(NamedTuple):
    """The cause and the cure of some messages. Each of ``kinds`` has each of ``messages``."""

    kinds: tuple[str, ...]
    messages: tuple[str, ...]
    cause: str
    cure: str

    @property
    def keys(self) -> Iterator[tuple[str, str]]:
        return ((kind, shape(text)) for kind in self.kinds for text in self.messages)


class Section(NamedTuple):
    title: str
    about: str
    rows: list[Row]


def load(path: Path = TABLE) -> list[Section]:
    """Return the table.

    :raises KeyError, TypeError: when a row lacks a key.
    """
    document: dict[str, Any] = tomllib.loads(path.read_text(encoding="utf-8"))
    return [
        Section(section["title"], section["about"], [_row(**row) for row in section["error"]])
        for section in document["section"]
    ]


def _row(*, kind: str | list[str], messages: list[str], cause: str, cure: str) -> Row:
    kinds = (kind,) if isinstance(kind, str) else tuple(kind)
    return Row(kinds, tuple(messages), cause, cure)


def missing(sections: Iterable[Section], harvest: Harvest) -> list[Message]:
    """Return the messages of the code that the table does not have."""
    known = {key for section in sections for row in section.rows for key in row.keys}
    return [message for message in harvest.messages if message.key not in known]


def left_over(sections: Iterable[Section], harvest: Harvest) -> list[tuple[str, str]]:
    """Return kind and message of each row that the code does not have."""
    there = {message.key for message in harvest.messages}
    return [
        (kind, text)
        for section in sections
        for row in section.rows
        for kind in row.kinds
        for text in row.messages
        if (kind, shape(text)) not in there
    ]


def exit_codes() -> dict[str, int]:
    """Return class -> exit code for all subclasses of ConnectorError."""
    for module in walk_packages(connector.__path__, "connector."):
        if not module.name.startswith(("connector.emulator", "connector.__main__")):
            import_module(module.name)
    codes: dict[str, int] = {}
    waiting = [ConnectorError]
    while waiting:
        kind = waiting.pop()
        codes[kind.__name__] = kind.exit_code
        waiting += kind.__subclasses__()
    return codes


def codes_of(page: str) -> dict[str, str]:
    """Return the table of docs/exit-codes.md: the code as it stands there -> when."""
    cells = [line.strip("|").split("|") for line in page.splitlines() if line.startswith("|")]
    return {code.strip(): when.strip() for code, when in cells[2:]}


def render(sections: list[Section], harvest: Harvest, exit_code_page: str) -> str:
    """The whole page.

    :param exit_code_page: the text of docs/exit-codes.md, whose table is shown here too.
    :raises ValueError: when a row is of a kind that there is not.
    """
    codes = exit_codes()
    parts = [HEAD, "## Exit codes\n", "| code | when |\n|---|---|"]
    parts += [f"| {code} | {when} |" for code, when in codes_of(exit_code_page).items()]
    parts += ["", "## Sections\n"]
    parts += [f"- [{section.title}](#{_anchor(section.title)})" for section in sections]
    for section in sections:
        parts += ["", f"## {section.title}", "", section.about]
        for row in section.rows:
            parts += ["", *_entry(row, codes, harvest.handed_on)]
    return "\n".join([*parts, "", FOOT])


def _entry(
    row: Row, codes: Mapping[str, int], handed_on: Iterable[tuple[str, str]]
) -> Iterator[str]:
    for text in row.messages:
        yield f"**`{text.replace('{', '<').replace('}', '>')}`**  "
    yield f"*{_shown_end(row, codes, handed_on)}*  "
    yield f"{row.cause}  "
    yield f"**Cure:** {row.cure}"


def _shown_end(row: Row, codes: Mapping[str, int], handed_on: Iterable[tuple[str, str]]) -> str:
    if LINE in row.kinds:
        return "the command continues"
    found = ends_with(row, codes, handed_on)
    shown = ", ".join(str(code) for code in sorted(found))
    return f"exit code {shown}" if found else "within another message"


def ends_with(row: Row, codes: Mapping[str, int], handed_on: Iterable[tuple[str, str]]) -> set[int]:
    """Return the exit codes of a row: none if its text only stands within other messages.

    :raises ValueError: when the row has an unknown kind.
    """
    found: set[int] = set()
    for kind in row.kinds:
        if kind == USAGE:
            found.add(2)
        elif kind in PARTS:
            found |= {codes[whole] for part, whole in handed_on if part == kind and whole in codes}
        elif kind in codes:
            found.add(codes[kind])
        elif kind != LINE:
            raise ValueError(f"{TABLE.name}: unknown kind {kind}: {row.messages[0]}")
    return found


def _anchor(title: str) -> str:
    return title.lower().replace(" ", "-").replace(",", "")
