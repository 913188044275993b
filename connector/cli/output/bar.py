"""A progress bar on a terminal for the start of a target."""

from __future__ import annotations

from types import TracebackType

from rich.console import Console
from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn

from ...sessions import Waiting
from .lines import printable


class StartBar:
    """A ``Display`` on stderr, which disappears at the end of its ``with`` block.

    :param title: the target that starts or stops.
    """

    def __init__(self, title: str) -> None:
        self._progress = Progress(
            SpinnerColumn(),
            TextColumn("{task.description}", markup=False),
            BarColumn(),
            TextColumn("{task.fields[time]}", markup=False),
            console=Console(stderr=True, markup=False, emoji=False, highlight=False),
            transient=True,
        )
        self._title = printable(title)
        self._task = self._progress.add_task("", total=None, time="")

    def show(self, waiting: Waiting | None) -> None:
        """Show the wait, or remove the bar if ``waiting`` is ``None``."""
        if waiting is None:
            self._progress.stop()
            return
        usual = waiting.usual
        self._progress.update(
            self._task,
            description=f"{self._title} is {printable(waiting.status)}",
            total=usual,
            completed=0 if usual is None else min(waiting.elapsed, usual),
            time=f"{waiting.elapsed:.0f} s" + (f" of about {usual:.0f}" if usual else ""),
        )
        self._progress.start()

    def __enter__(self) -> StartBar:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._progress.stop()
