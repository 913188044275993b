"""The jobs that copy files: each item of work is done by one job on one connection.

A file is written under another name beside its destination, and renamed when it is whole. So the
destination never holds half a file.
"""

from __future__ import annotations

import hashlib
import logging
import stat
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from . import journal
from .packets import Attributes
from .plan import SAME_TARGET, DirectoryCopy, FileCopy
from .ranges import Range, Ranges
from .sftp import BLOCK, Job, SftpError, words_of
from .sides import Answer, Far, File, Side, is_missing, is_refusal, part_of
from .work import DIRECTORIES, DISCARD, FINISH, PREPARE, RANGE, TRIES, WHOLE, Item, Task, Work

#: The change of a source while it is copied, in words.
CHANGED = "changed while it was copied"

#: Why a file does not get its name.
IS_DIRECTORY = "the destination has a directory of this name"
IS_SPECIAL = "the destination has a special file of this name"

#: The permissions that a file keeps of its source. Like scp, a copy never makes a file run as
#: another user: the far end must not choose such a mode (setuid).
PERMISSIONS = 0o777

logger = logging.getLogger(__name__)


class NotCopied(Exception):
    """A file cannot be copied. The text ends a sentence that begins with its name."""


class Refused(Exception):
    """The directory of a destination takes no new file. The text says why."""


