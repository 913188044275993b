"""One copy from its plan to its end."""

from __future__ import annotations

import logging
import os
import resource
import sys
import threading
from collections.abc import Callable
from dataclasses import dataclass

from .checks import Checker
from .crew import Crew
from .digests import Run
from .jobs import Jobs, remove_part
from .links import Link, Way
from .names import Wish
from .packets import ConnectionLost
from .plan import Plan, Planner, unusable
from .ranges import MOST
from .resuming import Resumer
from .sftp import BLOCK
from .sides import Far, Here, Side
from .streamjobs import DownloadJobs, UploadJobs
from .streams import PIECE, Stdin, Stdout
from .work import LARGE, Work

#: Bytes of the largest range of a download. The agent sends it in 3 s.
_MOST_DOWN = 64 * BLOCK

#: Small files for which another connection is worth its start.
_FILES_EACH = 8

#: Files that a copy has open besides its connections, and those of each connection with its jobs.
_OPEN_FILES, _OPEN_FILES_EACH = 40, 24

#: Seconds for the connections to end in order after an interruption.
_PATIENCE = 2.0

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Progress:
    """How far a copy is. Sizes are in bytes, and include what an earlier copy had copied."""

    copied: int
    kept: int
    size: int
    done: int
    files: int
    connections: int


class Copy:
    """Copies what a user wishes.

    :param most: connections at most.
    :param report: prints a line for the user.
    :param before_end: called before all connections are ended, which must not be interrupted.
    """

    def __init__(
        self,
        wish: Wish,
        way: Way,
        most: int,
        *,
        recursive: bool,
        preserve: bool,
        resume: bool,
        report: Callable[[str], None],
        before_end: Callable[[], None],
    ) -> None:
        self._wish = wish
        self._way = way
        self._most = most
        self._recursive = recursive
        self._preserve = preserve
        self._resume = resume
        self._report = report
        self._before_end = before_end
        self._here = Here()
        self._first = Link(way, 0, may_ask=os.isatty(2))
        self._changed = threading.Condition()
        self._stdin = Stdin(self._changed) if wish.sources[0].is_stream else None
        self._stdout = Stdout(self._changed) if wish.target.is_stream else None
        self._plan = Plan()
        self._size = self._same = self._same_size = 0
        self._work = Work([], MOST)
        self._crew: Crew | None = None
        self._checker: Checker | None = None

    @property
    def problems(self) -> list[tuple[bytes, str]]:
        """Names of what was not copied, and why."""
        return [*self._plan.problems, *self._work.problems]

    @property
    def unchecked(self) -> tuple[int, str]:
        """How many files were not compared at the end, and why."""
        why_not = self._checker.why_not if self._checker else ""
        return self._work.unchecked, why_not or self._work.why_unchecked

    @property
    def can_resume(self) -> bool:
        """Whether a part of a large file is left, with which a later copy can go on."""
        left = any(task.has_part and task.is_resumable for task in self._work.left_over())
        return left or bool(self._work.resumable)

    def progress(self) -> Progress:
        """Return how far the copy is."""
        work, crew = self._work, self._crew
        return Progress(
            work.copied + work.kept + self._same_size,
            work.kept + self._same_size,
            (self._plan.size if self._stdin else self._size) + self._same_size,
            work.done + self._same,
            len(self._plan.files) + self._same,
            crew.connected if crew else 1,
        )

    def run(self, show: Callable[[Progress], None]) -> None:
        """Copy. What cannot be copied is in :attr:`problems`.

        :param show: called several times a second.
        :raises ConnectorError: when the copy cannot begin, or all connections are lost.
        """
        self._first.open()
        try:
            self._prepare()
        except BaseException as error:
            self._before_end()
            if isinstance(error, ConnectionLost):
                error = self._first.failure()
            self._first.close()
            raise error from None
        try:
            self._start()
            while not self._work.ended:
                self._work.wait_for_end(0.2)
                show(self.progress())
        finally:
            self._end()
        self._raise_failure()

    def _prepare(self) -> None:
        pipeline = self._first.pipeline
        far = Far(pipeline.sftp)
        source, target = self._sides(far)
        planner = Planner(source, target, pipeline.run_all, recursive=self._recursive)
        self._plan = planner.plan(self._wish)
        if self._resume:
            resumer = self._resumer(self._first.run)
            kept = resumer.drop_whole(self._plan, target, pipeline.run_all)
            self._same, self._same_size = len(kept), sum(file.attributes.size for file in kept)
        self._size = self._plan.size  # that of stdin is known at its end

    def _resumer(self, run: Run) -> Resumer:
        return Resumer(run, self._report, downloads=self._wish.downloads)

    def _start(self) -> None:
        downloads = self._wish.downloads
        streams = self._stdin is not None or self._stdout is not None
        self._work = Work(
            self._plan.files,
            PIECE if streams else _MOST_DOWN if downloads else MOST,
            streamed=streams,
            limit=self._stdout.limit if self._stdout else None,
            changed=self._changed,
        )
        target = self._here if downloads else None
        self._crew = Crew(self._work, self._way, self._jobs, target, self._report)
        self._checker = Checker(self._work, self._crew.run, downloads=downloads)
        self._crew.start(self._first, self._count())
        self._checker.start()

    def _count(self) -> int:
        """Return how many connections are worth their start, and can have their files open."""
        worth = self._most
        if self._stdin is None:
            ranges = self._size // LARGE
            worth = max(1, min(worth, ranges + len(self._plan.files) // _FILES_EACH))
        allowed = connections_for(resource.getrlimit(resource.RLIMIT_NOFILE)[0])
        if allowed < worth:
            logger.info("only %d connections, for the limit of open files", allowed)
        return min(worth, allowed)

    def _sides(self, far: Far) -> tuple[Side, Side]:
        if self._wish.downloads:
            return far, self._stdout or self._here
        return self._stdin or self._here, far

    def _jobs(self, far: Far) -> Jobs:
        crew = self._crew
        if self._stdin is not None:
            return UploadJobs(self._work, self._stdin, far, preserve=self._preserve)
        if self._stdout is not None and crew is not None:
            return DownloadJobs(self._work, far, self._stdout, crew.run)
        resumer = self._resumer(crew.run) if self._resume and crew else None
        return Jobs(
            self._work,
            *self._sides(far),
            self._plan.directories,
            preserve=self._preserve,
            resume=resumer.ranges if resumer else None,
        )

    def _end(self) -> None:
        """End all connections, and remove what is of no further use."""
        self._before_end()
        self._work.stop()
        if self._crew is not None:
            self._crew.end(_PATIENCE)
        if self._checker is not None and self._checker.is_alive():
            self._checker.join()
        self._first.close()  # an interrupt may come before the crew has it
        if self._wish.downloads:
            for task in self._work.left_over():
                if task.has_part and not task.is_large:
                    for _ in remove_part(self._here, task):
                        continue

    def _raise_failure(self) -> None:
        if self._work.refusal:
            raise unusable(self._wish.target, self._work.refusal)
        if self._stdout is not None and self._stdout.error is not None:
            raise self._stdout.error
        for error in (
            self._checker.error if self._checker else None,
            self._crew.error if self._crew and self._work.left_over() else None,
        ):
            if error is not None:
                raise error


def connections_for(limit: int) -> int:
    """Return how many connections a limit of open files is enough for, one at least.

    :param limit: of this process, as ``resource.getrlimit`` returns it.
    """
    if limit == resource.RLIM_INFINITY:
        return sys.maxsize
    return max(1, (limit - _OPEN_FILES) // _OPEN_FILES_EACH)
