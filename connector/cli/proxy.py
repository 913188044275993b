"""``connector proxy``: connect ssh to a target, as its ProxyCommand."""

from __future__ import annotations

from ..fast.typed import TYPE_CHECKING
from ..targets.model import SSH_SESSION, SessionRequest, StartSettings
from ..targets.registry import KINDS
from .settings import add_setting
from .streaming import add_stream_options, run_stream
from .target import (
    NAMES_OR_OPTIONS,
    add_host,
    add_target_options,
    open_finder,
)

if TYPE_CHECKING:
    import argparse

    from ..sessions import SessionSource
    from ..transport.address import StreamSettings

DESCRIPTION = f"""\
Start a session of a target, and connect stdin and stdout to its SSH server. ssh runs this
command as its ProxyCommand. A stopped target is started first, which takes minutes. ssh waits
that long with "ProxyUseFdpass yes", or with a ConnectTimeout of more than --wait.

{NAMES_OR_OPTIONS}
In a ProxyCommand, give %n as TARGET: the name as you typed it. %h is in lower case.
"""

EPILOG = "\n".join(row.proxy_help for row in KINDS)


def configure(parser: argparse.ArgumentParser) -> None:
    parser.description = DESCRIPTION
    parser.epilog = EPILOG
    add_session_options(parser)


def run(options: argparse.Namespace) -> int:
    return run_stream(options, prepare)


def add_session_options(parser: argparse.ArgumentParser) -> None:
    """Add all options that :func:`prepare` and the stream use."""
    add_host(parser)
    add_target_options(parser)
    add_setting(parser, "start")
    add_setting(parser, "wait")
    add_stream_options(parser)


def prepare(
    options: argparse.Namespace, request: SessionRequest = SSH_SESSION
) -> tuple[SessionSource, StreamSettings]:
    """Return the session source of the target, and the settings of the stream.

    The first packet to the service leaves as early as can be, and imports that are not needed for
    it follow.

    :param request: what the session is for.
    :raises ConfigError: when an option or variable is not usable.
    """
    finder = open_finder(options)
    from ..targets.source import open_source

    return open_source(
        finder,
        request,
        StartSettings(options.start, options.wait),
        ping_interval=options.ping_interval,
        payload_size=options.payload_size,
    )
