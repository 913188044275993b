"""``connector shell``: open a login shell on a target, without SSH."""

from __future__ import annotations

import argparse
import os
import signal
import sys
from contextlib import suppress
from typing import TYPE_CHECKING

from ..targets.model import SHELL, SessionRequest
from ..targets.registry import started_if_asked
from ..transport.loop import Loop
from .interactive import ESCAPES, SIGNALS, Interaction
from .proxy import add_session_options, prepare
from .streaming import run_stream
from .target import NAMES, named

if TYPE_CHECKING:
    from ..targets.source import LateSource
    from ..transport.address import StreamSettings

DESCRIPTION = f"""\
Open a shell on a target in a session of Session Manager, without ssh and keys. A stopped
target is started first, which takes minutes. {started_if_asked()} are started only with --start.

{NAMES}
{ESCAPES}"""

EPILOG = """\
If stdin is not a terminal, its bytes are typed into the shell, and its end is sent as Ctrl-D.
The session ends when the shell ends. The exit code is 0: the service does not report that of
the shell.

shell restores your terminal at its end. Only after a kill -KILL, run `stty sane` yourself.

examples:
  connector shell my-env
  connector shell --no-start my-env       # fail if it is stopped
  echo 'uname -a' | connector shell my-env
"""


def configure(parser: argparse.ArgumentParser) -> None:
    parser.description = DESCRIPTION
    parser.epilog = EPILOG
    add_session_options(parser)


def run(options: argparse.Namespace) -> int:
    streams = _StandardStreams()
    on_terminal = os.isatty(0)  # the stream takes it
    sources: list[LateSource] = []

    def prepared(options: argparse.Namespace) -> tuple[LateSource, StreamSettings]:
        source, settings = prepare(options, SessionRequest(SHELL), on_terminal=on_terminal)
        sources.append(source)
        return source, settings

    exit_code = run_stream(options, prepared, _sit_at, SIGNALS)
    target = sources[0].target
    if target and target.billing:
        from .afterwards import offer_stop

        streams.take_back()
        offer_stop(options, target, named(options, target), ask=exit_code not in SIGNALS.values())
    return exit_code


class _StandardStreams:
    """Descriptors 0 and 1, for a question after the stream of the session has taken both."""

    def __init__(self) -> None:
        self._kept: tuple[int, ...] = ()
        with suppress(OSError):  # one is closed, which the stream reports
            _ = os.fstat(0), os.fstat(1)
            self._kept = (os.dup(0), os.dup(1))

    def take_back(self) -> None:
        """Restore both, and let Ctrl-C interrupt the question."""
        for number, kept in enumerate(self._kept):
            os.dup2(kept, number)
            if sys.platform != "win32":
                os.set_blocking(number, True)
        signal.signal(signal.SIGINT, signal.default_int_handler)


def _sit_at(loop: Loop, stdin: int, stdout: int) -> Interaction:
    # Within a line, a shell takes Ctrl-D for "delete": the line is finished first.
    return Interaction(loop, stdin, stdout, finish_line=b"\n", may_be_silent=False, pipeline=True)
