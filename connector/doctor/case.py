"""The case that is examined: what the user gave, and what the legs find out for each other."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from ..aws.api import Api
from ..aws.profile import Profile
from ..aws.sdk import ClientFactory
from ..aws.sso.tokens import BearerToken
from ..sessions import SessionSource
from ..ssh.facts import SshFacts
from ..targets.codecatalyst.environment import Environment
from ..targets.codecatalyst.starts import StartSettings
from ..targets.codecatalyst.wiring import gateway_memory_of, source_of
from ..transport.address import StreamSettings


@dataclass(frozen=True)
class Commands:
    """What other commands of the connector do, so that it is done in the same way here.

    :param open_environment: the Dev Environment that options name.
    :param read_proxy_options: what ``connector proxy`` makes of its arguments.
    """

    open_environment: Callable[[argparse.Namespace], Environment]
    read_proxy_options: Callable[[Sequence[str]], argparse.Namespace]


class Case:
    """What is declared without a value is set by the leg that finds it out.

    :ivar options: those that name a Dev Environment, as ``connector proxy`` has them. Where
        ssh's configuration leads to the connector, its options fill what the user left out.
    :ivar ssh_config_file: ssh's ``-F``; empty: the one that ssh takes by itself.
    """

    ssh: str  # its path
    ssh_host: str  # what ssh is called with, where its configuration leads to the connector
    ssh_settings: Mapping[str, str]  # of ssh -G for that
    profile: Profile
    ca_bundle: str | None  # path of the CA certificates; the system's
    settings: StreamSettings
    api: Api
    api_url: str  # empty where botocore decides
    token: BearerToken

    def __init__(
        self,
        options: argparse.Namespace,
        ssh_config_file: str,
        environ: Mapping[str, str],
        commands: Commands,
        facts: SshFacts,
    ) -> None:
        self.facts = facts
        self.ssh_config_file = ssh_config_file
        self.environ = environ
        self.commands = commands
        self.ssh_starts = False  # the ProxyCommand says that it starts a Dev Environment
        self.ssh_command = ""  # the ProxyCommand that starts none; empty: the user's own
        self.source: SessionSource | None = None
        self.likely_gateway = ""  # of the last session, as host:port
        self.options = options

    @property
    def has_environment(self) -> bool:
        options = self.options
        return bool(options.host or options.id or self.environ.get("DEVENV_ID"))

    def clients(self) -> ClientFactory:
        """Of botocore, with the profile and the network of this case."""
        return ClientFactory(self.profile.known_name, self.settings.trust.connect)

    def open(self) -> Environment:
        """The Dev Environment that is named.

        :raises ConnectorError: when they are not usable.
        """
        environment = self.commands.open_environment(self.options)
        self.source = source_of(environment, StartSettings(allowed=False))
        self.likely_gateway = gateway_memory_of(environment).recall()
        return environment
