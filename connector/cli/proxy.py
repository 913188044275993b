"""``connector proxy``: connect ssh to a target, as its ProxyCommand."""

from __future__ import annotations

from ..fast.typed import TYPE_CHECKING
from ..targets.model import SSH_SESSION, SessionRequest
from ..targets.registry import SESSION, START, STREAM, WAY, started_if_asked
from .settings import add_setting
from .streaming import add_stream_options, run_stream
from .target import (
    NAMES,
    add_host,
    add_target_options,
    open_finder,
    start_settings,
)

if TYPE_CHECKING:
    import argparse

    from ..targets.source import LateSource
    from ..transport.address import StreamSettings

DESCRIPTION = f"""\
Start a session of a target, and connect stdin and stdout to its SSH server. ssh runs this
command as its ProxyCommand. A stopped target is started first, which takes minutes.
{started_if_asked()} are started only with --start. ssh waits that long with
"ProxyUseFdpass yes", or with a ConnectTimeout of more than --wait.

{NAMES}
In a ProxyCommand, give %n as TARGET: the name as you typed it. %h is in lower case.
"""

EPILOG = """\
examples, in ~/.ssh/config and on the command line:
  ProxyCommand connector proxy --profile work %n

  ssh -o 'ProxyCommand connector proxy --no-start -vv %n' me@my-env
"""


def configure(parser: argparse.ArgumentParser) -> None:
    parser.description = DESCRIPTION
    parser.epilog = EPILOG
    add_session_options(parser, SESSION, STREAM)


def run(options: argparse.Namespace) -> int:
    return run_stream(options, prepare)


def add_session_options(parser: argparse.ArgumentParser, *roles: str) -> None:
    """Add all options that :func:`prepare` and the stream use.

    :param roles: of further options that belong to a kind.
    """
    add_host(parser)
    add_target_options(parser, START, WAY, *roles)
    add_setting(parser, "start")
    add_setting(parser, "wait")
    add_stream_options(parser)


def prepare(
    options: argparse.Namespace,
    request: SessionRequest = SSH_SESSION,
    *,
    on_terminal: bool = False,
) -> tuple[LateSource, StreamSettings]:
    """Return the session source of the target, and the settings of the stream.

    The first packet to the service leaves as early as can be, and imports that are not needed for
    it follow.

    :param request: what the session is for.
    :param on_terminal: whether stdin was a terminal before the stream took it.
    :raises ConfigError: when an option or variable is not usable.
    """
    finder = open_finder(options, request.form)
    if on_terminal:
        finder.unlock()
    from ..targets.source import open_source

    return open_source(
        finder,
        request,
        start_settings(options),
        ping_interval=options.ping_interval,
        payload_size=options.payload_size,
    )
