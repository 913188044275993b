"""A copy by tar in commands of the target, for targets that have no SSH server.

:class:`TarCopy` has the methods of :class:`.copying.Copy`, and the same rules apply. It needs no
more than sh, tar and the programs of ``connector exec`` at the target, and starts one command.
"""

from __future__ import annotations

import os
import secrets
import shutil
import tempfile
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import suppress

from ..errors import ConfigError, ConnectorError, SessionEnded
from . import downscript, tardown, tarup
from .checksums import NONE, PROGRAMS
from .command import Command, CommandFailed, CommandLost
from .copying import Progress
from .jobs import Jobs, NotCopied
from .names import STREAM, Wish
from .plan import FileCopy, Plan, Planner, needs_directory, no_directory, unusable
from .ranges import MOST
from .sftp import words_of
from .sides import Here, at_once, is_missing, run_all
from .storing import Store
from .streams import stdout_lost
from .work import Task, Work

_CHUNK = 1 << 20
_STDIN = 0

_NEEDED = "A copy needs sh, base64, dd, tr, tar and, for an upload, stty, mkdir, mv, rm and chmod"


class TarCopy:
    """Copies what a user wishes.

    :param words: of the program that runs a command of the target; those of the command follow.
    :param report: prints a line for the user.
    :param before_end: called before the end of the command and of what it has left here, which must
        not be interrupted.
    """

    #: A later copy begins anew.
    can_resume = False

    def __init__(
        self,
        wish: Wish,
        words: Sequence[str],
        *,
        recursive: bool,
        preserve: bool,
        report: Callable[[str], None],
        before_end: Callable[[], None],
    ) -> None:
        self.problems: list[tuple[bytes, str]] = []
        self._wish = wish
        self._words = words
        self._recursive = recursive
        self._preserve = preserve
        self._report = report
        self._before_end = before_end
        self._token = secrets.token_hex(8)
        self._private = b""  # the directory for what is received
        self._here = Here()
        self._plan = Plan()
        self._copied = self._done = 0
        self._program = ""
        self._command: Command | None = None
        self._show: Callable[[Progress], None] = lambda _: None

    @property
    def unchecked(self) -> tuple[int, str]:
        """How many files were not compared at the end, and why."""
        lacks = "the target has neither sha256sum nor cksum, or no tee"
        return (self._done, lacks) if self._program == NONE else (0, "")

    def progress(self) -> Progress:
        """Return how far the copy is. The size of a download is not known before its end."""
        size = max(self._plan.size, self._copied)
        return Progress(self._copied, 0, size, self._done, len(self._plan.files), 1)

    def run(self, show: Callable[[Progress], None]) -> None:
        """Copy. What cannot be copied is in :attr:`problems`.

        :raises ConnectorError: when the copy cannot begin, or the command is lost.
        :raises CommandFailed: when the command did not begin, and has told why.
        """
        self._show = show
        try:
            if self._wish.downloads:
                self._download()
            else:
                self._upload()
        except CommandLost:
            raise self._lost() from None
        finally:
            self._before_end()
            if self._private:
                shutil.rmtree(self._private, ignore_errors=True)
            if self._command is not None:
                self._command.end()

    def _start(self, script: str, words: list[str]) -> Command:
        command = [*self._words, "sh", "-c", script, "sh", self._token, *words]
        self._command = Command(command, self._report)
        return self._command

    def _answer(self) -> list[str]:
        """Return the words of the target's next line.

        :raises CommandLost: when it is not a line of the script.
        """
        assert self._command is not None
        token, *words = self._command.read_line() or [""]
        if token != self._token or not words:
            raise CommandLost
        return words

    def _first_answer(self, wanted: int) -> list[str]:
        """Return the words of the first answer, which are so many; the last is a program."""
        assert self._command is not None
        try:
            what, *words = self._answer()
        except CommandLost:
            status = self._command.status()
            if status and not self._command.said():
                raise CommandFailed(status) from None
            raise
        if what == "lacks":
            raise ConfigError(f"The target has no {', '.join(words)}", _NEEDED)
        if what == "nodirectory":
            raise unusable(self._wish.target, no_directory(self._wish.target))
        if what == "refused":
            raise unusable(self._wish.target, tarup.plain_words(words))
        if len(words) != wanted or words[-1] not in (*PROGRAMS, NONE):
            raise CommandLost
        return words

    def _lost(self) -> ConnectorError:
        assert self._command is not None
        status, said = self._command.status(), self._command.said()
        reason = said[-1] if said else f"exit status {status}"
        return SessionEnded(f"The command that copies has ended early ({reason})", "Try again")

    def _progressed(self, size: int) -> None:
        self._copied += size
        self._show(self.progress())

    # Downloads.

    def _download(self) -> None:
        wish = self._wish
        to_stdout = wish.target.is_stream
        into = not to_stdout and os.path.isdir(wish.target.path)
        if len(wish.sources) > 1 and not into:
            raise needs_directory(wish)
        recursive = self._recursive and not to_stdout
        script_words = ["r" if recursive else "", *downscript.words_for(wish.sources)]
        if not to_stdout:
            self._make_private(into=into)
        command = self._start(downscript.SCRIPT, script_words)
        self._program = self._first_answer(1)[-1]
        received = tardown.Received(self._private)
        store = Store(self._progressed, stdout=to_stdout)
        receiver = tardown.Receiver(command, self._answer, self._program, received, store)
        try:
            for source in wish.sources:
                receiver.receive(source, recursive=recursive)
        except OSError as error:
            if to_stdout:
                raise stdout_lost(error) from error
            raise unusable(wish.target, words_of(error)) from error
        finally:
            store.close()
        receiver.end()
        self.problems += receiver.problems
        planner = Planner(received, self._here, run_all, recursive=self._recursive)
        self._plan = planner.plan(wish)
        self.problems += self._plan.problems
        if to_stdout:
            self._done = len(self._plan.files)
            bad = [(file.source, receiver.problem(file.source)) for file in self._plan.files]
            self.problems += [each for each in bad if each[1]]
        else:
            self._give_names(received, receiver)

    def _give_names(self, received: tardown.Received, receiver: tardown.Receiver) -> None:
        work = Work([], MOST)
        jobs = Jobs(work, received, self._here, [], preserve=self._preserve)
        for file in self._plan.files:
            work.claim(file.place)
        contents = [received.content(file.source) for file in self._plan.files]
        left = Counter(contents)
        for file, content in zip(self._plan.files, contents, strict=True):
            left[content] -= 1
            if why := receiver.unstored(file.source):
                self.problems.append((file.target, why))
                continue
            try:
                if problem := receiver.problem(file.source):
                    raise NotCopied(problem)
                self._give_name(jobs, file, content, left[content])
                self._done += 1
            except NotCopied as error:
                self.problems.append((file.source, str(error)))
            except OSError as error:
                self.problems.append((file.target, words_of(error)))
        run_all(jobs.end_directory(each) for each in reversed(self._plan.directories))
        self.problems += work.problems

    def _give_name(self, jobs: Jobs, file: FileCopy, content: bytes, left: int) -> None:
        """Give a received file its name.

        :param left: how many more names the content gets, as of a file beside its directory.
        """
        task = Task(file, file.target)
        mode = at_once(jobs.settle(task))
        if left:
            content = shutil.copy(content, b"%s-%d" % (content, left))
        at_once(jobs.give_attributes(task, content, mode))
        at_once(self._here.replace(content, task.target))

    def _make_private(self, *, into: bool) -> None:
        """Make a private directory beside the destination, so that files need only be renamed."""
        place = self._wish.target
        parent = place.path if into else place.directory
        directory = os.path.join(parent, b".connector-" + self._token.encode())
        try:
            os.mkdir(directory, 0o700)
        except OSError as error:
            why = no_directory(place) if is_missing(error) else words_of(error)
            raise unusable(place, why) from None
        self._private = directory

    # Uploads.

    def _upload(self) -> None:
        if not self._wish.sources[0].is_stream:
            self._send(self._here)
            return
        with tempfile.NamedTemporaryFile(buffering=0) as spool:
            if self._spool_stdin(spool.fileno()):
                self._send(tarup.Spooled(os.fsencode(spool.name)))

    def _spool_stdin(self, spool: int) -> bool:
        """Copy stdin to a file, and return whether it could be read to its end.

        :raises ConfigError: when the file cannot be written.
        """
        while True:
            try:
                data = memoryview(os.read(_STDIN, _CHUNK))
            except OSError as error:
                self.problems.append((STREAM, words_of(error)))
                return False
            if not data:
                return True
            try:
                while data:
                    data = data[os.write(spool, data) :]
            except OSError as error:
                raise ConfigError(
                    f"A temporary file for stdin cannot be written: {words_of(error)}",
                    "Set TMPDIR to a directory with more space",
                ) from None

    def _send(self, source: Here) -> None:
        command = self._start(tarup.SCRIPT, tarup.words_for(self._wish))
        kind, self._program = self._first_answer(2)
        target = tarup.Announced(kind, self._wish.target.path)
        planner = Planner(source, target, run_all, recursive=self._recursive)
        self._plan = planner.plan(self._wish)
        self.problems += self._plan.problems
        sender = tarup.Sender(
            command, self._plan, source, self._program, self._progressed, preserve=self._preserve
        )
        with suppress(CommandLost):  # tar reads no more; the script tells why
            sender.send()
        for _ in range(sender.most_answers + 1):
            answer = self._answer()
            if answer[0] == "end":
                break
            sender.take(answer[0], answer[1:])
            self._done = sender.done
            self._show(self.progress())
        sender.end()
        self.problems += sender.problems
