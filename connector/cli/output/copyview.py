"""Show how far a copy is: a bar on a terminal, lines elsewhere, or events in JSON."""

from __future__ import annotations

import json
import time
from collections import deque
from collections.abc import Callable
from types import TracebackType
from typing import TYPE_CHECKING, Protocol

from .lines import printable, say, tell
from .progress import can_draw

if TYPE_CHECKING:
    from ...copy.copying import Progress

#: Seconds between two lines, and between two events.
_LINE_INTERVAL = 30.0
_EVENT_INTERVAL = 1.0

#: Seconds over which the rate is measured.
_RATE_TIME = 10.0

#: Unit, bytes, digits after the point.
_UNITS = (("MB", 1_000_000, 1), ("kB", 1000, 1), ("bytes", 1, 0))


class View(Protocol):
    """Shows a copy."""

    def show(self, progress: Progress) -> None:
        """Show how far the copy is."""
        ...

    def end(self, outcome: Outcome) -> None:
        """Show how the copy has ended."""
        ...

    def __enter__(self) -> View: ...

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None: ...


class Outcome:
    """How a copy has ended.

    :param problems: names of files that were not copied, and why.
    :param unchecked: how many files were not compared, and why.
    :param exit_code: of the command.
    """

    def __init__(
        self,
        progress: Progress,
        problems: list[tuple[str, str]],
        unchecked: tuple[int, str],
        exit_code: int,
    ) -> None:
        self.progress = progress
        self.problems = problems
        self.unchecked = unchecked
        self.exit_code = exit_code


class Rate:
    """The rate of a copy over the last seconds.

    :param clock: seconds of a monotonic clock.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._seen: deque[tuple[float, int]] = deque()
        self._start = clock()

    @property
    def elapsed(self) -> float:
        """Seconds since the start."""
        return self._clock() - self._start

    def note(self, copied: int) -> float:
        """Take note of the bytes that are copied, and return bytes a second."""
        now = self._clock()
        self._seen.append((now, copied))
        while len(self._seen) > 2 and self._seen[0][0] < now - _RATE_TIME:
            self._seen.popleft()
        then, before = self._seen[0]
        return (copied - before) / (now - then) if now > then else 0.0


def view_of(*, as_json: bool) -> View:
    """Return the view that fits: events, a bar on stderr, or lines there."""
    if as_json:
        return EventView()
    return BarView() if can_draw() else LineView()


class LineView:
    """Prints a line now and then, and one for each file that was not copied."""

    def __init__(self, rate: Rate | None = None) -> None:
        self._rate = rate or Rate()
        self._said = 0.0

    def show(self, progress: Progress) -> None:
        rate = self._rate.note(progress.copied - progress.kept)
        if self._rate.elapsed - self._said >= _LINE_INTERVAL:
            self._said = self._rate.elapsed
            say(f"copied {of_size(progress)}, {in_words(progress, rate)}")

    def end(self, outcome: Outcome) -> None:
        say_outcome(outcome)

    def __enter__(self) -> LineView:
        return self

    def __exit__(self, *_: object) -> None:
        """Do nothing: lines stay."""


class BarView:
    """Draws a bar on stderr, with the rate and the time left. A line stays at the end."""

    def __init__(self) -> None:
        # rich is slow to import, and most commands draw no bar.
        from rich.console import Console
        from rich.progress import BarColumn, Progress, TextColumn

        self._rate = Rate()
        self._bar = Progress(
            TextColumn("{task.description}", markup=False),
            BarColumn(),
            TextColumn("{task.fields[words]}", markup=False),
            console=Console(stderr=True, markup=False, emoji=False, highlight=False),
            transient=True,
        )
        self._task = self._bar.add_task("", total=None, words="")

    def show(self, progress: Progress) -> None:
        rate = self._rate.note(progress.copied - progress.kept)
        self._bar.update(
            self._task,
            description=of_size(progress),
            total=progress.size or None,
            completed=min(progress.copied, progress.size),
            words=in_words(progress, rate),
        )
        self._bar.start()

    def end(self, outcome: Outcome) -> None:
        self._bar.stop()
        say_outcome(outcome)
        progress, seconds = outcome.progress, self._rate.elapsed
        moved = progress.copied - progress.kept
        kept = f", {in_units(progress.kept)} were there" if progress.kept else ""
        say(
            f"Copied {progress.done} of {progress.files} files: {in_units(moved)} in "
            f"{seconds:.1f} s ({in_units(round(moved / max(seconds, 0.001)))}/s){kept}"
        )

    def __enter__(self) -> BarView:
        return self

    def __exit__(self, *_: object) -> None:
        self._bar.stop()


class EventView:
    """Prints one JSON object a line on stdout."""

    def __init__(self, rate: Rate | None = None) -> None:
        self._rate = rate or Rate()
        self._told = -_EVENT_INTERVAL

    def show(self, progress: Progress) -> None:
        rate = self._rate.note(progress.copied - progress.kept)
        if self._rate.elapsed - self._told >= _EVENT_INTERVAL:
            self._told = self._rate.elapsed
            self._tell("progress", progress, bytesPerSecond=round(rate))

    def end(self, outcome: Outcome) -> None:
        for file, reason in outcome.problems:
            tell(json.dumps({"event": "problem", "file": file, "reason": reason}))
        unchecked, why = outcome.unchecked
        self._tell(
            "end",
            outcome.progress,
            notCompared=unchecked,
            whyNotCompared=why if unchecked else None,
            notCopied=len(outcome.problems),
            exitCode=outcome.exit_code,
        )

    def _tell(self, event: str, progress: Progress, **more: object) -> None:
        document = {
            "event": event,
            "seconds": round(self._rate.elapsed, 1),
            "bytes": progress.copied,
            "keptBytes": progress.kept,
            "totalBytes": progress.size,
            "files": progress.done,
            "totalFiles": progress.files,
            "connections": progress.connections,
        }
        tell(json.dumps({**document, **more}))

    def __enter__(self) -> EventView:
        return self

    def __exit__(self, *_: object) -> None:
        """Do nothing: events stay."""


def say_outcome(outcome: Outcome) -> None:
    """Print a line for each file that was not copied, and for what was not compared."""
    for file, reason in outcome.problems:
        say(f"{printable(file)}: {reason}")
    unchecked, why = outcome.unchecked
    if unchecked:
        files = outcome.progress.files
        say(f"Digests were not compared for {unchecked} of {files} files: {why}")


def of_size(progress: Progress) -> str:
    """Return how much is copied."""
    if not progress.size:
        return in_units(progress.copied)
    return f"{in_units(progress.copied)} of {in_units(progress.size)}"


def in_units(size: int) -> str:
    """Return a number of bytes in a unit that suits it."""
    unit, factor, digits = next(each for each in _UNITS if size >= each[1] or each[1] == 1)
    return f"{size / factor:.{digits}f} {unit}"


def in_words(progress: Progress, rate: float) -> str:
    """Return the rate, the time left and the number of connections."""
    parts = [f"{rate / 1e6:.1f} MB/s"]
    left = progress.size - progress.copied
    if rate > 0 and left > 0:
        seconds = round(left / rate)
        minutes, rest = divmod(seconds, 60)
        hours, minutes = divmod(minutes, 60)
        shown = f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"
        parts.append(f"{shown} left")
    parts.append(f"{progress.connections} connections")
    return ", ".join(parts)
