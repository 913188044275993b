"""A user's terminal: tmux, with typed keys, a readable screen and changes of size."""

from __future__ import annotations

import itertools
import os
import subprocess
from collections.abc import Callable
from types import TracebackType

from .commands import Commands
from .sshd import program
from .waiting import PATIENCE, eventually

PROMPT = "local$ "

_numbers = itertools.count()


class Tmux:
    """One window with a local shell, in its own tmux server."""

    def __init__(self, commands: Commands, columns: int = 80, rows: int = 24) -> None:
        self._program = program("tmux")
        self._socket = f"connector-tests-{os.getpid()}-{next(_numbers)}"
        self._environ = {**commands.environ, "PS1": PROMPT, "TERM": "xterm-256color"}
        shell = f"{program('bash')} --norc --noprofile"
        size = ("-x", str(columns), "-y", str(rows))
        self._tmux("-f", "/dev/null", "new-session", "-d", *size, shell)

    def __enter__(self) -> Tmux:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._tmux("kill-server")

    def line(self, text: str) -> None:
        """Type a line and press return."""
        self.type(text)
        self.key("Enter")

    def type(self, text: str) -> None:
        self._tmux("send-keys", "-l", "--", text)

    def key(self, *names: str) -> None:
        """Press keys by tmux's names for them: ``C-c``, ``Enter``."""
        self._tmux("send-keys", *names)

    def screen(self) -> str:
        """Return the visible text. A line that the terminal wrapped is one line here.

        Where a line with the path of a program wraps depends on where this checkout is.
        """
        lines = self._tmux("capture-pane", "-p", "-J").split("\n")
        return "\n".join(line.rstrip() for line in lines)

    def resize(self, columns: int, rows: int) -> None:
        self._tmux("resize-window", "-x", str(columns), "-y", str(rows))

    def wait_for(self, *words: str, timeout: float = PATIENCE) -> str:
        """Return the screen as soon as it contains all of these texts."""
        return self.until(lambda screen: all(word in screen for word in words), words, timeout)

    def until(self, fits: Callable[[str], object], what: object, timeout: float = PATIENCE) -> str:
        """Return the screen as soon as it fits."""

        def look() -> str | None:
            screen = self.screen()
            return screen if fits(screen) else None

        try:
            # Each look starts a program.
            return eventually(look, f"{what} on the screen", timeout, interval=0.05)
        except AssertionError as error:
            raise AssertionError(f"{error}:\n{self.screen()}") from None

    def _tmux(self, *arguments: str) -> str:
        return subprocess.run(
            [self._program, "-L", self._socket, *arguments],
            env=self._environ,
            check=True,
            capture_output=True,
            text=True,
            timeout=PATIENCE,
        ).stdout
