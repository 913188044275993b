"""What a user sees while a Dev Environment starts."""

from __future__ import annotations

import os
import time
from typing import Protocol

from ..sessions import Waiting
from .boundary import say, say_in_place

#: ssh kills its ProxyCommand without a word, so the word has to come before.
SSH_HINT = (
    "ssh gives up after its ConnectTimeout (15 s in VS Code); `connector start` waits without it"
)


class WaitDisplay:
    """On a terminal one line that changes, otherwise a line for each change of state.

    :param hint: is said with the first line.
    """

    def __init__(self, hint: str = "") -> None:
        self._hint = hint
        self._status = ""

    def show(self, waiting: Waiting | None) -> None:
        """Show it; ``None``: the waiting is over."""
        terminal = os.isatty(2)
        if waiting is None:
            say_in_place("")
            return
        if not self._status:
            usual = "a few minutes" if waiting.usual is None else f"about {waiting.usual:.0f} s"
            first = f"The Dev Environment is {waiting.status}; until it runs it takes {usual}"
            say(f"{first}. {self._hint}" if self._hint else first)
        elif waiting.status != self._status and not terminal:
            say(f"{waiting.status} after {waiting.elapsed:.0f} s")
        self._status = waiting.status
        if terminal:
            usual = "" if waiting.usual is None else f" of about {waiting.usual:.0f}"
            say_in_place(f"{waiting.status}, {waiting.elapsed:.0f}{usual} s")


class Display(Protocol):
    """Where a wait is shown."""

    def show(self, waiting: Waiting | None) -> None:
        """Show it; ``None``: the waiting is over."""
        ...


class Patience:
    """Somebody who waits at a prompt: a ``StartProgress`` that only Ctrl-C ends."""

    def __init__(self, display: Display | None = None) -> None:
        self._display = display or WaitDisplay()

    def wait(self, waiting: Waiting, seconds: float) -> None:
        self._display.show(waiting)
        time.sleep(seconds)

    def go_on(self) -> None:
        self._display.show(None)

    def may_leave(self, harmless: bool) -> None:
        """Ctrl-C ends it in any case."""
