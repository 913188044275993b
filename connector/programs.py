"""Run other programs for a limited time, and end them together with what they started."""

from __future__ import annotations

import glob
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from types import FrameType
from typing import IO, Any

from .fast.records import NamedTuple

#: Seconds for a killed program to be gone.
_KILL_TIMEOUT = 5.0

_POLL_INTERVAL = 0.02

#: Seconds between two reports that a program runs.
PULSE = 1.0

#: Signals whose handlers end a command. Windows has no SIGHUP.
_ENDING_SIGNALS = ("SIGINT", "SIGTERM", "SIGHUP")


class Ran(NamedTuple):
    """The exit status of a program that has ended, and its output.

    :ivar status: negative if a signal ended the program: minus the signal's number.
    """

    status: int
    stdout: bytes
    stderr: bytes

    @property
    def stdout_text(self) -> str:
        """Return stdout as text; bytes that are not UTF-8 are replaced."""
        return self.stdout.decode("utf-8", "replace")

    @property
    def stderr_text(self) -> str:
        """Return stderr as text; bytes that are not UTF-8 are replaced."""
        return self.stderr.decode("utf-8", "replace")


class Program:
    """A running program without a terminal, in a process group of its own.

    :param environ: the program's variables, by default those of this process.
    :param directory: the working directory, by default the current one.
    :param grace: seconds between SIGTERM and SIGKILL when the program is ended; 0: only SIGKILL.
    :param limit: bytes to keep of each output. The rest is read and dropped. None: keep all.
    :param stdin: the descriptor of a file with its input; by default it has none.
    :raises OSError: when the program cannot be started.
    """

    def __init__(
        self,
        command: Sequence[str],
        *,
        environ: Mapping[str, str] | None = None,
        directory: str | None = None,
        grace: float = 0.0,
        limit: int | None = None,
        stdin: int = subprocess.DEVNULL,
    ) -> None:
        self._grace = grace
        self._ending = threading.Lock()
        # A new session has no terminal, so the program cannot ask the user and wait for an answer.
        self._popen = subprocess.Popen(
            command,
            cwd=directory,
            env=environ,
            stdin=stdin,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            start_new_session=True,
        )
        self._outputs: list[_Output] = []
        try:
            for pipe in (self._popen.stdout, self._popen.stderr):
                assert pipe is not None
                self._outputs.append(_Output(pipe, limit))
        except BaseException:
            self.end()
            raise

    def wait(
        self,
        timeout: float,
        drain: float | None = None,
        meanwhile: Callable[[], None] | None = None,
    ) -> Ran:
        """Wait for the program and its output; end the process group when time runs out.

        A process in the background can keep the output open after the program has ended.

        :param timeout: seconds.
        :param drain: seconds to wait for the end of the output once the program has ended; what
            came by then is returned. None: wait until the timeout.
        :param meanwhile: called about once a second until the program has ended.
        :raises TimeoutError: when the program has not ended in time or, without ``drain``, when
            its output is still open.
        """
        deadline = time.monotonic() + timeout
        status = self._status(deadline, meanwhile)
        if drain is not None:
            deadline = time.monotonic() + drain
        for output in self._outputs:
            output.join(max(0.0, deadline - time.monotonic()))
            if output.is_alive() and drain is None:
                self.end()
                raise TimeoutError
        stdout, stderr = (output.kept() for output in self._outputs)
        return Ran(status, stdout, stderr)

    def _status(self, deadline: float, meanwhile: Callable[[], None] | None) -> int:
        while True:
            left = max(0.0, deadline - time.monotonic())
            try:
                return self._popen.wait(left if meanwhile is None else min(left, PULSE))
            except subprocess.TimeoutExpired:
                if time.monotonic() >= deadline:
                    self.end()
                    raise TimeoutError from None
            if meanwhile:
                meanwhile()

    def end(self) -> None:
        """End the process group, if any of it runs. Any thread may call it, more than once.

        Windows has no process groups of this kind: only the program itself is ended there.
        """
        with self._ending:
            if self._grace and self._signal(kill=False):
                deadline = time.monotonic() + self._grace
                while self._runs() and time.monotonic() < deadline:
                    time.sleep(_POLL_INTERVAL)
            if self._signal(kill=True):
                with suppress(subprocess.TimeoutExpired):
                    self._popen.wait(_KILL_TIMEOUT)

    def _signal(self, *, kill: bool) -> bool:
        """Send SIGTERM or SIGKILL; return whether there was a process to receive it."""
        if sys.platform == "win32":
            if self._popen.poll() is not None:
                return False
            self._popen.kill()
            return True
        # macOS refuses to signal a group of zombies.
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(self._popen.pid, signal.SIGKILL if kill else signal.SIGTERM)
            return True
        return False

    def _runs(self) -> bool:
        """Return whether any process of the group runs; zombies do not."""
        ended = self._popen.poll() is not None  # poll() also reaps the program
        if sys.platform == "win32":
            return not ended
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(self._popen.pid, 0)
            return not _has_only_zombies(self._popen.pid)
        return False


