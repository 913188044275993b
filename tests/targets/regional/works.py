"""An emulator with lamps in several Regions, as one user sees it."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, MutableMapping
from dataclasses import replace
from pathlib import Path
from typing import Any, TypeVar
from unittest.mock import patch

import pytest

from connector.emulator.agent.behaviour import REAL
from connector.emulator.api.account import Account
from connector.emulator.api.errors import ApiError
from connector.emulator.app import Emulator, EmulatorThread
from connector.emulator.sessions import Session
from connector.errors import ConnectorError
from connector.targets.memory import Memory
from connector.targets.model import SSH_SESSION, Listing, Query, SessionRequest, StartSettings
from connector.targets.regional.sessions import RegionalSessions
from connector.targets.regional.target import RegionalTarget
from connector.targets.registry import kind_of

from ...aws.helpers import UNWATCHED, Clock
from . import lamp
from .lampworld import LampWorld

Result = TypeVar("Result")

NO_START = StartSettings(allowed=False)


class Lampworks:
    """The emulator with lamps, as one user sees it.

    :param port: of the SSH server of all lamps; None for the emulator's own.
    :ivar environ: the variables of the user.
    """

    def __init__(self, directory: Path, port: int | None = None) -> None:
        kinds = ("codecatalyst", "ec2")  # EC2 lists the Regions
        self._emulator = Emulator(
            directory / "certificates",
            kinds=kinds,
            agent=replace(REAL, first_output_delay=0.0),
            home=directory,
            port=port,
        )
        self.world = self._emulator.worlds["lamp"] = LampWorld(self._emulator.services, ())
        self._thread = EmulatorThread(self._emulator)
        self.environ: MutableMapping[str, str] = {}

    def __enter__(self) -> Lampworks:
        self.environ = dict(self._thread.__enter__().environment)
        return self

    def __exit__(self, *details: object) -> None:
        self._thread.__exit__(*details)

    @property
    def account(self) -> Account:
        return self._emulator.account

    def call(self, work: Callable[[], Result]) -> Result:
        return self._thread.call(work)

    def refuse(self, operation: str, code: str, status: int = 400, times: int = 1) -> None:
        error = ApiError("The emulator was told so", code, status)
        self.call(lambda: self._emulator.misbehaviours.refuse(operation, error, times))

    def delay(self, operation: str, seconds: float) -> None:
        """Answer the next request of an operation later."""
        self.call(lambda: self._emulator.misbehaviours.delay(operation, seconds, 1))

    def behave(self, **changes: Any) -> None:
        """Change the behaviour of the gateway for sessions that are opened from now on."""
        gateway = self._emulator.gateway
        assert gateway is not None

        def behave() -> None:
            gateway.behaviour = replace(gateway.behaviour, **changes)

        self.call(behave)

    def sessions(self) -> list[Session]:
        """Return all sessions that signed requests have opened, in order."""
        return self.call(lambda: list(self.account.sessions.opened_by_requests()))

    def living(self) -> list[str]:
        """Return the ids of the sessions that live."""
        return [each.id for each in self.sessions() if each.end_reason is None]

    def operations(self) -> list[str]:
        """Return the names of the operations that were called, in order."""
        server = self._emulator.server
        assert server is not None
        return self.call(lambda: [record.operation for record in server.requests])

    def query(self, name: str = "", profile: str | None = None, **options: str) -> Query:
        return Query(name, tuple(options.items()), profile)

    def target(self, name: str, profile: str | None = None, **options: str) -> RegionalTarget:
        finder = lamp.KIND.open_finder(self.query(name, profile, **options), self.environ)
        target = finder.find()
        assert isinstance(target, RegionalTarget)
        return target

    def listing(self, profile: str | None = None, **options: str) -> Listing:
        query = self.query("", profile, **options)
        return lamp.KIND.list_targets(query, self.environ, 20.0)


def source_of(
    target: RegionalTarget,
    clock: Clock,
    settings: StartSettings = NO_START,
    request: SessionRequest = SSH_SESSION,
) -> RegionalSessions:
    return RegionalSessions(
        target.calls,
        settings,
        Memory("/dev/null/starts", "a"),  # which even root cannot write
        request,
        clock=clock,
        sleep=clock.sleep,
        rand=lambda: 1.0,
    )


def failure_after_tries(
    name: str, environ: Mapping[str, str], request: SessionRequest = SSH_SESSION
) -> ConnectorError:
    """Return why no session starts on a target, after all tries that 8 s on a clock allow.

    Only the pauses between the tries advance the clock, so they take no time.

    :param environ: of a user whose keys are in variables.
    """
    clock = Clock()
    with patch.dict(os.environ, environ):  # botocore reads the process's variables
        target = kind_of(Query(name)).open_finder(Query(name), environ).find()
        assert isinstance(target, RegionalTarget)
        with pytest.raises(ConnectorError) as caught:
            source_of(target, clock, request=request).start(UNWATCHED)
    assert clock.pauses == [0.25, 0.5, 1.0, 2.0, 2.0]
    return caught.value


def write_config(environ: Mapping[str, str], text: str) -> None:
    """Write the user's AWS configuration file."""
    path = Path(environ["HOME"], ".aws", "config")
    path.parent.mkdir(exist_ok=True)
    path.write_text(text)
