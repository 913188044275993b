"""An emulator with the controls that a test needs: the object of the pytest fixture."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import Any, TypeVar

from .access import Names
from .agent.behaviour import REAL, AgentBehaviour
from .api import WORLDS
from .api.account import Role
from .api.errors import ApiError
from .api.rest import RequestRecord
from .api.world import PlannedTarget, World
from .app import Emulator, EmulatorThread
from .faults.plans import FaultPlan, How
from .gateway.gateway import Gateway

Result = TypeVar("Result")


class ConnectorEmulator:
    """A running emulator: ``with``. All methods may be called from any thread.

    :param directory: an empty directory for certificates, caches, ssh's files and the home
        directory of the machine.
    :param kinds: of targets: keys of ``connector.emulator.api.WORLDS``. The names below, and the
        methods without a kind, are about the first one.

    :ivar alias: the first target's alias, ``demo``.
    :ivar name: the first target's name for ssh and ``connector``.
    :ivar host: the service's own name for the first target.
    :ivar environment: the variables that lead the connector, and any AWS SDK, to the emulator.
    :ivar environ: this process's environment with these variables, for programs to start.
    :ivar ssh_config: a configuration for ``ssh -F`` that reaches every target.
    :ivar home: the home directory of the machine, where shells and commands start.
    """

    alias: str
    name: str
    host: str
    environment: dict[str, str]
    environ: dict[str, str]
    ssh_config: Path

    def __init__(self, directory: Path, kinds: Sequence[str] = (next(iter(WORLDS)),)) -> None:
        self.home = directory / "home"
        self._directory = directory
        self._stack = ExitStack()
        self._emulator = Emulator(directory / "certificates", kinds=kinds, home=self.home)
        self._thread = EmulatorThread(self._emulator)

    def __enter__(self) -> ConnectorEmulator:
        self.home.mkdir()
        access = self._stack.enter_context(self._thread)
        self.alias, self.name, self.host = access.alias, access.name, access.host
        self.environment = dict(access.environment)
        self.environ = access.environ(self._directory)
        proxy = [sys.executable, "-m", "connector", "proxy", "%n"]
        self.ssh_config = access.write_ssh_config(self._directory, proxy)
        return self

    def __exit__(self, *details: object) -> None:
        self._stack.close()

    # Targets

    def add_target(
        self,
        alias: str,
        *,
        running: bool = True,
        start_seconds: float = 0.0,
        group: str | None = None,
        kind: str | None = None,
    ) -> Names:
        """Add a target and return its names.

        :param start_seconds: the time that a start of it takes.
        :param group: what the service files it under, such as a project; by default the usual one.
        :param kind: by default the first one; likewise in the methods below.
        """
        planned = PlannedTarget(alias, running=running, start_seconds=start_seconds)
        if group is not None:
            planned = replace(planned, group=group)
        return self.call(lambda: self._world(kind).add(planned))

    def names(self, kind: str | None = None) -> list[Names]:
        """Return the names of all targets of a kind."""
        return self.call(lambda: list(self._world(kind).targets))

    def state(self, alias: str | None = None, *, kind: str | None = None) -> str:
        """Return the state of a target, such as ``RUNNING``; by default of the first one.

        :raises KeyError: if no target has this alias.
        """
        return self.call(lambda: self._world(kind).state(alias or self.alias))

    def set_state(
        self,
        state: str,
        alias: str | None = None,
        reason: str | None = None,
        *,
        kind: str | None = None,
    ) -> None:
        """Force a target into a state. A state in which it does not run ends its sessions.

        :param alias: by default the first target's.
        :param reason: why, as the service's API tells its callers.
        :raises KeyError: if no target has this alias.
        :raises ValueError: if the service knows no such state.
        """
        alias = alias or self.alias
        self.call(lambda: self._world(kind).set_state(alias, state, reason))

    def call(self, work: Callable[[], Result]) -> Result:
        """Return the result of ``work``, which runs on the emulator's event loop."""
        return self._thread.call(work)

    def _world(self, kind: str | None) -> World:
        return self._emulator.worlds[kind] if kind else self._emulator.world

    # Sessions that are opened later

    def set_faults(self, plan: FaultPlan | Mapping[str, Any]) -> None:
        """Let sessions that are opened from now on have these faults.

        :param plan: a plan, or the dictionary of one.
        :raises ValueError: if the dictionary is no plan.
        """
        faults = plan if isinstance(plan, FaultPlan) else FaultPlan.from_data(plan)
        self._behave(faults=faults)

    def set_agent(self, behaviour: AgentBehaviour = REAL, **changes: Any) -> None:
        """Let the agents of sessions that are opened from now on behave like this.

        :param changes: fields of ``AgentBehaviour`` that differ from ``behaviour``.
        """
        self._behave(agent=replace(behaviour, **changes))

    @property
    def fault_log(self) -> list[str]:
        """What the faults have done so far, a line each."""
        return self.call(lambda: [str(done) for done in self._gateway.fault_log])

    # Sessions that are open

    def cut_links(self, how: How = How.RESET) -> int:
        """Break the connections of all clients and return their number. The sessions live on."""
        return self.call(lambda: self._gateway.cut_links(how))

    # The API

    def refuse(self, operation: str, code: str, status: int = 400, times: int = 1) -> None:
        """Answer the next requests of an operation with an error.

        :param operation: its name in the service's API, such as ``GetDevEnvironment``.
        :param code: the error's name, such as ``ThrottlingException``.
        """
        error = ApiError("The emulator was told to refuse this request", code, status)
        self.call(lambda: self._emulator.misbehaviours.refuse(operation, error, times))

    def delay(self, operation: str, seconds: float, times: int = 1) -> None:
        """Answer the next requests of an operation ``seconds`` later."""
        self.call(lambda: self._emulator.misbehaviours.delay(operation, seconds, times))

    def requests(self, operation: str | None = None) -> list[RequestRecord]:
        """Return the answered requests, of one operation or of all, in order."""
        server = self._emulator.server
        assert server is not None
        return self.call(
            lambda: [
                record for record in server.requests if operation is None or record.is_of(operation)
            ]
        )

    # Permissions, of the APIs whose requests are signed

    def deny(self, action: str, resource: str = "*") -> None:
        """Refuse an action, as IAM does for a user without the permission.

        :param action: such as ``ssm:StartSession``; it may have ``*``.
        :param resource: an ARN, which may have ``*``.
        """
        self.call(lambda: self._emulator.account.deny(action, resource))

    def allow(self) -> None:
        """Undo all that :meth:`deny` did."""
        self.call(self._emulator.account.denials.clear)

    def add_role(self, name: str, *, mfa_code: str = "", external_id: str = "") -> Role:
        """Add a role that the user may assume, and that a login finds in the portal.

        :param mfa_code: the code of the user's device, if the role demands one.
        :param external_id: what a request has to have, if the role demands it.
        """
        return self.call(lambda: self._emulator.account.add_role(name, mfa_code, external_id))

    @property
    def _gateway(self) -> Gateway:
        assert self._emulator.gateway is not None
        return self._emulator.gateway

    def _behave(self, **changes: Any) -> None:
        def behave() -> None:
            self._gateway.behaviour = replace(self._gateway.behaviour, **changes)

        self.call(behave)
