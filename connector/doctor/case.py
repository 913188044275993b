"""The case that the doctor examines: what the user gave, and what the legs find out."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from ..sessions import SessionSource
from ..targets.model import SSH, SSH_SESSION, Query, SessionRequest, StartSettings
from ..targets.source import gateway_memory_of, source_of
from ..transport.address import StreamSettings
from .findings import Leg
from .network import Ways
from .words import Words

if TYPE_CHECKING:
    from ..targets.kind import Kind, Target


class KindLegs(Protocol):
    """The legs of one kind of target, for one case. Credentials stay inside them."""

    @property
    def states(self) -> Collection[str]:
        """The states of the service's targets. A report shows them, other values it hides."""
        ...

    def service(self) -> list[Leg]:
        """Return the legs of the login and the API. One of them sets ``case.settings``."""
        ...

    def keys(self) -> list[Leg]:
        """Return the legs of AWS keys, for an examination beside the login of another kind.

        They set ``case.has_keys``, and count as skipped without any keys. Empty for a kind that
        needs a login instead.
        """
        ...

    def target(self) -> Leg:
        """Return the leg that checks the target's state. It calls :meth:`Case.find`."""
        ...


@dataclass(frozen=True)
class Commands:
    """Functions of other commands, so that the doctor treats options and ssh in the same way.

    :ivar query_of: return what options ask for.
    :ivar read_proxy_options: parse the arguments of ``connector proxy``; raises ConfigError with
        the given hint.
    :ivar completed: return the user's options, completed by those of a ProxyCommand.
    :ivar passes_descriptors: return whether ``ProxyUseFdpass yes`` works with the ssh of a path.
    """

    query_of: Callable[[argparse.Namespace], Query]
    read_proxy_options: Callable[[Sequence[str], Words], argparse.Namespace]
    completed: Callable[[argparse.Namespace, argparse.Namespace], argparse.Namespace]
    passes_descriptors: Callable[[str], bool]


class Case:
    """What the legs share. An attribute without a value is set by the leg that finds it out.

    :ivar options: the options that name a target, as for ``connector proxy``. If ssh's
        configuration leads to the connector, its options complete the user's.
    :ivar ssh_config_file: the file of ssh's ``-F``; empty: ssh's default.
    :ivar kind: the kind of the target, or the one that is examined without a target.
    :ivar beside: another kind whose keys are examined, too, before ``kind``; None for no such kind.
    :ivar has_keys: whether ``beside`` has keys.
    :ivar has_target: whether a target is examined.
    :ivar request: what the session of the examination is for: ssh, or a command where targets of
        the kind rarely have an SSH server.
    :ivar kind_legs: the legs of this kind.
    :ivar ssh_facts: what ssh has to know about this kind.
    :ivar ssh: the path of ssh.
    :ivar ssh_host: the host name for ssh under which its configuration leads to the connector.
    :ivar ssh_settings: the settings that ``ssh -G`` prints for this host name.
    :ivar ssh_starts: whether the ProxyCommand starts a stopped target, whatever the doctor does.
    :ivar ssh_command: the ProxyCommand with an option that prevents a start; empty: there is none,
        and ssh uses the ProxyCommand of its configuration.
    :ivar settings: how API and gateway are reached.
    :ivar source: the source of the target's sessions, which never starts the target itself.
    :ivar likely_gateway: ``host:port`` of the target's last session; empty if there is none.
    :ivar ways: the ways to the hosts that the legs find out.
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
        kind: Kind,
        request: SessionRequest = SSH_SESSION,
        *,
        has_target: bool = True,
        beside: Kind | None = None,
    ) -> None:
        self.request = request
        self.has_target = has_target
        self.beside = beside
        self.has_keys = False
        self.options = options
        self.ssh_config_file = ssh_config_file
        self.environ = environ
        self.commands = commands
        self.kind = kind
        self.ssh_facts = kind.ssh
        self.ssh_starts = False
        self.ssh_command = ""
        self.source: SessionSource | None = None
        self.likely_gateway = ""
        self.ways = Ways(self)
        self.kind_legs = kind.legs(self)

    @property
    def is_for_ssh(self) -> bool:
        """Whether ssh and the SSH server are examined."""
        return self.request.form == SSH

    @property
    def query(self) -> Query:
        """What the options ask for, as far as they are known by now."""
        return self.commands.query_of(self.options)

    def find(self) -> Target:
        """Find the target, and set ``source`` and ``likely_gateway``. No state is asked for.

        :raises ConnectorError: when the target cannot be found.
        """
        target = self.kind.open_finder(self.query, self.environ).find()
        self.source = source_of(target, self.request, StartSettings(allowed=False))
        self.likely_gateway = gateway_memory_of(target).recall()
        return target
