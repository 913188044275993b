"""Find what an earlier copy has left, and check it: whole files, and ranges of large ones."""

from __future__ import annotations

import logging
import stat
from collections.abc import Callable, Iterable, Iterator

from . import journal
from .digests import NoDigests, Run, far_digests, far_range_digests, here_digest
from .jobs import remove_part, source_of
from .plan import FileCopy, Plan
from .ranges import MOST, Range, merged
from .sftp import BLOCK, Job, SftpError
from .sides import Side, is_missing, part_of
from .work import Task

#: Files that are compared by one command of the far end.
_BATCH = 1000

logger = logging.getLogger(__name__)


class Resumer:
    """Finds out what need not be copied again.

    :param run: runs a command of the far end.
    :param report: tells the user what cannot be checked.
    """

    def __init__(self, run: Run, report: Callable[[str], None], *, downloads: bool) -> None:
        self._run = run
        self._report = report
        self._downloads = downloads

    def drop_whole(
        self, plan: Plan, target: Side, run_all: Callable[[Iterable[Job[None]]], None]
    ) -> list[FileCopy]:
        """Remove the files from a plan that are the same at both ends, and return them.

        Files of another size are not compared.
        """
        alike: list[FileCopy] = []
        run_all(self._look(file, target, alike) for file in plan.files if not file.fresh)
        kept: list[FileCopy] = []
        for start in range(0, len(alike), _BATCH):
            kept += self._equal(alike[start : start + _BATCH])
        names = {file.target for file in kept}
        plan.files = [file for file in plan.files if file.target not in names]
        # A copy that was killed at its very end, or another program, has finished the file.
        run_all(remove_part(target, Task(file, file.target)) for file in kept)
        return kept

    def ranges(self, task: Task, target: Side) -> Job[list[Range]]:
        """Return the ranges of a large file that the unfinished one beside its target holds."""
        part = part_of(task.target)
        try:
            notes = yield from target.reopen(part_of(task.target, "journal"))
            content = b""
            while more := (yield from notes.read(len(content), BLOCK).wait()):
                content += more
                if len(content) > journal.MAX_SIZE:
                    break
            yield from notes.close().wait()
            found = yield from target.lstat(part)
        except (SftpError, OSError) as error:
            if not is_missing(error):
                logger.info("an unfinished copy cannot be read: %s", error)
            return []
        if not stat.S_ISREG(found.mode):
            return []
        kept = journal.read(content, source_of(task.file))
        task.lines = -(-len(content) // journal.LINE_SIZE)
        try:
            return self._checked(task, part, kept)
        except (NoDigests, OSError) as error:
            self._report(f"What an earlier copy has left cannot be checked ({error})")
            return []

    def _checked(self, task: Task, part: bytes, kept: list[journal.Kept]) -> list[Range]:
        if self._downloads:
            return [each.range for each in kept if here_digest(part, each.range) == each.digest]
        pieces = list(_pieces(merged([each.range for each in kept])))
        if not pieces:
            return []
        far = far_range_digests(self._run, part, pieces, BLOCK)
        source = task.file.source
        return [
            piece
            for piece, digest in zip(pieces, far, strict=True)
            if here_digest(source, piece) == digest
        ]

    def _look(self, file: FileCopy, target: Side, alike: list[FileCopy]) -> Job[None]:
        try:
            found = yield from target.stat(file.target)
        except (SftpError, OSError):
            return  # it is not there
        if stat.S_ISREG(found.mode) and found.size == file.attributes.size:
            alike.append(file)

    def _equal(self, files: list[FileCopy]) -> Iterator[FileCopy]:
        try:
            far = far_digests(
                self._run, [(self._far(file), file.attributes.size) for file in files]
            )
        except NoDigests as error:
            self._report(f"Files that are there already are copied again ({error})")
            return
        for file in files:
            here = file.target if self._downloads else file.source
            try:
                if here_digest(here) == far.get(self._far(file)):
                    yield file
            except OSError as error:
                logger.info("%s is copied again: %s", ascii(here), error)

    def _far(self, file: FileCopy) -> bytes:
        return file.source if self._downloads else file.target


def _pieces(ranges: list[Range]) -> Iterator[Range]:
    """Cut ranges into pieces, so that one damaged byte does not cost a large range."""
    for each in ranges:
        for start in range(each.start, each.end, MOST):
            yield Range(start, min(start + MOST, each.end))
