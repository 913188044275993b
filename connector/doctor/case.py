"""The case that the doctor examines: what the user gave, and what the legs find out."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple, Protocol

from ..sessions import SessionSource
from ..ssh.facts import SshFacts
from ..targets.model import Query
from ..targets.registry import names_target
from ..transport.address import StreamSettings
from .findings import Leg
from .network import Ways


class Found(NamedTuple):
    """A target that was found. Its state is not known yet.

    :ivar source: starts its sessions, but never the target itself.
    :ivar likely_gateway: ``host:port`` of its last session; empty if there is none.
    """

    source: SessionSource
    likely_gateway: str


class KindLegs(Protocol):
    """The legs of one kind of target, for one case. Credentials stay inside them."""

    @property
    def states(self) -> Collection[str]:
        """The states of the service's targets. A report may show them."""
        ...

    def service(self) -> list[Leg]:
        """Return the legs of the login and the API. One of them sets ``case.settings``."""
        ...

    def target(self) -> Leg:
        """Return the leg that checks the target's state. It calls :meth:`Case.find`."""
        ...

    def find(self) -> Found:
        """Find the target, by a look-up if necessary.

        :raises ConnectorError: when it cannot be found.
        """
        ...


@dataclass(frozen=True)
class Commands:
    """Functions of other commands, so that the doctor treats options in the same way.

    :ivar query_of: return what options ask for.
    :ivar read_proxy_options: parse the arguments of ``connector proxy``; raises ConfigError.
    :ivar completed: return the user's options, completed by those of a ProxyCommand.
    """

    query_of: Callable[[argparse.Namespace], Query]
    read_proxy_options: Callable[[Sequence[str]], argparse.Namespace]
    completed: Callable[[argparse.Namespace, argparse.Namespace], argparse.Namespace]


class Case:
    """What the legs share. An attribute without a value is set by the leg that finds it out.

    :ivar options: the options that name a target, as for ``connector proxy``. If ssh's
        configuration leads to the connector, its options complete the user's.
    :ivar ssh_config_file: the file of ssh's ``-F``; empty: ssh's default.
    :ivar ssh_facts: what ssh has to know about this kind of target.
    :ivar ssh: the path of ssh.
    :ivar ssh_host: the host name for ssh under which its configuration leads to the connector.
    :ivar ssh_settings: the settings that ``ssh -G`` prints for this host name.
    :ivar ssh_starts: whether the ProxyCommand starts a stopped target, whatever the doctor does.
    :ivar ssh_command: the ProxyCommand with an option that prevents a start; empty: there is none,
        and ssh uses the ProxyCommand of its configuration.
    :ivar settings: how API and gateway are reached.
    """

    ssh: str
    ssh_host: str
    ssh_settings: Mapping[str, str]
    settings: StreamSettings

    def __init__(
        self,
        options: argparse.Namespace,
        ssh_config_file: str,
        environ: Mapping[str, str],
        commands: Commands,
        ssh_facts: SshFacts,
        legs_of_kind: Callable[[Case], KindLegs],
    ) -> None:
        self.options = options
        self.ssh_config_file = ssh_config_file
        self.environ = environ
        self.commands = commands
        self.ssh_facts = ssh_facts
        self.ssh_starts = False
        self.ssh_command = ""
        self.source: SessionSource | None = None
        self.likely_gateway = ""
        self.ways = Ways(self)
        self.kind = legs_of_kind(self)

    @property
    def has_target(self) -> bool:
        return names_target(self.query, self.environ)

    @property
    def query(self) -> Query:
        """What the options ask for, as far as they are known by now."""
        return self.commands.query_of(self.options)

    def find(self) -> None:
        """Find the target, and set ``source`` and ``likely_gateway``.

        :raises ConnectorError: when it cannot be found.
        """
        self.source, self.likely_gateway = self.kind.find()
