"""``connector proxy``: the ProxyCommand."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..sessions import SessionSource
from ..targets.model import SSH_SESSION, SessionRequest, StartSettings
from ..targets.source import open_source
from ..transport.address import StreamSettings
from .environment import (
    LEFT_OUT,
    NAMES,
    add_environment_options,
    add_host,
    open_finder,
)
from .settings import add_setting
from .streaming import add_stream_options, run_stream

if TYPE_CHECKING:
    import argparse

DESCRIPTION = f"""\
Start a session of a Dev Environment and carry stdin and stdout to its SSH server. One that
does not run is started first, which takes minutes: give ssh a ConnectTimeout above --wait.
Made to be a ProxyCommand of ssh; nothing but the stream ever goes to stdout.

{NAMES}{LEFT_OUT}
In a ProxyCommand, ENV is %n, what ssh was called with; not %h, which is in lower case.
"""

EPILOG = """\
The bearer token comes from AWS_BEARER_TOKEN_CODECATALYST, the file that
BEARER_TOKEN_LOCATION names, or the SSO login of the profile (connector login).

examples, in ~/.ssh/config, and for once:
  Host *.codecatalyst codecatalyst-dev-env*
    User mde-user
    ProxyCommand connector proxy --profile codecatalyst %n

  ssh -o 'ProxyCommand connector proxy --no-start -vv %n' mde-user@my-env
"""


def configure(parser: argparse.ArgumentParser) -> None:
    parser.description = DESCRIPTION
    parser.epilog = EPILOG
    add_session_options(parser)


def run(options: argparse.Namespace) -> int:
    return run_stream(options, prepare)


def add_session_options(parser: argparse.ArgumentParser) -> None:
    """All that :func:`prepare` and the stream look at."""
    add_host(parser)
    add_environment_options(parser)
    add_setting(parser, "start")
    add_setting(parser, "wait")
    add_stream_options(parser)


def prepare(
    options: argparse.Namespace, request: SessionRequest = SSH_SESSION
) -> tuple[SessionSource, StreamSettings]:
    """Return the source of sessions that options and variables name, and the way to the stream.

    :param request: what the session is for.
    :raises ConfigError: when one of them is not usable.
    """
    return open_source(
        open_finder(options),
        request,
        StartSettings(options.start, options.wait),
        ping_interval=options.ping_interval,
        payload_size=options.payload_size,
    )
