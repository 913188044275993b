"""``connector proxy``: the ProxyCommand."""

from __future__ import annotations

import argparse
from dataclasses import replace

from ..sessions import SessionSource
from ..transport.dialler import DialSettings
from .environment import (
    add_environment_options,
    add_host,
    add_wait_option,
    durations_of,
    memory_of,
    open_environment,
)
from .settings import add_setting
from .streaming import add_stream_options, run_stream

DESCRIPTION = """\
Start a session of a Dev Environment and carry stdin and stdout to its SSH server. One that
does not run is started first, which takes minutes: give ssh a ConnectTimeout above --wait.
Made to be a ProxyCommand of ssh; nothing but the stream ever goes to stdout.

HOST is what ssh was called with (%n; not %h, which ssh writes in lower case):
  codecatalyst-dev-env=<space>=<project>=<dev-environment-id>
  aws-devenv-<dev-environment-id>    with --space and --project
or is left out, with --space, --project and --id.
"""

EPILOG = """\
The bearer token comes from AWS_BEARER_TOKEN_CODECATALYST, the file that
BEARER_TOKEN_LOCATION names, or the SSO login of the profile (connector login).

examples, in ~/.ssh/config, and for once:
  Host codecatalyst-dev-env=*
    User mde-user
    ProxyCommand connector proxy --profile codecatalyst %n

  ssh -o 'ProxyCommand connector proxy --no-start -vv %n' mde-user@<host>
"""


def configure(parser: argparse.ArgumentParser) -> None:
    parser.description = DESCRIPTION
    parser.epilog = EPILOG
    add_host(parser)
    add_environment_options(parser)
    add_setting(parser, "start")
    add_wait_option(parser)
    add_stream_options(parser)
    parser.set_defaults(run=lambda options: run_stream(options, prepare))


def prepare(options: argparse.Namespace) -> tuple[SessionSource, DialSettings]:
    """The source of sessions that options and variables name, and the way to the stream.

    :raises ConfigError: when one of them is not usable.
    """
    from ..aws.codecatalyst import CodeCatalystSessions
    from ..aws.gateways import GatewayMemory, RememberingSource
    from ..aws.startup import StartSettings

    environment, settings = open_environment(options)
    memory = GatewayMemory(memory_of(environment, "gateways.json"))
    source = CodeCatalystSessions(
        environment,
        StartSettings(allowed=options.start, timeout=options.wait),
        durations_of(environment),
    )
    return RememberingSource(source, memory), replace(
        settings,
        ping_interval=options.ping_interval,
        payload_size=options.payload_size,
        likely_gateway=memory.recall(),
    )
