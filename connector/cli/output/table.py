"""The table of ``connector list`` on a terminal."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from rich.console import Console
from rich.table import Table
from rich.text import Text

from .lines import printable

if TYPE_CHECKING:
    from ...targets.codecatalyst.listing import EnvironmentSummary

_STYLES = {"RUNNING": "green", "STOPPED": "dim", "FAILED": "red", "DELETING": "red"}
_CHANGING = "yellow"


#: Space between two columns.
_GAP = 2

#: Heading, least width, and what is in it.
Column = tuple[str, int, Callable[["EnvironmentSummary"], str]]


def print_table(rows: Sequence[tuple[str, EnvironmentSummary]]) -> None:
    """Print it on stdout, with as many columns as there is room for.

    :param rows: each environment with its name for ssh.
    """
    # Neither markup nor emoji nor highlights: the texts are the service's, not ours.
    console = Console(markup=False, emoji=False, highlight=False)
    table = Table(box=None, pad_edge=False, header_style="bold")
    # A name is to be copied, so the others make room for it.
    table.add_column("SSH NAME", no_wrap=True, overflow="fold")
    table.add_column("STATE", no_wrap=True)
    cells = [[_name(name, each), _state(each)] for name, each in rows]
    room = console.width - max(len(name) for name, _ in rows) - _GAP - len("STOPPING")
    for heading, width, text_of in _columns([each for _, each in rows]):
        room -= _GAP + width
        if room >= 0:
            table.add_column(heading, min_width=width, overflow="fold")
            for line, (_, each) in zip(cells, rows, strict=True):
                line.append(Text(text_of(each)))
    for line in cells:
        table.add_row(*line)
    console.print(table)


def _columns(
    environments: Sequence[EnvironmentSummary],
) -> list[Column]:
    """Those beside name and state, the most telling first."""
    spaces = {each.space for each in environments}
    projects = {(each.space, each.project) for each in environments}

    def place(each: EnvironmentSummary) -> str:
        return printable(f"{each.space}/{each.project}" if len(spaces) > 1 else each.project)

    columns: list[Column] = [
        ("REPOSITORY", 12, _repositories),
        ("SIZE", 6, _instance),
        ("TIMEOUT", 7, _timeout),
    ]
    if len(projects) > 1:
        columns.insert(0, ("PROJECT", 12, place))
    return columns


def _name(name: str, each: EnvironmentSummary) -> Text:
    """The name for ssh, in which the alias stands out."""
    text = Text(printable(name))
    if each.alias and name.startswith(each.alias):
        text.stylize("bold", 0, len(each.alias))
        text.stylize("dim", len(each.alias))
    return text


def _state(each: EnvironmentSummary) -> Text:
    return Text(printable(each.status), style=_STYLES.get(each.status, _CHANGING))


def _repositories(each: EnvironmentSummary) -> str:
    lines = [
        f"{repository.name} ({repository.branch})" if repository.branch else repository.name
        for repository in each.repositories
    ]
    return "\n".join(printable(line) for line in lines)


def _instance(each: EnvironmentSummary) -> str:
    return printable(each.instance_type.removeprefix("dev.standard1."))


def _timeout(each: EnvironmentSummary) -> str:
    minutes = each.inactivity_timeout
    if minutes is None:
        return ""
    return f"{minutes} min" if minutes else "never"
