"""``connector exec``: run one command on a target, without SSH."""

from __future__ import annotations

import argparse
import os
from collections.abc import Iterable
from typing import TYPE_CHECKING

from ..sessions import SessionSource
from ..targets.model import COMMAND, SessionRequest
from ..targets.registry import row_of, started_if_asked
from ..transport.address import StreamSettings
from ..transport.keyboard import Keyboard
from ..transport.loop import Loop
from ..transport.stdio import bytes_waiting
from ..transport.wrapped import WrappedInput, WrappedOutput, new_token, wrap
from .interactive import ESCAPES, SIGNALS, Interaction
from .output.lines import say
from .proxy import add_session_options, prepare
from .streaming import run_stream
from .target import NAMES, query_of

if TYPE_CHECKING:
    from ..transport.roles import Event, Input

DESCRIPTION = f"""\
Run a command on a target in a session of Session Manager, without ssh and keys. A stopped
target is started first, which takes minutes. {started_if_asked()} are started only with --start.

{NAMES}
The command and each argument must have 1 to 255 characters. No shell interprets them; to
run a line of shell, use -- sh -c 'LINE'.

stdout and stderr are those of the command, byte for byte, and the exit code is its exit
status. For this, connector runs the command in a script for sh that needs base64, dd, tr and
stty on the target. If one is missing, a line on stderr says what does not work. The command
has no terminal. The session ends when its output is closed, as with ssh.

The service decides whether the command gets stdin: only a session on a terminal has input.
Other sessions do not read stdin. In a loop that reads stdin, add </dev/null.

If stdin and stdout are both terminals, the command keeps the terminal of the session, so that
top and editors work. Then all keys go to the command, and its errors come on stdout.

If the target has an SSH server, prefer ssh: it is faster, and its stdin always works.

{ESCAPES}"""

EPILOG = """\
exit code: that of the command; 128 + n if signal n ended it, 127 if there is no such program.

examples:
  connector exec my-env -- uname -a
  connector exec my-env -- sh -c 'cd /projects && git status --short' > status.txt
  tar c src | connector exec my-env -- tar x -C /projects
"""


def configure(parser: argparse.ArgumentParser) -> None:
    parser.description = DESCRIPTION
    parser.epilog = EPILOG
    add_session_options(parser)
    parser.usage = "%(prog)s [options] [TARGET] -- COMMAND [ARGUMENT ...]"


def run(options: argparse.Namespace) -> int:
    # Ask before the stream takes over the descriptors 0 and 1.
    may_ask = os.isatty(0)
    on_terminal = may_ask and os.isatty(1)
    token = new_token()

    def prepare_command(options: argparse.Namespace) -> tuple[SessionSource, StreamSettings]:
        # Messages about the command count the user's words, not those of the wrapper.
        query = query_of(options)
        row = row_of(query)
        row.require(COMMAND, query)
        row.load().check(SessionRequest(COMMAND, tuple(options.words)))
        words = wrap(options.words, token, on_terminal=on_terminal)
        return prepare(options, SessionRequest(COMMAND, tuple(words)), on_terminal=may_ask)

    def sit_at(loop: Loop, stdin: int, stdout: int) -> _Execution:
        return _Execution(loop, stdin, stdout, token, on_terminal)

    return run_stream(options, prepare_command, sit_at, SIGNALS)


class _Execution(Interaction):
    """The interaction of a user or a program with a command in the wrapper."""

    def __init__(self, loop: Loop, stdin: int, stdout: int, token: str, on_terminal: bool) -> None:
        super().__init__(
            loop, stdin, stdout, finish_line=b"\x04", may_be_silent=True, pipeline=False
        )
        self._stdin = stdin
        self._on_terminal = on_terminal
        self._output = WrappedOutput(token, self._started)

    def keyboard(self, stdin: Input) -> Keyboard:
        if self._on_terminal:
            return super().keyboard(stdin)
        self._keyboard = self._input = WrappedInput(self._loop, stdin)
        return self._input

    def translate(self, events: list[Event]) -> Iterable[Event]:
        return self._output.translate(events)

    def _started(self, mode: str, missing: list[str]) -> None:
        if mode == "Bi":
            self._input.ready()
        lacking = ", ".join(missing)
        if mode == "R":
            say(
                f"The target has no {lacking}: the command gets no input, its errors come on "
                "stdout, and bytes that are not text may be lost"
            )
        elif lacking:
            say(f"The target has no {lacking}: the command gets no input")
        elif mode == "B" and bytes_waiting(self._stdin):
            say("This session has no input: the command does not get your stdin. Use ssh")
