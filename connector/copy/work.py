"""The work of a copy, shared by all its connections.

Each file is a :class:`Task`. A small file is one item of work. A large one is prepared, copied in
ranges by any number of connections, checked and finished. This module does no input or output.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from .packets import Attributes
from .plan import FileCopy
from .ranges import LEAST, Range, Ranges

if TYPE_CHECKING:
    from .streams import Stdin

#: Bytes from which on a file is copied in ranges.
LARGE = 4 * LEAST

#: Kinds of items.
WHOLE, PREPARE, RANGE, FINISH, DISCARD = "whole", "prepare", "range", "finish", "discard"
DIRECTORIES = "directories"

#: The range of an item that is about a whole file.
NO_RANGE = Range(0, 0)

#: Small files that one connection copies at the same time: at least and at most. Each of them waits
#: two round trips, or three. In 0.2 s the agent sends some 100 files of 1 kB.
LEAST_FILES, MOST_FILES = 24, 128

#: So many times as many files are left for each connection.
_SHARES = 2

#: How often a small file is copied that changes meanwhile.
TRIES = 3


@dataclass(eq=False)
class Task:
    """A file on its way.

    :ivar target: where it goes; a link at the target's place is followed.
    :ivar streamed: whether one end is stdin or stdout.
    :ivar grew: whether the source has grown: what it had at first is copied.
    :ivar final_mode: the mode to set at the end; None: it is right already.
    :ivar digest: the SHA-256 digest of what was copied, once it is known.
    :ivar has_part: whether there may be an unfinished file beside the target.
    :ivar lines: lines of the journal.
    :ivar problem: why the file cannot be copied.
    :ivar returned: whether an item of it was given back, which may have been done all the same.
    :ivar busy: items that connections work on.
    """

    file: FileCopy
    target: bytes
    ranges: Ranges | Stdin | None = None
    streamed: bool = False
    grew: bool = False
    final_mode: int | None = None
    digest: str = ""
    has_part: bool = False
    lines: int = 0
    problem: str = ""
    returned: bool = False
    busy: int = 0
    tries: int = 0

    @property
    def is_large(self) -> bool:
        """Whether the file is copied in ranges."""
        return self.streamed or self.file.attributes.size >= LARGE

    @property
    def is_resumable(self) -> bool:
        """Whether another copy can go on with a part of the file."""
        return self.is_large and not self.streamed


@dataclass(eq=False)
class Item:
    """A piece of work for one connection.

    :ivar range: of a large file, for the kind ``RANGE``.
    :ivar reached: up to where the range is copied.
    :ivar left: bytes that the job has not asked for yet.
    :ivar hash: of the bytes from the start of the range to there.
    """

    kind: str
    task: Task
    range: Range = NO_RANGE
    reached: int = 0
    left: int = 0
    hash: Any = None


class Work:
    """All tasks, and what the connections have done of them. Any thread may call the methods.

    :param most: bytes of the largest range.
    :param limit: up to where a file may be copied that goes to stdout.
    :param changed: the lock, if a stream needs it too.
    :ivar connections: how many connections there are.
    :ivar copied: bytes that are copied; ``kept``: bytes that an earlier copy had copied.
    :ivar done: files that are whole; ``unchecked``: those whose digests were not compared.
    :ivar why_unchecked: why they were not, as far as that is known here.
    :ivar resumable: large files of which a part is left that a later copy can go on with.
    :ivar problems: names of files that were not copied, and why.
    :ivar refusal: why the destination takes no files; empty if it does.
    """

    def __init__(
        self,
        files: list[FileCopy],
        most: int,
        *,
        streamed: bool = False,
        limit: Callable[[], int] | None = None,
        changed: threading.Condition | None = None,
    ) -> None:
        self.connections = 1
        self.copied = self.kept = self.done = self.unchecked = self.resumable = 0
        self.problems: list[tuple[bytes, str]] = []
        self.refusal = ""
        self.why_unchecked = "the far end could not read them"
        self._claimed = {file.place for file in files}
        self.changed = changed or threading.Condition()
        self._end, self._checks_due = threading.Event(), threading.Event()
        self._limit = limit
        self._most = most
        self._stopped = False
        tasks = [Task(file, file.target, streamed=streamed) for file in files]
        # Small files fill the gaps that large ones leave at the end.
        self._pending = deque(sorted(tasks, key=lambda task: not task.is_large))
        self._last = Task(FileCopy(b"", b"", Attributes(0, 0, 0, 0)), b"")
        self._open = {*tasks, self._last}
        self._ranged: list[Task] = []
        self._urgent: deque[Item] = deque()
        self._to_check: deque[Task] = deque()
        self._end_if_done()

    @property
    def ended(self) -> bool:
        """Whether there is nothing left to do."""
        return self._stopped or not self._open

    def left_over(self) -> list[Task]:
        """Return the files that have not ended."""
        with self.changed:
            return [task for task in self._open if task is not self._last]

    def take(self) -> Item | None:
        """Return an item for a connection, or None if there is none at the moment."""
        with self.changed:
            item = None if self._stopped else self._next()
            if item is not None:
                item.task.busy += 1
            return item

    def _next(self) -> Item | None:
        if self._urgent:
            return self._urgent.popleft()
        shares = 1 if self._pending else self.connections
        for task in self._ranged:
            taken = None
            if task.ranges is not None and not task.problem and self._may_go_on(task.ranges):
                taken = task.ranges.take(shares, self._most)
            if taken is not None:
                return Item(RANGE, task, taken, taken.start, taken.size)
        if self._pending:
            task = self._pending.popleft()
            if task.is_large:
                return Item(PREPARE, task)
            return Item(WHOLE, task, left=task.file.attributes.size)
        return None

    def _may_go_on(self, ranges: Ranges | Stdin) -> bool:
        return self._limit is None or ranges.first_free < self._limit()

    @property
    def files_each(self) -> int:
        """How many items a connection may have begun. Fewer at the end let all end together."""
        share = len(self._pending) // (_SHARES * self.connections)
        return max(LEAST_FILES, min(share, MOST_FILES))

    def wait_for_item(self, timeout: float) -> None:
        """Wait until :meth:`take` may return an item, or all is done."""
        with self.changed:
            self.changed.wait_for(lambda: self.ended or self._has_item(), timeout)

    def _has_item(self) -> bool:
        return bool(self._urgent or self._pending) or any(
            task.ranges is not None and task.ranges.free_bytes and self._may_go_on(task.ranges)
            for task in self._ranged
        )

    def wait_for_end(self, timeout: float) -> None:
        """Wait until all is done. Unlike the condition, this does not wake at each file."""
        self._end.wait(timeout)

    def stop(self) -> None:
        """Let all connections end."""
        with self.changed:
            self._stopped = True
            self._let_end()
            self.changed.notify_all()

    # What the connections report.

    def claim(self, target: bytes) -> bool:
        """Return whether no other file goes to this place, such as that of a symbolic link."""
        with self.changed:
            is_free = target not in self._claimed
            self._claimed.add(target)
            return is_free

    def progress(self, size: int) -> None:
        """Take note of bytes that are copied."""
        with self.changed:
            self.copied += size

    def prepared(self, item: Item, ranges: Ranges | Stdin) -> None:
        """Take note that the ranges of a large file can be copied."""
        with self.changed:
            self.kept += ranges.copied
            item.task.ranges = ranges
            self._ranged.append(item.task)
            self._after(item)

    def stream_ended(self, task: Task, size: int, digest: str, problem: str) -> None:
        """Take note of the end of stdin.

        :param problem: why it cannot be read to its end; empty if it was.
        """
        with self.changed:
            if problem:
                self._fail(task, problem)
            task.file.attributes = task.file.attributes._replace(size=size)
            task.digest = digest
            task.busy += 1
            self._after(Item(RANGE, task))

    def range_done(self, item: Item) -> None:
        """Take note that a range is copied up to ``item.reached``; the rest becomes free."""
        with self.changed:
            if item.task.ranges is not None:
                item.task.ranges.finish(item.range, item.reached)
            self._after(item)

    def whole_done(self, item: Item) -> None:
        """Take note that a small file has its own name."""
        with self.changed:
            item.task.has_part = False
            self._to_check.append(item.task)
            self._wake_checker()
            self._after(item)

    def finished(self, item: Item) -> None:
        """Take note of the end of a file, or of the directories."""
        with self.changed:
            item.task.has_part = False
            self._close(item.task)
            self._after(item)

    def give_back(self, item: Item, copied: int = 0) -> None:
        """Return an item that was not done.

        :param copied: bytes that were reported as progress, and count no more.
        """
        with self.changed:
            self.copied -= copied
            if item.kind == RANGE and item.task.ranges is not None:
                item.task.ranges.finish(item.range, item.range.start)
            elif item.kind != RANGE and not item.task.problem:
                item.task.returned = True
                self._urgent.append(Item(item.kind, item.task))
            self._after(item)

    def refuse(self, item: Item, why: str) -> None:
        """Take note that a directory of the target takes no new file.

        It is the destination's own directory if the user has named the file. But a link at the
        file's place may lead to any other directory.
        """
        with self.changed:
            item.task.has_part = False
            if item.task.file.named and item.task.target == item.task.file.target:
                item.task.problem = self.refusal = why
            else:
                self._fail(item.task, why, item.task.target)
            self._after(item)

    def fail(
        self, item: Item, problem: str, *, name: bytes = b"", keeps_part: bool = False
    ) -> None:
        """Take note that a file cannot be copied.

        :param name: of what has the problem; empty: the source.
        :param keeps_part: leave the unfinished file, which a later copy may go on with.
        """
        with self.changed:
            if keeps_part:
                item.task.has_part = False
                self.resumable += 1
            self._fail(item.task, problem, name)
            self._after(item)

    def _fail(self, task: Task, problem: str, name: bytes = b"") -> None:
        if not task.problem:
            task.problem = problem
            self.problems.append((name or task.file.source, problem))

    def _after(self, item: Item) -> None:
        task = item.task
        task.busy -= 1
        if not task.busy and task in self._open:
            if task.problem:
                self._drop(task)
            elif task.ranges is not None and task.ranges.is_whole and task in self._ranged:
                self._ranged.remove(task)
                self._to_check.append(task)
                self._wake_checker()
        self.changed.notify_all()

    def _drop(self, task: Task) -> None:
        """End a file that cannot be copied, after its unfinished part is removed."""
        if task in self._ranged:
            self._ranged.remove(task)
        if task.has_part:
            task.has_part = False  # it is removed once
            self._urgent.append(Item(DISCARD, task))
        else:
            self._close(task)

    def _close(self, task: Task) -> None:
        if task in self._open:
            self._open.remove(task)
            self.done += not task.problem and task is not self._last
            self._wake_checker()
            self._end_if_done()

    def _end_if_done(self) -> None:
        """Let the directories get their modes and times once all files are there."""
        if not self._open:
            self._let_end()
        if self._open == {self._last} and not self._last.busy:
            self._urgent.append(Item(DIRECTORIES, self._last))

    def _let_end(self) -> None:
        self._end.set()
        self._checks_due.set()

    def _wake_checker(self) -> None:
        """End the checker's wait if a large file needs it, or no other file is on its way.

        Besides the files, the directories are open until the end.
        """
        waiting = self._to_check
        if waiting and (waiting[-1].is_large or len(waiting) == len(self._open) - 1):
            self._checks_due.set()

    # What the checker asks and reports.

    def wait_for_checks(self, timeout: float) -> bool:
        """Wait, and return whether files are to be compared before the timeout, or all is done.

        Small files are compared many at a time, since each time costs a command of the far end.
        """
        is_due = self._checks_due.wait(timeout)
        self._checks_due.clear()
        return is_due

    def take_checks(self, most: int) -> list[Task]:
        """Return files whose digests are to be compared."""
        with self.changed:
            return [self._to_check.popleft() for _ in range(min(most, len(self._to_check)))]

    def not_compared(self, why: str) -> None:
        """Take note that the digests of a file that goes to stdout were not compared."""
        with self.changed:
            self.unchecked += 1
            self.why_unchecked = why or self.why_unchecked

    def checked(self, task: Task, problem: str, *, compared: bool) -> None:
        """Take note of a comparison.

        :param problem: empty if the digests are equal, or could not be compared.
        """
        with self.changed:
            self.unchecked += not compared
            if problem:
                self._fail(task, problem)
                self._drop(task)
            elif task.is_large:
                self._urgent.append(Item(FINISH, task))
            else:
                self._close(task)
            self.changed.notify_all()
