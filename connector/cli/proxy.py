"""``connector proxy``: the ProxyCommand."""

from __future__ import annotations

import argparse
import os

from ..sessions import SessionSource
from ..transport.dialler import DialSettings
from .streaming import add_stream_options, run_stream

DESCRIPTION = """\
Start a session of a running Dev Environment and carry stdin and stdout to its SSH server.
Made to be a ProxyCommand of ssh; nothing but the stream ever goes to stdout.

HOST is what ssh was called with (%n; not %h, which ssh writes in lower case):
  codecatalyst-dev-env=<space>=<project>=<dev-environment-id>
  aws-devenv-<dev-environment-id>    with --space and --project
or is left out, with --space, --project and --id.
"""

EPILOG = """\
The bearer token comes from AWS_BEARER_TOKEN_CODECATALYST, the file that
BEARER_TOKEN_LOCATION names, or the SSO login of the profile (connector login).

example, in ~/.ssh/config:
  Host codecatalyst-dev-env=*
    User mde-user
    ProxyCommand connector proxy --profile codecatalyst %n
"""


def configure(parser: argparse.ArgumentParser) -> None:
    parser.description = DESCRIPTION
    parser.epilog = EPILOG
    parser.add_argument("host", nargs="?", metavar="HOST", help="the host name, as ssh got it")
    parser.add_argument("--space", help="the space's name (also: SPACE_NAME)")
    parser.add_argument("--project", help="the project's name (also: PROJECT_NAME)")
    parser.add_argument("--id", metavar="UUID", help="the Dev Environment's id (also: DEVENV_ID)")
    parser.add_argument("--profile", help="the profile of ~/.aws/config (also: AWS_PROFILE)")
    parser.add_argument(
        "--endpoint-url",
        metavar="URL",
        help="another CodeCatalyst API (also: AWS_ENDPOINT_URL_CODECATALYST, "
        "CODECATALYST_ENDPOINT, AWS_ENDPOINT_URL)",
    )
    add_stream_options(parser)
    parser.set_defaults(run=lambda options: run_stream(options, prepare))


def prepare(options: argparse.Namespace) -> tuple[SessionSource, DialSettings]:
    """The source of sessions that options and variables name, and the way to the stream.

    :raises ConfigError: when one of them is not usable.
    """
    from ..aws.api import Api, SdkApi
    from ..aws.clients import ClientFactory
    from ..aws.codecatalyst import CodeCatalystSessions
    from ..aws.gateways import GatewayMemory, RememberingSource, gateways_file
    from ..aws.light import LightApi
    from ..aws.settings import (
        api_endpoint,
        ca_bundle,
        endpoint_is_overridden,
        light_endpoint,
        load_profile,
    )
    from ..aws.tokens import BearerTokens
    from ..ssh.hosts import resolve

    environ = os.environ
    environment = resolve(
        options.host,
        space=options.space,
        project=options.project,
        dev_environment_id=options.id,
        environ=environ,
    )
    profile = load_profile(options.profile, environ)
    endpoint_url = api_endpoint(options.endpoint_url, environ)
    memory = GatewayMemory(
        gateways_file(environ), f"{environment.space}/{environment.project}/{environment.id}"
    )
    settings = DialSettings(
        endpoint_overridden=endpoint_is_overridden(options.endpoint_url, environ, profile),
        ca_bundle=ca_bundle(environ, profile),
        ping_interval=options.ping_interval,
        payload_size=options.payload_size,
        likely_gateway=memory.recall(),
    )
    profile_name = profile.name if profile.values is not None else None
    clients = ClientFactory(profile_name, settings.ca_bundle)
    api: Api
    if url := light_endpoint(endpoint_url, environ, profile):
        api = LightApi(url, settings.connect)
    else:
        api = SdkApi(clients, endpoint_url)
    source = CodeCatalystSessions(
        space=environment.space,
        project=environment.project,
        dev_environment_id=environment.id,
        profile=profile_name,
        tokens=BearerTokens(profile, environ, clients),
        api=api,
    )
    return RememberingSource(source, memory), settings
