"""The comparison of digests, in a thread beside the connections."""

from __future__ import annotations

import threading

from .digests import NoDigests, Run, far_digests, far_prefix_digest, here_digest
from .ranges import Range
from .sftp import words_of
from .sides import part_of
from .work import Task, Work

#: Files whose digests the far end makes by one command.
_BATCH = 2000

#: Seconds between two commands of the far end, while small files are on their way.
_PAUSE = 1.0

#: Why a copied file is not good, in words.
DIFFERENT = "is not the same at both ends: it was changed, or damaged on its way"


class Checker(threading.Thread):
    """Compares files at both ends once they are copied.

    A large file is compared before it gets its name, a small one afterwards.

    :param run: runs a command of the far end.
    :ivar why_not: why no digests are compared; empty while they are.
    """

    def __init__(self, work: Work, run: Run, *, downloads: bool) -> None:
        super().__init__(name="copy checks")
        self.why_not = ""
        self.error: Exception | None = None
        self._work = work
        self._run = run
        self._downloads = downloads

    def run(self) -> None:
        """Run the thread. Only ``Thread.start`` calls this."""
        try:
            while not self._work.ended:
                self._work.wait_for_checks(_PAUSE)
                tasks = self._work.take_checks(_BATCH)
                if tasks:
                    self._check(tasks)
        except Exception as error:  # noqa: BLE001 - the main thread raises it
            self.error = error
            self._work.stop()

    def _check(self, tasks: list[Task]) -> None:
        wanted = [task for task in tasks if task.digest or task.is_resumable]
        grew = [task for task in wanted if task.grew and self._downloads]
        found: dict[bytes, str] = {}
        if wanted and not self.why_not:
            try:
                sizes = {self._far(task): task.file.attributes.size for task in wanted}
                found = {self._far(task): self._prefix(task) for task in grew}
                found |= far_digests(
                    self._run, [each for each in sizes.items() if each[0] not in found]
                )
            except NoDigests as error:
                self.why_not = str(error)
        for task in tasks:
            far = found.get(self._far(task), "")
            try:
                size = task.file.attributes.size
                here = task.digest or (here_digest(self._here(task), Range(0, size)) if far else "")
            except OSError as error:
                self._work.checked(task, words_of(error), compared=False)
                continue
            equal = here == far or not far or not here
            self._work.checked(
                task, "" if equal else DIFFERENT, compared=bool(far and here) or task not in wanted
            )

    def _prefix(self, task: Task) -> str:
        return far_prefix_digest(self._run, self._far(task), task.file.attributes.size)

    def _far(self, task: Task) -> bytes:
        return task.file.source if self._downloads else self._copied(task)

    def _here(self, task: Task) -> bytes:
        return self._copied(task) if self._downloads else task.file.source

    def _copied(self, task: Task) -> bytes:
        return part_of(task.target) if task.is_large else task.target
