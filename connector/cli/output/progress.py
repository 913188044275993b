"""Show the user that a target is starting or stopping."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import TracebackType
from typing import Protocol

from ...sessions import Waiting
from .lines import printable, say, say_in_place

#: On Windows ssh ends its ProxyCommand without a signal, so the hint has to be printed early.
SSH_HINT = (
    "ssh times out after its ConnectTimeout (15 s in VS Code); `connector start` has no such limit"
)

#: Seconds from one line to the next where lines cannot change. VS Code waits 17 s for the next
#: output of ssh.
LINE_INTERVAL = 10.0


class WaitDisplay:
    """Shows a wait: on a terminal one line that changes, otherwise a line now and then.

    :param name: the target, as the user named it; empty if by options alone.
    :param hint: added to the first line.
    :param starts: whether the target starts; then the first line says how long that takes.
    :param report: prints the first line, and the line about a timeout of ssh. The others go to
        stderr only.
    """

    def __init__(
        self,
        name: str = "",
        hint: str = "",
        *,
        starts: bool = True,
        report: Callable[[str], None] = say,
    ) -> None:
        self._name = name
        self._hint = hint
        self._report = report
        self._starts = starts
        self._status = ""
        self._program = ""
        self._made = ""
        self._makes = ""
        self._elapsed: float | None = None  # None when no wait is going on
        self._told_at = 0.0  # seconds of the wait at the last line

    def show(self, waiting: Waiting | None) -> None:
        """Show the wait, or remove its line if ``waiting`` is ``None``."""
        terminal = can_draw()
        self._elapsed = None if waiting is None else waiting.elapsed
        if waiting is None:
            say_in_place("")
            return
        self._program = waiting.program
        if waiting.program:  # the source of the keys tells of its program
            return
        if not self._status and self._starts:
            usual = "a few minutes" if waiting.usual is None else f"about {waiting.usual:.0f} s"
            name = self._name or "The target"
            first = f"{name} is {waiting.status}; the start takes {usual}"
            if waiting.makes:
                first = f"A new target starts for {name}, which takes {usual}"
            self._report(f"{first}. {self._hint}" if self._hint else first)
            self._told_at = waiting.elapsed
        elif not terminal and self._is_news(waiting):
            say(f"{waiting.status} after {waiting.elapsed:.0f} s")
            self._told_at = waiting.elapsed
        self._makes = waiting.makes
        if waiting.made and not self._made:
            self._made = waiting.made
            self._report(made_line(waiting.made))
        self._status = waiting.status
        if terminal:
            usual = "" if waiting.usual is None else f" of about {waiting.usual:.0f}"
            say_in_place(f"{waiting.status}, {waiting.elapsed:.0f}{usual} s")

    def _is_news(self, waiting: Waiting) -> bool:
        elapsed = waiting.elapsed - self._told_at
        return waiting.status != self._status or elapsed >= LINE_INTERVAL

    def leave(self, command: str = "") -> None:
        """Tell the user what an interrupted wait leaves behind.

        :param command: if ssh has ended the ProxyCommand: the command that waits for the start.
        """
        if self._elapsed is None:
            return
        if self._makes:
            self._report(makes_line(self._makes))
        elif command and self._program:
            self._report(
                f"ssh timed out after {self._elapsed:.0f} s, but {self._program} still runs. "
                "Set a longer ConnectTimeout"
            )
        elif command:
            command = f"connector start {self._made}" if self._made else command
            name = self._name or "the target"
            self._report(
                f"ssh timed out after {self._elapsed:.0f} s, but {name} is still starting. "
                f"Run `{command}`, which waits until it runs"
            )


def made_line(words: str) -> str:
    """Return what to tell the user about a target that was made: it outlives this command.

    :param words: see ``Waiting.made``.
    """
    return f"The new target costs money until it stops. To stop it, run `connector stop {words}`"


def makes_line(command: str) -> str:
    """Return what to tell the user about a target that may have been made: no answer has come.

    :param command: see ``Waiting.makes``.
    """
    return (
        "A new target may have been started, which costs money until it stops. Look for it with "
        f"`{command}`, and stop it with `connector stop NAME`"
    )


class Display(Protocol):
    """Shows a wait."""

    def show(self, waiting: Waiting | None) -> None:
        """Show the wait, or its end if ``waiting`` is ``None``."""
        ...

    def leave(self) -> None:
        """Tell the user what an interrupted wait leaves behind."""
        ...


class Patience:
    """A ``StartProgress`` for a user at a prompt, who ends the wait with Ctrl-C only."""

    def __init__(self, display: Display) -> None:
        self._display = display

    def wait(self, waiting: Waiting, seconds: float) -> None:
        self._display.show(waiting)
        time.sleep(seconds)

    def go_on(self) -> None:
        self._display.show(None)

    def may_leave(self, harmless: bool) -> None:
        """Do nothing: Ctrl-C always ends the wait."""


@contextmanager
def patience(title: str, *, starts: bool = True) -> Iterator[Patience]:
    """Yield a :class:`Patience` that shows the wait: a bar on a terminal, otherwise lines.

    :param title: the target, as the user named it.
    :param starts: see :class:`WaitDisplay`.
    """
    with _raised_signals():
        if not can_draw():
            yield from _told(WaitDisplay(title, starts=starts))
            return
        with _StartBar(title) as bar:
            yield from _told(bar)


def _told(display: Display) -> Iterator[Patience]:
    try:
        yield Patience(display)
    except (KeyboardInterrupt, SystemExit):
        display.leave()
        raise


@contextmanager
def _raised_signals() -> Iterator[None]:
    """Let SIGTERM and SIGHUP raise SystemExit, as Ctrl-C raises KeyboardInterrupt."""

    def end(number: int, _: object) -> None:
        raise SystemExit(128 + number)

    known = [getattr(signal, name, None) for name in ("SIGTERM", "SIGHUP")]
    ours = [each for each in known if each and signal.getsignal(each) is signal.SIG_DFL]
    for number in ours:
        signal.signal(number, end)
    try:
        yield
    finally:
        for number in ours:
            signal.signal(number, signal.SIG_DFL)


def can_draw() -> bool:
    """Return whether stderr is a terminal that can replace a line; that of Emacs cannot."""
    return os.isatty(2) and os.environ.get("TERM") not in ("dumb", "unknown")


class _StartBar:
    """A progress bar on a terminal: a ``Display`` that disappears at the end of its ``with`` block.

    :param title: the target that starts or stops.
    """

    def __init__(self, title: str) -> None:
        # Most commands draw no bar, and rich is slow to import.
        from rich.console import Console
        from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn

        self._progress = Progress(
            SpinnerColumn(),
            TextColumn("{task.description}", markup=False),
            BarColumn(),
            TextColumn("{task.fields[time]}", markup=False),
            console=Console(stderr=True, markup=False, emoji=False, highlight=False),
            transient=True,
        )
        self._title = printable(title)
        self._made = self._makes = ""
        self._task = self._progress.add_task("", total=None, time="")

    def show(self, waiting: Waiting | None) -> None:
        """Show the wait, or remove the bar if ``waiting`` is ``None``."""
        if waiting is None:
            self._progress.stop()
            return
        self._makes = waiting.makes
        if waiting.made and not self._made:
            self._made = waiting.made
            self._progress.stop()  # it starts again below, under the line
            say(made_line(waiting.made))
        usual = waiting.usual
        self._progress.update(
            self._task,
            description=f"{self._title} is {printable(waiting.status)}",
            total=usual,
            completed=0 if usual is None else min(waiting.elapsed, usual),
            time=f"{waiting.elapsed:.0f} s" + (f" of about {usual:.0f}" if usual else ""),
        )
        self._progress.start()

    def leave(self) -> None:
        """Tell the user what an interrupted wait leaves behind."""
        self._progress.stop()
        if self._makes:
            say(makes_line(self._makes))

    def __enter__(self) -> _StartBar:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._progress.stop()
