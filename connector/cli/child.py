"""Run a program in the foreground as a child, for commands that have work to do after it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from contextlib import suppress
from types import FrameType
from typing import Any

#: The terminal sends these to the child as well, which handles them.
_OF_TERMINAL = ("SIGINT", "SIGQUIT")

#: These may reach this process alone.
_PASSED_ON = ("SIGTERM", "SIGHUP")


class Child:
    """A program that has the terminal until it ends.

    :ivar signalled: the last signal that told this process to end meanwhile; 0 for none.
    """

    def __init__(self) -> None:
        self.signalled = 0
        self._pid = 0

    def run(self, command: list[str]) -> int:
        """Run the program and return its exit status; 128 + n for signal n.

        A child that suspends itself, as ssh does at ``~^Z``, suspends this process too. Otherwise
        the user's shell would wait for this process, and nothing would read the keyboard.

        :raises OSError: when the program cannot be run.
        """
        if sys.platform == "win32":
            signal.signal(signal.SIGINT, signal.SIG_IGN)
            return subprocess.call(command)
        before = self._handle()
        try:
            # Python ignores these signals. The program and its children would inherit that.
            restored = [signal.SIGPIPE, signal.SIGXFSZ]
            self._pid = os.posix_spawn(command[0], command, os.environ, setsigdef=restored)
            if self.signalled:  # before the pid was known
                os.kill(self._pid, self.signalled)
            status = self._wait()
        finally:
            self._pid = 0
            for number, handler in before.items():
                signal.signal(number, handler)
        exit_code = os.waitstatus_to_exitcode(status)
        return exit_code if exit_code >= 0 else 128 - exit_code

    def _wait(self) -> int:
        while True:
            _, status = os.waitpid(self._pid, os.WUNTRACED)
            if not os.WIFSTOPPED(status):
                return status
            os.kill(os.getpid(), signal.SIGTSTP)
            os.kill(self._pid, signal.SIGCONT)

    def _handle(self) -> dict[signal.Signals, Any]:
        """Set handlers and return those before. Unlike ignored signals, a child inherits none."""
        before: dict[signal.Signals, Any] = {}
        for name in (*_OF_TERMINAL, *_PASSED_ON):
            number = getattr(signal, name)
            if signal.getsignal(number) is not signal.SIG_IGN:
                handler = self._pass_on if name in _PASSED_ON else _leave_to_child
                before[number] = signal.signal(number, handler)
        return before

    def _pass_on(self, number: int, frame: FrameType | None) -> None:
        self.signalled = number
        if self._pid:
            with suppress(ProcessLookupError):  # it has just ended
                os.kill(self._pid, number)


def _leave_to_child(number: int, frame: FrameType | None) -> None:
    """Do nothing: the terminal has sent the signal to the child, too."""
