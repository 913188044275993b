"""From names to parts: the Dev Environment, the way to its network, the source of sessions.

What the command line and the library have in common: both say by a :class:`Place` what the
user named, and the variables of the environment say the rest.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from ...fast.records import NamedTuple

if TYPE_CHECKING:
    from ...sessions import SessionSource
    from ...transport.address import StreamSettings
    from ..gateways import GatewayMemory
    from ..memory import Memory
    from .environment import Environment
    from .finding import Finder
    from .starts import Durations, StartSettings


class Place(NamedTuple):
    """What a user names, each part ``None`` where it was not given.

    :param host: its name, as ``ssh`` is called with it.
    :param profile: of ``~/.aws/config``.
    :param endpoint_url: of another CodeCatalyst API than the service's own.
    """

    host: str | None = None
    space: str | None = None
    project: str | None = None
    id: str | None = None
    profile: str | None = None
    endpoint_url: str | None = None

    @property
    def words(self) -> tuple[str, ...]:
        """The arguments that name the same Dev Environment to any command."""
        words = [self.host] if self.host else []
        for option, value in (
            ("--space", self.space),
            ("--project", self.project),
            ("--id", self.id),
            ("--profile", self.profile),
            ("--endpoint-url", self.endpoint_url),
        ):
            if value:
                # A value of its own word could not begin with a dash.
                words += [f"{option}={value}"] if value.startswith("-") else [option, value]
        return tuple(words)


def open_finder(place: Place) -> Finder:
    """What finds the Dev Environment that names and variables lead to, if need be later.

    :raises ConfigError: when one of them is not usable.
    """
    from .finding import Finder
    from .hosts import resolve
    from .service import open_service

    wanted = resolve(
        place.host,
        space=place.space,
        project=place.project,
        dev_environment_id=place.id,
        environ=os.environ,
    )
    service = open_service(place.profile, place.endpoint_url, os.environ)
    return Finder(service, wanted, place.words)


def open_source(
    finder: Finder,
    *,
    start: bool,
    wait: float,
    ping_interval: float,
    payload_size: int,
    configuration: Mapping[str, Any] | None = None,
) -> tuple[SessionSource, StreamSettings]:
    """The source of sessions, and the way to their streams.

    :param start: whether an environment that is stopped is started; ``wait``: seconds until
        it has to run.
    :param configuration: the ``sessionConfiguration`` of another session than one for SSH.

    The others: see :class:`StreamSettings`.
    """
    from .finding import LateSource
    from .starts import StartSettings

    settings = finder.service.settings._replace(
        ping_interval=ping_interval, payload_size=payload_size
    )
    start_settings = StartSettings(allowed=start, timeout=wait)
    environment = finder.known()  # a look-up takes time, in which the stream's ends are heeded
    gateway = gateway_memory_of(environment).recall() if environment else ""
    source = LateSource(
        finder, environment, lambda found: source_of(found, start_settings, configuration)
    )
    return source, settings._replace(likely_gateway=gateway)


def source_of(
    environment: Environment,
    settings: StartSettings,
    configuration: Mapping[str, Any] | None = None,
) -> SessionSource:
    """The source of its sessions, which remembers the gateway of each and enters it in the ledger.

    :param configuration: see :func:`open_source`.
    """
    from ..gateways import RememberingSource
    from ..ledger import Ledger, LedgerSource
    from ..memory import cache_file
    from .source import SSH_SESSION, CodeCatalystSessions

    source = CodeCatalystSessions(
        environment,
        settings,
        durations_of(environment),
        configuration=configuration or SSH_SESSION,
    )
    ledger = Ledger(cache_file(os.environ, "sessions"), environment.endpoint)
    entering = LedgerSource(source, environment, ledger)
    return RememberingSource(entering, gateway_memory_of(environment))


def gateway_memory_of(environment: Environment) -> GatewayMemory:
    from ..gateways import GatewayMemory

    return GatewayMemory(memory_of(environment, "gateways.json"))


def memory_of(environment: Environment, name: str) -> Memory:
    """What is remembered of it in the file of this name."""
    from ..memory import Memory, cache_file

    return Memory(cache_file(os.environ, name), environment.target.place)


def durations_of(environment: Environment) -> Durations:
    from .starts import Durations

    return Durations(memory_of(environment, "starts.json"))
