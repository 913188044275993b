"""From names to parts: the Dev Environment, the way to its network, the source of sessions.

What the command line and the library have in common: both say by a :class:`Place` what the
user named, and the variables of the environment say the rest.
"""

from __future__ import annotations

import os
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from .sessions import SessionSource
from .transport.dialler import DialSettings

if TYPE_CHECKING:
    from .aws.environments import Environment
    from .aws.memory import Memory
    from .aws.startup import Durations


@dataclass(frozen=True)
class Place:
    """What a user names, each part ``None`` where it was not given.

    :param host: the host name, as ``ssh`` is called with it.
    :param profile: of ``~/.aws/config``.
    :param endpoint_url: of another CodeCatalyst API than the service's own.
    """

    host: str | None = None
    space: str | None = None
    project: str | None = None
    id: str | None = None
    profile: str | None = None
    endpoint_url: str | None = None


def open_environment(place: Place) -> tuple[Environment, DialSettings]:
    """The Dev Environment that names and variables lead to, and the way to its network.

    :raises ConfigError: when one of them is not usable.
    """
    from .aws.api import Api, SdkApi
    from .aws.clients import ClientFactory
    from .aws.environments import Environment
    from .aws.light import LightApi
    from .aws.refusals import Target
    from .aws.settings import (
        api_endpoint,
        ca_bundle,
        endpoint_is_overridden,
        light_endpoint,
        load_profile,
    )
    from .aws.tokens import BearerTokens
    from .ssh.hosts import resolve

    environ = os.environ
    names = resolve(
        place.host,
        space=place.space,
        project=place.project,
        dev_environment_id=place.id,
        environ=environ,
    )
    profile = load_profile(place.profile, environ)
    endpoint_url = api_endpoint(place.endpoint_url, environ)
    settings = DialSettings(
        endpoint_overridden=endpoint_is_overridden(place.endpoint_url, environ, profile),
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


def open_source(
    environment: Environment,
    settings: DialSettings,
    *,
    start: bool,
    wait: float,
    ping_interval: float,
    payload_size: int,
) -> tuple[SessionSource, DialSettings]:
    """The source of sessions for SSH, and the way to their streams.

    :param start: whether an environment that is stopped is started; ``wait``: seconds until
        it has to run. The others: see :class:`DialSettings`.
    """
    from .aws.codecatalyst import CodeCatalystSessions
    from .aws.gateways import GatewayMemory, RememberingSource
    from .aws.startup import StartSettings

    memory = GatewayMemory(memory_of(environment, "gateways.json"))
    source = CodeCatalystSessions(
        environment, StartSettings(allowed=start, timeout=wait), durations_of(environment)
    )
    return RememberingSource(source, memory), replace(
        settings,
        ping_interval=ping_interval,
        payload_size=payload_size,
        likely_gateway=memory.recall(),
    )


def memory_of(environment: Environment, name: str) -> Memory:
    """What is remembered of it in the file of this name."""
    from .aws.memory import Memory, cache_file

    target = environment.target
    return Memory(cache_file(os.environ, name), f"{target.space}/{target.project}/{target.id}")


def durations_of(environment: Environment) -> Durations:
    from .aws.startup import Durations

    return Durations(memory_of(environment, "starts.json"))
