"""What a user sees while a Dev Environment starts."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Protocol

from ...sessions import Waiting
from .lines import say, say_in_place

#: Windows' ssh ends its ProxyCommand without a signal, so there the words have to come before.
SSH_HINT = (
    "ssh gives up after its ConnectTimeout (15 s in VS Code); `connector start` waits without it"
)


class WaitDisplay:
    """On a terminal one line that changes, otherwise a line for each change of state.

    :param hint: is said with the first line.
    :param starts: whether a Dev Environment starts, so that the first line says how long that
        takes; otherwise it stops.
    :param report: says the first line, and that ssh gave up; the others are said on stderr alone.
    """

    def __init__(
        self, hint: str = "", *, starts: bool = True, report: Callable[[str], None] = say
    ) -> None:
        self._hint = hint
        self._report = report
        self._starts = starts
        self._status = ""
        self._elapsed: float | None = None  # of a wait that goes on

    def show(self, waiting: Waiting | None) -> None:
        """Show it; ``None``: the waiting is over."""
        terminal = _can_draw()
        self._elapsed = None if waiting is None else waiting.elapsed
        if waiting is None:
            say_in_place("")
            return
        if not self._status and self._starts:
            usual = "a few minutes" if waiting.usual is None else f"about {waiting.usual:.0f} s"
            first = f"The Dev Environment is {waiting.status}; until it runs it takes {usual}"
            self._report(f"{first}. {self._hint}" if self._hint else first)
        elif waiting.status != self._status and not terminal:
            say(f"{waiting.status} after {waiting.elapsed:.0f} s")
        self._status = waiting.status
        if terminal:
            usual = "" if waiting.usual is None else f" of about {waiting.usual:.0f}"
            say_in_place(f"{waiting.status}, {waiting.elapsed:.0f}{usual} s")

    def cut_off(self, command: str) -> None:
        """ssh has ended us: if that was while the start goes on, tell the user how to wait.

        :param command: waits for the start without ssh.
        """
        if self._elapsed is not None:
            self._report(
                f"ssh gave up after {self._elapsed:.0f} s, and the Dev Environment still starts. "
                f"`{command}` waits until it runs"
            )


class Display(Protocol):
    """Where a wait is shown."""

    def show(self, waiting: Waiting | None) -> None:
        """Show it; ``None``: the waiting is over."""
        ...


class Patience:
    """The wait of a user at a prompt: a ``StartProgress`` that only Ctrl-C ends."""

    def __init__(self, display: Display) -> None:
        self._display = display

    def wait(self, waiting: Waiting, seconds: float) -> None:
        self._display.show(waiting)
        time.sleep(seconds)

    def go_on(self) -> None:
        self._display.show(None)

    def may_leave(self, harmless: bool) -> None:
        """Ctrl-C ends it in any case."""


@contextmanager
def patience(title: str, *, starts: bool = True) -> Iterator[Patience]:
    """Give a :class:`Patience` that shows the wait: a bar on a terminal, otherwise lines.

    :param title: the Dev Environment that is waited for, as the user named it.
    :param starts: see :class:`WaitDisplay`.
    """
    if not _can_draw():
        yield Patience(WaitDisplay(starts=starts))
        return
    from .bar import StartBar

    with StartBar(title) as bar:
        yield Patience(bar)


def _can_draw() -> bool:
    """Whether stderr is a terminal on which a line can be replaced; that of Emacs is not."""
    return os.isatty(2) and os.environ.get("TERM") not in ("dumb", "unknown")
