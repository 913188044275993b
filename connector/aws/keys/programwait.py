"""The wait for a program that gives AWS keys, as the user of a start sees it.

Such a program may wait for its user itself: for a login in a browser, or a touch of a hardware key.
"""

from __future__ import annotations

import time

from ...sessions import StartProgress, Waiting

#: Seconds after which a start tells its user that the program is waited for.
PATIENCE = 3.0


class ProgramWait:
    """The wait for a program of a profile, which may wait for its user.

    :param name: of the profile.
    :param progress: of the start that needs the keys, which shows the wait; None: there is none.
    :ivar runs: whether a program runs.
    """

    def __init__(self, name: str, progress: StartProgress | None = None) -> None:
        self.runs = False
        self._program = f"the credential_process of the profile {name}"
        self._progress = progress
        self._began = time.monotonic()
        self._reported = False

    def report(self) -> None:
        """Report that the program still runs. Call it about once a second.

        :raises StartAbandoned: when the caller has left.
        """
        elapsed = time.monotonic() - self._began
        if self._progress and elapsed >= PATIENCE:
            self._reported = True
            waiting = Waiting("running", elapsed, None, program=self._program)
            self._progress.wait(waiting, 0.0)

    def over(self) -> None:
        """Report that there are keys. The start goes on."""
        if self._progress and self._reported:
            self._progress.go_on()
