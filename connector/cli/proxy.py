"""``connector proxy``: the ProxyCommand."""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from ..sessions import SessionSource
from ..transport.dialler import DialSettings
from .environment import (
    LEFT_OUT,
    NAMES,
    add_environment_options,
    add_host,
    add_wait_option,
    durations_of,
    memory_of,
    open_finder,
)
from .streaming import add_stream_options, run_stream

if TYPE_CHECKING:
    from ..aws.environments import Environment

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

example, in ~/.ssh/config:
  Host *.codecatalyst codecatalyst-dev-env=*
    User mde-user
    ProxyCommand connector proxy --profile codecatalyst %n
"""


def configure(parser: argparse.ArgumentParser) -> None:
    parser.description = DESCRIPTION
    parser.epilog = EPILOG
    add_session_options(parser)
    parser.set_defaults(run=lambda options: run_stream(options, prepare))


def add_session_options(parser: argparse.ArgumentParser) -> None:
    """All that :func:`prepare` and the stream look at."""
    add_host(parser)
    add_environment_options(parser)
    parser.add_argument(
        "--no-start", action="store_true", help="do not start a Dev Environment that is stopped"
    )
    add_wait_option(parser)
    add_stream_options(parser)


def prepare(
    options: argparse.Namespace, configuration: Mapping[str, Any] | None = None
) -> tuple[SessionSource, DialSettings]:
    """The source of sessions that options and variables name, and the way to the stream.

    :param configuration: the ``sessionConfiguration`` of another session than one for SSH.
    :raises ConfigError: when one of them is not usable.
    """
    from ..aws.codecatalyst import SSH_SESSION, CodeCatalystSessions
    from ..aws.gateways import GatewayMemory, RememberingSource
    from ..aws.startup import StartSettings
    from .finding import LateSource

    finder = open_finder(options)
    settings = replace(
        finder.service.settings,
        ping_interval=options.ping_interval,
        payload_size=options.payload_size,
    )

    def gateway_memory_of(environment: Environment) -> GatewayMemory:
        return GatewayMemory(memory_of(environment, "gateways.json"))

    def source_of(environment: Environment) -> SessionSource:
        source = CodeCatalystSessions(
            environment,
            StartSettings(allowed=not options.no_start, timeout=options.wait),
            durations_of(environment),
            configuration=configuration or SSH_SESSION,
        )
        return RememberingSource(source, gateway_memory_of(environment))

    environment = finder.known()  # a look-up takes time, in which stdin and signals are heeded
    gateway = gateway_memory_of(environment).recall() if environment else ""
    source = LateSource(finder, environment, source_of)
    return source, replace(settings, likely_gateway=gateway)
