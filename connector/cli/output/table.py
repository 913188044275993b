"""The table of ``connector list`` on a terminal."""

from __future__ import annotations

from typing import TYPE_CHECKING

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
    # Users copy the name, so it is never shortened.
    table.add_column("SSH NAME", no_wrap=True, overflow="fold")
    table.add_column("STATE", no_wrap=True)
    lines = [[_name(row), _state(row)] for row in listing.rows]
    room = console.width - max(len(row.name) for row in listing.rows) - _GAP - len("STOPPING")
    for number, column in enumerate(listing.columns):
        room -= _GAP + column.width
        if room >= 0:
            table.add_column(column.heading, min_width=column.width, overflow="fold")
            for line, row in zip(lines, listing.rows, strict=True):
                cell = "\n".join(map(printable, row.cells[number].split("\n")))
                line.append(Text(cell))
    for line in lines:
        table.add_row(*line)
    console.print(table)


def _name(row: Row) -> Text:
    """Return the name for ssh, in which the alias stands out."""
    text = Text(printable(row.name))
    if row.alias and row.name.startswith(row.alias):
        text.stylize("bold", 0, len(row.alias))
        text.stylize("dim", len(row.alias))
    return text


def _state(row: Row) -> Text:
    return Text(printable(row.state.status), style=_STYLES.get(row.state.phase, _CHANGING))
