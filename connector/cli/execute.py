"""``connector exec``: one command in a Dev Environment, without SSH."""

from __future__ import annotations

import argparse

from ..sessions import SessionSource
from ..transport.dialler import DialSettings
from ..transport.loop import Loop
from .environment import LEFT_OUT, NAMES
from .interactive import ESCAPES, SIGNALS, Interaction
from .proxy import add_session_options, prepare
from .streaming import run_stream

DESCRIPTION = f"""\
Run a command in a Dev Environment, by a session of Session Manager: no ssh, no keys. One that
does not run is started first, which takes minutes.

{NAMES}{LEFT_OUT}
The command and its arguments go to the service one by one, each of 1 to 255 characters; no
shell of ours looks at them. For a line of shell: -- sh -c 'LINE'.

Whether the command gets a terminal at the far end is the service's choice. On one, its
output and its errors come together on stdout with the line ends of a terminal, stdin is
typed to it and its end is Ctrl-D, and if stdin and stdout are terminals here, keys go there
as they are. Without one, it has no stdin, and its errors come on stderr where the service
keeps them apart. The published agent takes all output for text: what is not UTF-8 may lose
its last bytes, so have it encoded (base64).

{ESCAPES}"""

EPILOG = """\
exit code: the command's where the service reports it, which it does where it keeps errors
apart; otherwise 0. 255 for a command that a signal has ended.

examples:
  connector exec my-env -- uname -a
  connector exec my-env -- sh -c 'cd /projects && git status --short' > status.txt
"""


def configure(parser: argparse.ArgumentParser) -> None:
    parser.description = DESCRIPTION
    parser.epilog = EPILOG
    add_session_options(parser)
    parser.usage = "%(prog)s [options] [ENV] -- COMMAND [ARGUMENT ...]"

    def run(options: argparse.Namespace) -> int:
        if not options.words:
            parser.error("the command to run is missing: put it after a --")
        return run_stream(options, _prepare, _sit_at, SIGNALS)

    parser.set_defaults(run=run)


def _prepare(options: argparse.Namespace) -> tuple[SessionSource, DialSettings]:
    from ..aws.commands import command_session

    return prepare(options, command_session(options.words))


def _sit_at(loop: Loop, stdin: int, stdout: int) -> Interaction:
    return Interaction(loop, stdin, stdout, finish_line=b"\x04", may_be_silent=True, pipeline=False)
