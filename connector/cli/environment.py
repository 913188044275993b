"""What the commands about a Dev Environment share: its options, and the way to the API."""

from __future__ import annotations

import argparse
import os
from typing import TYPE_CHECKING

from ..transport.dialler import DialSettings
from .settings import add_setting

if TYPE_CHECKING:
    from ..aws.environments import Environment
    from ..aws.memory import Memory
    from ..aws.startup import Durations

NAMES = """\
HOST is what ssh is called with:
  codecatalyst-dev-env=<space>=<project>=<dev-environment-id>
  aws-devenv-<dev-environment-id>    with --space and --project
"""

LEFT_OUT = "or is left out, with --space, --project and --id.\n"

#: Seconds that each call of a command may take which nothing else waits for.
CALL_TIMEOUT = 10.0


def add_environment_options(parser: argparse.ArgumentParser) -> None:
    """All but the host name itself, which not every command can do without."""
    for name in ("space", "project", "id", "profile", "endpoint-url"):
        add_setting(parser, name)


def add_host(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("host", nargs="?", metavar="HOST", help="the host name, as ssh gets it")


def add_wait_option(parser: argparse.ArgumentParser) -> None:
    add_setting(parser, "wait")


def open_environment(options: argparse.Namespace) -> tuple[Environment, DialSettings]:
    """The Dev Environment that options and variables name, and the way to its network.

    :raises ConfigError: when one of them is not usable.
    """
    from ..aws.api import Api, SdkApi
    from ..aws.clients import ClientFactory
    from ..aws.environments import Environment
    from ..aws.light import LightApi
    from ..aws.refusals import Target
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
    names = resolve(
        options.host,
        space=options.space,
        project=options.project,
        dev_environment_id=options.id,
        environ=environ,
    )
    profile = load_profile(options.profile, environ)
    endpoint_url = api_endpoint(options.endpoint_url, environ)
    settings = DialSettings(
        endpoint_overridden=endpoint_is_overridden(options.endpoint_url, environ, profile),
        ca_bundle=ca_bundle(environ, profile),
    )
    profile_name = profile.name if profile.values is not None else None
    clients = ClientFactory(profile_name, settings.ca_bundle)
    api: Api
    if url := light_endpoint(endpoint_url, environ, profile):
        api = LightApi(url, settings.connect)
    else:
        api = SdkApi(clients, endpoint_url)
    target = Target(names.space, names.project, names.id, profile_name)
    return Environment(target, BearerTokens(profile, environ, clients), api), settings


def memory_of(environment: Environment, name: str) -> Memory:
    """What is remembered of it in the file of this name."""
    from ..aws.memory import Memory, cache_file

    target = environment.target
    return Memory(cache_file(os.environ, name), f"{target.space}/{target.project}/{target.id}")


def durations_of(environment: Environment) -> Durations:
    from ..aws.startup import Durations

    return Durations(memory_of(environment, "starts.json"))
