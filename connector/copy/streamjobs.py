"""The jobs of a copy from stdin or to stdout: in ranges, without a journal."""

from __future__ import annotations

import time

from .checks import DIFFERENT
from .digests import NoDigests, Run, far_digests, far_prefix_digest
from .jobs import PERMISSIONS, Jobs, NotCopied
from .packets import Attributes
from .ranges import Ranges
from .sftp import BLOCK, Job, words_of
from .sides import Far, Side, part_of
from .streams import Stdin, Stdout
from .work import Item, Task, Work

#: Seconds between two looks whether all output is written.
_PAUSE = 0.05


class UploadJobs(Jobs):
    """Jobs that copy stdin to a file of the far end."""

    def __init__(self, work: Work, stdin: Stdin, target: Far, *, preserve: bool) -> None:
        super().__init__(work, stdin, target, [], preserve=preserve)
        self._stdin = stdin

    def _prepare(self, item: Item) -> Job[None]:
        task = item.task
        task.final_mode = yield from self.settle(task)
        task.has_part = True
        mode = 0o600 if task.final_mode is not None else task.file.attributes.mode
        yield from self._make(part_of(task.target), mode & PERMISSIONS)
        self._work.prepared(item, self._stdin)

        def ended(error: OSError | None) -> None:
            problem = "" if error is None else words_of(error)
            self._work.stream_ended(task, self._stdin.size, self._stdin.hash.hexdigest(), problem)

        self._stdin.start(ended)

    def _changed(self, task: Task, seen: Attributes) -> bool:
        """Return False: what came from stdin stays what it is."""
        return False

    def note(self, item: Item) -> Job[None]:
        """Do nothing: what came from stdin cannot be copied again."""
        yield from ()


class DownloadJobs(Jobs):
    """Jobs that copy a file of the far end to stdout.

    :param run: runs a command of the far end.
    """

    def __init__(self, work: Work, source: Side, stdout: Stdout, run: Run) -> None:
        super().__init__(work, source, stdout, [], preserve=False)
        self._stdout = stdout
        self._run = run

    def _prepare(self, item: Item) -> Job[None]:
        size = item.task.file.attributes.size
        if not size:  # a file of /proc may have content all the same
            file = yield from self._source.open_source(item.task.file.source)
            while data := (yield from file.read(item.reached, BLOCK).wait()):
                self._stdout.write(item.reached, data)
                item.reached += len(data)
                self._work.progress(len(data))
                while item.reached >= self._stdout.limit() and self._stdout.error is None:
                    if self._work.ended:
                        return
                    time.sleep(_PAUSE)
            yield from file.close().wait()
        self._work.prepared(item, Ranges(size))

    def note(self, item: Item) -> Job[None]:
        """Do nothing: stdout has no journal."""
        yield from ()

    def _finish(self, item: Item) -> Job[None]:
        yield from ()
        task, stdout = item.task, self._stdout
        while stdout.written < self._work.copied and stdout.error is None:
            if self._work.ended:
                return
            time.sleep(_PAUSE)
        if stdout.error is not None:
            raise stdout.error
        source, size, why = task.file.source, task.file.attributes.size, ""
        try:
            if task.grew:
                far = far_prefix_digest(self._run, source, size)
            else:
                far = far_digests(self._run, [(source, size)]).get(source, "")
        except NoDigests as error:
            far, why = "", str(error)
        if size and not far:
            self._work.not_compared(why)
        if size and far and far != stdout.hash.hexdigest():
            raise NotCopied(DIFFERENT)
        self._work.finished(item)
