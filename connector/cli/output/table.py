"""The table of ``connector list`` on a terminal."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from rich.cells import cell_len
from rich.console import Console
from rich.table import Table
from rich.text import Text

from ...targets.model import FAILED, GONE, RUNNING, STOPPED
from .lines import printable

if TYPE_CHECKING:
    from ...targets.model import Listing, Row

_STYLES = {RUNNING: "green", STOPPED: "dim", FAILED: "red", GONE: "red"}
_CHANGING = "yellow"


#: Space between two columns.
_GAP = 2


def print_table(listing: Listing) -> None:
    """Print a listing on stdout, with as many columns as there is room for."""
    if not listing.rows:
        return
    # The texts come from the service: show them without markup, emoji and highlights.
    console = Console(markup=False, emoji=False, highlight=False)
    table = Table(box=None, pad_edge=False, header_style="bold")
    lines = [[_name(row), _state(row)] for row in listing.rows]
    # Every column has a width: Rich would give several columns more room than there is, and cut.
    name_width, state_width = (_widest(str(line[at]) for line in lines) for at in (0, 1))
    name_width = max(name_width, len("SSH NAME"))
    state_width = max(state_width, len("STOPPING"))  # which the targets may be later
    table.add_column("SSH NAME", width=name_width)
    table.add_column("STATE", width=state_width)
    # Users copy the name, so it is never shortened: a narrow terminal wraps the line itself.
    console.width = max(console.width, name_width + _GAP + state_width)
    room = console.width - name_width - _GAP - state_width
    chosen = []
    for column in listing.columns:
        if room < _GAP + column.width:
            break
        room -= _GAP + column.width
        chosen.append(column)
    for number, column in enumerate(chosen):
        texts = ["\n".join(map(printable, row.cells[number].split("\n"))) for row in listing.rows]
        more = max(0, min(room, _widest("\n".join(texts).split("\n")) - column.width))
        room -= more
        table.add_column(column.heading, width=column.width + more, overflow="fold")
        for line, text in zip(lines, texts, strict=True):
            line.append(Text(text))
    for line in lines:
        table.add_row(*line)
    console.print(table)


def _widest(texts: Iterable[str]) -> int:
    return max(map(cell_len, texts))


def _name(row: Row) -> Text:
    """Return the name for ssh, in which the alias stands out."""
    text = Text(printable(row.name))
    if row.alias and row.name.startswith(row.alias):
        text.stylize("bold", 0, len(row.alias))
        text.stylize("dim", len(row.alias))
    return text


def _state(row: Row) -> Text:
    return Text(printable(row.state.status), style=_STYLES.get(row.state.phase, _CHANGING))
