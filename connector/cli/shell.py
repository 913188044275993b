"""``connector shell``: open a login shell on a target, without SSH."""

from __future__ import annotations

import argparse

from ..sessions import SessionSource
from ..targets.model import SHELL, SessionRequest
from ..transport.address import StreamSettings
from ..transport.loop import Loop
from .interactive import ESCAPES, SIGNALS, Interaction
from .proxy import add_session_options, prepare
from .streaming import run_stream
from .target import NAMES

DESCRIPTION = f"""\
Open a shell on a target in a session of Session Manager, without ssh and keys. A stopped
target is started first, which takes minutes.

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
    return run_stream(options, _prepare, _sit_at, SIGNALS)


def _prepare(options: argparse.Namespace) -> tuple[SessionSource, StreamSettings]:
    return prepare(options, SessionRequest(SHELL))


def _sit_at(loop: Loop, stdin: int, stdout: int) -> Interaction:
    # Within a line, a shell takes Ctrl-D for "delete": the line is finished first.
    return Interaction(loop, stdin, stdout, finish_line=b"\n", may_be_silent=False, pipeline=True)