class Jobs:
    """Makes the jobs of one connection.

    :param directories: of the target, whose modes and times are set at the end.
    :param preserve: keep times and modes.
    :param resume: returns the ranges of a large file that an earlier copy has left, in a job.
    """

    def __init__(
        self,
        work: Work,
        source: Side,
        target: Side,
        directories: list[DirectoryCopy],
        *,
        preserve: bool,
        resume: Callable[[Task, Side], Job[list[Range]]] | None = None,
    ) -> None:
        self._work = work
        self._source = source
        self._target = target
        self._directories = directories
        self._preserve = preserve
        self._resume = resume
        self._steps = {
            WHOLE: self._whole,
            PREPARE: self._prepare,
            RANGE: self._range,
            FINISH: self._finish,
            DISCARD: self._discard,
            DIRECTORIES: self._end_directories,
        }

    def job(self, item: Item) -> Job[None]:
        """Do an item of work, and report to :class:`.work.Work`."""
        try:
            yield from self._steps[item.kind](item)
        except NotCopied as error:
            self._work.fail(item, str(error))
        except Refused as error:
            self._work.refuse(item, str(error))
        except (SftpError, OSError) as error:
            # Each end has errors of its own type.
            is_at_target = isinstance(error, SftpError) == isinstance(self._target, Far)
            # The far end or the disk may do better later: what is copied of a large file is kept.
            keeps = item.kind == RANGE and item.task.is_resumable and not is_missing(error)
            name = item.task.target if is_at_target else item.task.file.source
            self._work.fail(item, words_of(error), name=name, keeps_part=keeps)

    def _whole(self, item: Item) -> Job[None]:
        task = item.task
        mode = yield from self.settle(task)
        part = part_of(task.target)
        # A descriptor that is open for writing stays so, whatever the mode of the file.
        made = 0o600 if mode is not None else stat.S_IMODE(task.file.attributes.mode) & PERMISSIONS
        item.hash = hashlib.sha256()
        size = task.file.attributes.size
        if size < BLOCK:
            seen = yield from self._copy_small(item, part, made)
        else:
            seen = yield from self._copy_whole(item, part, made)
        if self._changed(task, seen):
            task.tries += 1
            if task.tries == TRIES:
                raise NotCopied(CHANGED)
            task.file.attributes = seen
            self._work.give_back(item, item.reached)
            return
        yield from self.give_attributes(task, part, mode)
        yield from self._target.replace(part, task.target)
        task.digest = item.hash.hexdigest() if size else ""
        self._work.whole_done(item)

    def _copy_small(self, item: Item, part: bytes, mode: int) -> Job[Attributes]:
        """Copy a file by one read and one write; return the attributes that its bytes show.

        A change of the content alone shows when the digests are compared. This machine has no
        file open while an answer is on its way: there may be many of them.
        """
        known = item.task.file.attributes
        file = yield from self._source.open_source(item.task.file.source)
        with _closed_on_failure(file):
            item.left = 0
            data = yield from file.read(0, known.size + 1).wait()
        file.close()
        if data and not known.size:  # a file of /proc
            return (yield from self._copy_whole(item, part, mode))
        kept = data[: known.size]
        self._take(item, kept)
        item.task.has_part = True
        copy = yield from self._create(part, mode)
        with _closed_on_failure(copy):
            written = copy.write(0, kept)
        closed = copy.close()  # the server does one after the other
        for answer in (written, closed):
            yield from answer.wait()
        return known._replace(size=len(data))

    def _copy_whole(self, item: Item, part: bytes, mode: int) -> Job[Attributes]:
        """Copy a file from its first to its last byte; return its attributes after that."""
        size = item.task.file.attributes.size
        file = yield from self._source.open_source(item.task.file.source)
        with _closed_on_failure(file):
            item.task.has_part = True
            copy = yield from self._create(part, mode)
            with _closed_on_failure(copy):
                seen = yield from self._transfer(item, file, copy, Range(0, size))
                if not size:
                    yield from self._to_end(item, file, copy)
        file.close()
        yield from copy.close().wait()
        return seen

    def _prepare(self, item: Item) -> Job[None]:
        task = item.task
        task.final_mode = yield from self.settle(task)
        part, log = part_of(task.target), part_of(task.target, "journal")
        size = task.file.attributes.size
        done: list[Range] = []
        if self._resume is not None:
            done = yield from self._resume(task, self._target)
        task.has_part = True
        wanted = stat.S_IMODE(task.file.attributes.mode) & PERMISSIONS
        is_new = task.final_mode is None
        if is_new and done:
            # What an earlier copy has made may have had another mode in mind.
            task.final_mode = yield from self._mode_of_new(task, wanted)
        if not done:
            made = yield from self._make(part, wanted | 0o600 if is_new else 0o600)
            if is_new and wanted | 0o600 != wanted:
                task.final_mode = made & wanted
            notes = yield from self._create(log, 0o600)
            yield from notes.write(0, journal.head(source_of(task.file))).wait()
            yield from notes.close().wait()
            task.lines = 1
        self._work.prepared(item, Ranges(size, done))

    def _create(self, path: bytes, mode: int) -> Job[File]:
        """Create a file at the target.

        :raises Refused: when this is not for this file alone.
        """
        try:
            return (yield from self._target.create(path, mode))
        except (SftpError, OSError) as error:
            if is_refusal(error):
                raise Refused(words_of(error)) from None
            raise

    def _make(self, path: bytes, mode: int) -> Job[int]:
        """Create a file, and return the mode that the umask has left."""
        made = yield from self._create(path, mode)
        status = yield from made.status().wait()
        yield from made.close().wait()
        return stat.S_IMODE(status.mode)

    def _mode_of_new(self, task: Task, wanted: int) -> Job[int]:
        """Return the mode that a new file gets here by way of the umask."""
        probe = part_of(task.target, "mode")
        mode = yield from self._make(probe, wanted | 0o600)
        yield from self._target.remove(probe)
        return mode & wanted

    def _range(self, item: Item) -> Job[None]:
        task = item.task
        file = yield from self._source.open_source(task.file.source)
        item.hash = hashlib.sha256()
        with _closed_on_failure(file):
            copy = yield from self._target.reopen(part_of(task.target))
            with _closed_on_failure(copy):
                seen = yield from self._transfer(item, file, copy, item.range)
        for closed in (file.close(), copy.close()):
            yield from closed.wait()
        if self._changed(task, seen):
            raise NotCopied(CHANGED)
        yield from self.note(item)
        self._work.range_done(item)

    def note(self, item: Item) -> Job[None]:
        """Write into the journal how far a range is copied."""
        if item.reached == item.range.start:
            return
        task = item.task
        place = task.lines * journal.LINE_SIZE
        task.lines += 1
        kept = journal.Kept(Range(item.range.start, item.reached), item.hash.hexdigest())
        notes = yield from self._target.reopen(part_of(task.target, "journal"))
        yield from notes.write(place, journal.line(kept)).wait()
        yield from notes.close().wait()

    def _finish(self, item: Item) -> Job[None]:
        task = item.task
        seen = yield from self._source.stat(task.file.source)
        if self._changed(task, seen):
            raise NotCopied(CHANGED)
        part = part_of(task.target)
        try:
            yield from self.give_attributes(task, part, task.final_mode)
            # Another copy to the same name, which began meanwhile, has made a file of its own.
            if (yield from self._target.lstat(part)).size != task.file.attributes.size:
                raise NotCopied("another copy writes to the same file")
            yield from self._target.replace(part, task.target)
        except (SftpError, OSError) as error:
            # The answer to an earlier request was lost with its connection.
            if not (task.returned and is_missing(error)):
                raise
            found = yield from self._target.stat(task.target)
            if found.size != task.file.attributes.size:
                raise
        task.has_part = False
        yield from _remove(self._target, part_of(task.target, "journal"))
        self._work.finished(item)

    def _discard(self, item: Item) -> Job[None]:
        yield from remove_part(self._target, item.task)
        self._work.finished(item)

    def _end_directories(self, item: Item) -> Job[None]:
        """Set the attributes of directories, the deepest first: their parents may lock them."""
        for directory in reversed(self._directories):
            yield from self.end_directory(directory)
        self._work.finished(item)

    def end_directory(self, directory: DirectoryCopy) -> Job[None]:
        found, place = directory.attributes, directory.target
        # Without the sticky bit, others could remove files from a directory that all may write to.
        wanted = stat.S_IMODE(found.mode) & (PERMISSIONS | stat.S_ISVTX)
        try:
            if self._preserve and not directory.failed:
                times = (found.atime, found.mtime)
                yield from self._target.set_attributes(place, wanted, times)
            elif directory.made and wanted & 0o700 != 0o700:
                made = yield from self._target.stat(place)
                mode = stat.S_IMODE(made.mode) & wanted
                yield from self._target.set_attributes(place, mode, None)
        except (SftpError, OSError) as error:
            self._work.problems.append((place, words_of(error)))

    def settle(self, task: Task) -> Job[int | None]:
        """Look at what is in the target's place; return the mode to set at the end.

        A new file gets its mode when it is created, by way of the umask.
        """
        found = None if task.file.fresh else (yield from self._look(task))
        mode = task.file.attributes.mode if self._preserve else found.mode if found else None
        return None if mode is None else stat.S_IMODE(mode) & PERMISSIONS

    def _look(self, task: Task) -> Job[Attributes | None]:
        found = yield from self._lstat(task)
        if found is not None and stat.S_ISLNK(found.mode):
            task.target = yield from self._target.real_path(task.target)
            if not self._work.claim(task.target):
                raise NotCopied(SAME_TARGET)
            found = yield from self._lstat(task)
        if found is None:
            return None
        if stat.S_ISDIR(found.mode):
            raise NotCopied(IS_DIRECTORY)
        if found.mode and not stat.S_ISREG(found.mode):
            raise NotCopied(IS_SPECIAL)
        return found

    def _lstat(self, task: Task) -> Job[Attributes | None]:
        try:
            return (yield from self._target.lstat(task.target))
        except (SftpError, OSError) as error:
            if is_missing(error):
                return None
            if is_refusal(error):
                raise Refused(words_of(error)) from None
            raise

    def give_attributes(self, task: Task, part: bytes, mode: int | None) -> Job[None]:
        found = task.file.attributes
        times = (found.atime, found.mtime) if self._preserve else None
        if mode is not None or times is not None:
            yield from self._target.set_attributes(part, mode, times)

    def _transfer(self, item: Item, file: File, copy: File, wanted: Range) -> Job[Attributes]:
        """Copy a range, and return the source's attributes after its last byte was read."""
        reads: deque[tuple[int, int, Answer[bytes]]] = deque()
        writes: deque[Answer[None]] = deque()
        item.reached = next_start = wanted.start
        status: Answer[Attributes] | None = None
        while True:
            while next_start < wanted.end and len(reads) * BLOCK < file.window:
                size = min(BLOCK, wanted.end - next_start)
                reads.append((next_start, size, file.read(next_start, size)))
                next_start += size
                item.left = wanted.end - next_start
            if status is None and next_start == wanted.end:
                status = file.status()
            if not reads:
                break
            start, size, answer = reads.popleft()
            data = yield from answer.wait()
            while data and len(data) < size:
                more = yield from file.read(start + len(data), size - len(data)).wait()
                data = data + more if more else b""
            if not data:
                raise NotCopied(CHANGED)
            self._take(item, data)
            writes.append(copy.write(start, data))
            while len(writes) * BLOCK >= copy.window:
                yield from writes.popleft().wait()
        for written in writes:
            yield from written.wait()
        assert status is not None
        return (yield from status.wait())

    def _to_end(self, item: Item, file: File, copy: File) -> Job[None]:
        """Copy a file that says to be empty: those of /proc have content all the same."""
        while data := (yield from file.read(item.reached, BLOCK).wait()):
            start = item.reached
            self._take(item, data)
            yield from copy.write(start, data).wait()

    def _changed(self, task: Task, seen: Attributes) -> bool:
        """Return whether the source is another one by now. A log that has only grown is not."""
        known = task.file.attributes
        if seen.size > known.size:
            task.grew = True
            return False
        # After it has grown, a new time says nothing. The files of /proc always have a new one.
        newer = seen.mtime != known.mtime and not task.grew and known.size > 0
        return seen.size < known.size or newer

    def _take(self, item: Item, data: bytes) -> None:
        item.hash.update(data)
        item.reached += len(data)
        self._work.progress(len(data))


@contextmanager
def _closed_on_failure(file: File) -> Iterator[None]:
    """Close a file whose copy fails, so that the far end does not run out of handles.

    A lost connection closes all its files itself.
    """
    try:
        yield
    except (NotCopied, Refused, SftpError, OSError):
        file.close()
        raise


def remove_part(target: Side, task: Task) -> Job[None]:
    """Remove what a copy has left beside a target, as far as possible."""
    for kind in ("part", "journal") if task.is_large else ("part",):
        yield from _remove(target, part_of(task.target, kind))


def _remove(target: Side, path: bytes) -> Job[None]:
    try:
        yield from target.remove(path)
    except (SftpError, OSError) as error:
        logger.info("%s is not removed: %s", ascii(path), words_of(error))


def source_of(file: FileCopy) -> journal.Source:
    """Return the state of a source for its journal."""
    return journal.Source(file.attributes.size, file.attributes.mtime)
