"""``connector shell``: a login shell of a Dev Environment, without SSH."""

from __future__ import annotations

import argparse

from ..sessions import SessionSource
from ..targets.model import SHELL, SessionRequest
from ..transport.address import StreamSettings
from ..transport.loop import Loop
from .environment import LEFT_OUT, NAMES
from .interactive import ESCAPES, SIGNALS, Interaction
from .proxy import add_session_options, prepare
from .streaming import run_stream

DESCRIPTION = f"""\
Open a shell in a Dev Environment, by a session of Session Manager: no ssh, no keys. One that
does not run is started first, which takes minutes.

{NAMES}{LEFT_OUT}
{ESCAPES}"""

EPILOG = """\
Where stdin is no terminal, it is typed to the shell, and its end is Ctrl-D: the session ends
when the shell does. The exit code is 0 then: the service does not tell the shell's.

The terminal is put back at every end but one: after a kill -KILL, `stty sane` does it.

examples:
  connector shell my-env
  connector shell --no-start my-env       # not if it is stopped
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
    # A shell edits its line and would take Ctrl-D in one for "delete": the line is ended.
    return Interaction(loop, stdin, stdout, finish_line=b"\n", may_be_silent=False, pipeline=True)
