"""Programs that the doctor runs: bounded in time and output, and ended with what they started."""

from __future__ import annotations

import glob
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import IO, NamedTuple

#: Bytes that are kept of each output; the rest is read and dropped.
MAX_OUTPUT = 64 * 1024

#: Seconds for the output that a process has left in a pipe.
_DRAIN_TIMEOUT = 0.5

_POLL_INTERVAL = 0.02


class Ran(NamedTuple):
    """What a program leaves.

    :param status: its exit status; negative: minus the signal; ``None``: it was ended in the end.
    """

    status: int | None
    stdout: str
    stderr: str


class Program:
    """A program without input and without a terminal, in a process group of its own.

    :param environ: its variables; ``None``: those of this process.
    :param grace: seconds between SIGTERM and SIGKILL.
    :raises OSError: when it cannot be started.
    """

    def __init__(
        self, command: Sequence[str], environ: Mapping[str, str] | None = None, grace: float = 0.5
    ) -> None:
        self._grace = grace
        self._ending = threading.Lock()
        # A new session has no terminal: no prompt can be shown there, and none waits.
        self._popen = subprocess.Popen(
            command,
            env=environ,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            start_new_session=True,
        )
        self._outputs = [_Kept(pipe) for pipe in (self._popen.stdout, self._popen.stderr) if pipe]

    def wait(self, timeout: float) -> Ran:
        """Wait for its end, and end it and its process group after so many seconds."""
        try:
            status: int | None = self._popen.wait(timeout)
        except subprocess.TimeoutExpired:
            status = None
            self.end()
        stdout, stderr = (output.text() for output in self._outputs)
        return Ran(status, stdout, stderr)

    def end(self) -> None:
        """End what runs of its process group. Any thread may call it, more than once."""
        with self._ending:
            for kill, patience in ((False, self._grace), (True, _DRAIN_TIMEOUT)):
                deadline = time.monotonic() + patience
                if not self._signal(kill=kill):
                    break
                while self._runs() and time.monotonic() < deadline:
                    time.sleep(_POLL_INTERVAL)

    def _signal(self, *, kill: bool) -> bool:
        """Return whether there was something to signal."""
        if sys.platform == "win32":
            if self._popen.poll() is not None:
                return False
            self._popen.kill()
            return True
        with suppress(ProcessLookupError, PermissionError):  # macOS refuses one of zombies
            os.killpg(self._popen.pid, signal.SIGKILL if kill else signal.SIGTERM)
            return True
        return False

    def _runs(self) -> bool:
        ended = self._popen.poll() is not None  # which takes the process away, if it has
        if sys.platform == "win32":
            return not ended
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(self._popen.pid, 0)
            return not _is_dead(self._popen.pid)
        return False


def _is_dead(group: int) -> bool:
    """Return whether all processes of a group have ended, and only wait to be reaped.

    ssh leaves its ProxyCommand to the first process of the system, and that of a container may
    take seconds to reap it. Only Linux says so.
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


class _Kept(threading.Thread):
    """Reads a pipe to its end, and keeps the first bytes."""

    def __init__(self, pipe: IO[bytes]) -> None:
        super().__init__(daemon=True)
        self._pipe = pipe
        self._kept = bytearray()
        self.start()

    def run(self) -> None:
        with self._pipe:
            while data := os.read(self._pipe.fileno(), 65536):
                self._kept += data[: MAX_OUTPUT - len(self._kept)]

    def text(self) -> str:
        """Return what was read; a process that was left in the background may hold the pipe."""
        self.join(_DRAIN_TIMEOUT)
        return bytes(self._kept).decode("utf-8", "replace")


def run(command: Sequence[str], timeout: float, environ: Mapping[str, str] | None = None) -> Ran:
    """Run a program to its end.

    :param timeout: seconds.
    :raises OSError: when it cannot be started.
    """
    return Program(command, environ).wait(timeout)
