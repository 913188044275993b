"""The wait for a program that gives AWS keys, as the user of any command sees it.

Such a program may wait for its user itself: for a login in a browser, or a touch of a hardware key.
"""

from __future__ import annotations

import time

from ...fast.logs import Logger
from ...sessions import StartProgress, Waiting

#: Seconds that a program may take: it may show a dialog to its user.
TIMEOUT = 30.0

#: Seconds after which the user is told that the program is waited for.
PATIENCE = 3.0

#: Seconds from one line to the next. VS Code waits 17 s for the next output of ssh.
INTERVAL = 10.0

#: The program in messages, without the name of a profile, which a published report must not have.
PROGRAM = "the credential_process of your AWS profile"

logger = Logger(__name__)


class ProgramWait:
    """The wait for a program of a profile, which may wait for its user.

    :param progress: of the start that needs the keys, which may be abandoned; None: there is none.
    :ivar runs: whether a program runs.
    """

    def __init__(self, progress: StartProgress | None = None) -> None:
        self.runs = False
        self._progress = progress
        self._began = time.monotonic()
        self._told_at: float | None = None  # seconds of the wait at the last line

    def report(self) -> None:
        """Report that the program still runs. Call it about once a second.

        :raises StartAbandoned: when the caller has left.
        """
        elapsed = time.monotonic() - self._began
        if elapsed < PATIENCE:
            return
        if self._progress:
            self._progress.wait(Waiting("running", elapsed, None, program=PROGRAM), 0.0)
        if self._told_at is None or elapsed >= self._told_at + INTERVAL:
            self._told_at = elapsed
            seconds = int(elapsed), int(TIMEOUT)
            logger.warning("Waiting for %s, which may wait for you (%s of %s s)", PROGRAM, *seconds)

    def over(self) -> None:
        """Report that there are keys. The start goes on."""
        if self._progress and self._told_at is not None:
            self._progress.go_on()