def _has_only_zombies(group: int) -> bool:
    """Return whether all processes of a group have ended and only wait to be reaped.

    ssh leaves its ProxyCommand to process 1, and that of a container may take seconds to reap
    it. Only Linux shows the states in /proc; elsewhere the answer is False.
    """
    found = False
    for path in glob.iglob("/proc/[0-9]*/stat"):
        with suppress(OSError), open(path, "rb") as file:
            state, _, its_group = file.read().rpartition(b")")[2].split()[:3]
            if int(its_group) == group:
                found = True
                if state != b"Z":
                    return False
    return found


class _Output(threading.Thread):
    """Reads a pipe to its end and keeps the first bytes."""

    def __init__(self, pipe: IO[bytes], limit: int | None) -> None:
        super().__init__(daemon=True)
        self._pipe = pipe
        self._limit = limit
        self._kept = bytearray()
        self.start()

    def run(self) -> None:
        with self._pipe:
            while data := os.read(self._pipe.fileno(), 65536):
                room = len(data) if self._limit is None else self._limit - len(self._kept)
                self._kept += data[:room]

    def kept(self) -> bytes:
        return bytes(self._kept)


class HeldSignals:
    """Holds back the signals that end a command until :meth:`release`, for the start of a program.

    Their handlers may raise KeyboardInterrupt after any bytecode. One that does so between the
    fork in ``Popen`` and the caller's ``try`` leaves a program that the caller cannot end.
    Only the main thread runs handlers, so other threads hold back nothing.
    """

    def __init__(self) -> None:
        self._handlers: dict[int, Callable[[int, FrameType | None], Any]] = {}
        self._received: list[Callable[[], Any]] = []

    def __enter__(self) -> HeldSignals:
        if threading.current_thread() is threading.main_thread():
            try:
                self._hold()
            except BaseException:
                self.release()
                raise
        return self

    def __exit__(self, *_: object) -> None:
        self.release()

    def _hold(self) -> None:
        for name in _ENDING_SIGNALS:
            number = getattr(signal, name, None)
            handler = signal.getsignal(number) if number is not None else None
            if number is not None and callable(handler):
                self._handlers[number] = handler
                signal.signal(number, self._record)

    def _record(self, number: int, frame: FrameType | None) -> None:
        handler = self._handlers[number]
        self._received.append(lambda: handler(number, frame))

    def release(self) -> None:
        """Restore the handlers, and call those whose signals arrived in the meantime."""
        while self._handlers:
            number = next(iter(self._handlers))
            signal.signal(number, self._handlers[number])
            del self._handlers[number]
        while self._received:
            self._received.pop(0)()


def run_program(
    command: Sequence[str],
    timeout: float,
    *,
    environ: Mapping[str, str] | None = None,
    directory: str | None = None,
    limit: int | None = None,
    drain: float | None = None,
    stdin: int = subprocess.DEVNULL,
) -> Ran:
    """Run a program, and return its exit status and output.

    When the program times out or a signal interrupts the wait, its process group is killed.

    :param timeout: seconds.
    :param environ: see :class:`Program`, as for the others.
    :param drain: see :meth:`Program.wait`.
    :raises TimeoutError: when the program has not ended in time.
    :raises OSError: when the program cannot be started.
    """
    with HeldSignals() as held:
        program = Program(command, environ=environ, directory=directory, limit=limit, stdin=stdin)
        try:
            held.release()
            return program.wait(timeout, drain)
        except BaseException:
            program.end()
            raise
