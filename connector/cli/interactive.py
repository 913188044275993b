"""What ``shell``, ``exec`` and ``attach`` share: the user's terminal during a session.

The terminal is raw while the session is open. It is restored however the session ends: by the
far end, an escape, a signal, a lost link or a bug. Only SIGKILL leaves it raw; ``stty sane``
repairs it. Before the session opens, the terminal is not raw, so Ctrl-C interrupts a start.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
from collections.abc import Callable
from typing import TYPE_CHECKING

from ..transport.keyboard import Escape, Keyboard
from ..transport.loop import Alarm, Loop
from ..transport.terminal import Terminal, open_terminal, window_size
from ..transport.tunnel import Observer, Tunnel
from .output.lines import say

if TYPE_CHECKING:
    from ..transport.roles import Input

#: Signal -> exit code. In raw mode Ctrl-C and Ctrl-\ are keys and send no signal.
SIGNALS = {"SIGHUP": 129, "SIGTERM": 143, "SIGINT": 130, "SIGQUIT": 131}

#: Seconds from a change of the window's size until it is sent: a drag of the window's corner
#: changes the size dozens of times a second.
RESIZE_PAUSE = 0.05

#: Seconds between two checks of the window's size on systems without SIGWINCH. AWS's client
#: uses the same.
LOOK_INTERVAL = 0.5

#: Seconds without a link before the user is told. Most links are back earlier.
NOTICE_AFTER = 1.0

#: Session types with a terminal at the far end. None: a session without a handshake has one.
_FAR_TERMINALS = (None, "Standard_Stream", "InteractiveCommands")

#: The session type of a session to a TCP port.
PORT = "Port"

ESCAPES = """\
On a terminal, these keys at the start of a line are for connector itself:
  ~.    end the session
  ~^Z   suspend the session; fg resumes it
  ~?    show this list
  ~~    send one ~
"""


class Interaction(Observer):
    """The interaction of a user with a shell or a command.

    :param stdin: the descriptor of the input stream.
    :param stdout: the descriptor of the output stream.
    :param finish_line: see :class:`Keyboard`.
    :param may_be_silent: see :class:`Observer`.
    :param pipeline: whether the terminal becomes raw even if stdout is not a terminal.
    """

    def __init__(
        self,
        loop: Loop,
        stdin: int,
        stdout: int,
        *,
        finish_line: bytes,
        may_be_silent: bool,
        pipeline: bool,
    ) -> None:
        self.may_be_silent = may_be_silent
        self._finish_line = finish_line
        self._loop = loop
        self._window = (stdout, stdin)
        self._terminal: Terminal | None = None
        if os.isatty(stdin) and (pipeline or os.isatty(stdout)):
            self._terminal = open_terminal(stdin)
        self._raw = False  # whether the terminal has to be raw
        self._outage_told = False
        self._resize_alarm = Alarm(loop)
        self._outage_alarm = Alarm(loop)

    def keyboard(self, stdin: Input) -> Keyboard:
        """Return the input that the tunnel reads instead of ``stdin``."""
        self._keyboard = Keyboard(self._loop, stdin, self._finish_line, self._escaped)
        return self._keyboard

    def sit_down(self, tunnel: Tunnel) -> None:
        """Begin the interaction: from now on the remote window follows the local one."""
        self._tunnel = tunnel
        self._resize()
        self._on_signal("SIGCONT", self._continued)
        if not self._on_signal("SIGWINCH", self._resize_soon):
            self._look_again()
        if self._terminal:
            self._on_signal("SIGTSTP", self._stop)

    def get_up(self) -> None:
        """End the interaction, and restore the terminal."""
        self._raw = False
        if self._terminal:
            self._terminal.restore()

    # Callbacks of the tunnel (Observer).

    def session_opened(self, session_type: str | None) -> None:
        far_terminal = session_type in _FAR_TERMINALS
        self._raw = far_terminal and self._terminal is not None
        if self._raw and self._terminal:
            self._terminal.make_raw()
        elif self._terminal:
            self._terminal.restore()  # a session may be opened twice: the last time counts
        port = session_type == PORT
        self._keyboard.opened(far_terminal=far_terminal, escapes=self._raw, port=port)

    def link_lost(self) -> None:
        if self._outage_alarm.when is None:
            self._outage_alarm.set(self._loop.time() + NOTICE_AFTER, self._tell_outage)

    def link_made(self) -> None:
        self._outage_alarm.cancel()
        if self._outage_told:
            self._outage_told = False
            say("Connected again")

    def _tell_outage(self) -> None:
        if self._tunnel.running:
            self._outage_told = True
            way_out = "~. ends the session" if self._raw else "Ctrl-C ends the session"
            say(f"The connection is lost; reconnecting; {way_out}")

    # Keys.

    def _escaped(self, escape: Escape) -> None:
        if escape is Escape.END:
            say("Ended by ~.")
            self._tunnel.end(0)
        elif escape is Escape.SUSPEND:
            self._suspend()
        else:
            say(*ESCAPES.splitlines())

    # Suspend and continue.

    def _suspend(self) -> None:
        """Stop the whole job, as Ctrl-Z does on a terminal that is not raw."""
        if sys.platform != "win32":
            before = signal.signal(signal.SIGTSTP, signal.SIG_IGN)
            os.kill(0, signal.SIGTSTP)
            signal.signal(signal.SIGTSTP, before)
            self._stop()

    def _stop(self) -> None:
        if sys.platform == "win32":
            return
        if self._terminal:
            self._terminal.restore()
        before = signal.signal(signal.SIGTSTP, signal.SIG_DFL)
        # To this very thread: it must not continue before the whole job has stopped.
        signal.pthread_kill(threading.get_ident(), signal.SIGTSTP)
        signal.signal(signal.SIGTSTP, before)
        self._continued()

    def _continued(self) -> None:
        """Make the terminal raw again: another program may have changed it, and its window."""
        if self._raw and self._terminal:
            self._terminal.make_raw()
        self._resize()

    # The window.

    def _resize(self) -> None:
        self._tunnel.resize(*window_size(*self._window))

    def _resize_soon(self) -> None:
        if self._resize_alarm.when is None:
            self._resize_alarm.set(self._loop.time() + RESIZE_PAUSE, self._resize)

    def _look_again(self) -> None:
        self._resize()
        self._resize_alarm.set(self._loop.time() + LOOK_INTERVAL, self._look_again)

    def _on_signal(self, name: str, callback: Callable[[], None]) -> bool:
        """Let a signal call back in the loop. Return whether the system has that signal."""
        number = getattr(signal, name, None)
        if number is None:
            return False
        signal.signal(number, lambda *_: self._loop.call_soon(callback))
        return True
