"""An emulated SageMaker, and the programs of one of its users."""

from __future__ import annotations

import json
from pathlib import Path
from types import TracebackType
from typing import Any, cast

from connector.emulator.api.sagemaker.model import Space
from connector.emulator.api.sagemaker.world import SageMakerWorld
from connector.emulator.api.world import PlannedTarget
from connector.emulator.app import Emulator, EmulatorThread

from ..account import own_account
from .cloud import Cloud
from .commands import CONNECTOR, Answer, Commands

KIND = ("--kind", "sagemaker")
ENABLE = "--enable-remote-access"


class Studio:
    """SageMaker with the spaces Deep-Space, which runs, and quiet, which is stopped.

    :ivar commands: run programs in a home directory of their own, also for ssh.
    """

    def __init__(self, directory: Path) -> None:
        self.home = directory / "remote"
        self.home.mkdir()
        targets = (PlannedTarget("Deep-Space"), PlannedTarget("quiet", "Shop", running=False))
        self.emulator = Emulator(
            directory / "certificates", kinds=("sagemaker",), targets=targets, home=self.home
        )
        self.thread = EmulatorThread(self.emulator)
        self.world = cast(SageMakerWorld, self.emulator.world)
        self.account = self.emulator.account
        self.commands: Commands
        self._directory = directory

    def __enter__(self) -> Studio:
        access = self.thread.__enter__()
        self.environ = dict(access.environment)
        self.commands = Commands(cast(Cloud, self), self._directory)
        self.commands.environ |= own_account(Path(self.commands.environ["HOME"]))
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        try:
            self.commands.close()
        finally:
            self.thread.__exit__(kind, error, trace)

    def secrets(self) -> list[str]:
        """Return what no program may print, for ``Commands``."""
        sessions = self.account.sessions.opened_by_requests()
        return [self.account.user_key.secret, *(each.token_value for each in sessions)]

    @property
    def known_hosts(self) -> Path:
        return Path(self.commands.environ["HOME"], ".ssh", "known_hosts_sagemaker")

    def space(self, name: str = "Deep-Space") -> Space:
        return self.world.space(name)

    def add(self, name: str, domain: str = "Shop", **details: Any) -> Space:
        """Add a space with these members."""

        def add() -> Space:
            self.world.add(PlannedTarget(name, domain, running=False))
            space = self.world.space(name)
            for member, value in details.items():
                setattr(space, member, value)
            return space

        return self.thread.call(add)

    def restart(self, space: Space) -> None:
        """Delete the app of a space and create another one."""

        def restart() -> None:
            model = self.world.model
            model.delete_app(space)
            model.create_app(space, "JupyterLab", space.spec)

        self.thread.call(restart)

    def calls(self, operation: str) -> int:
        """Return how often an operation of SageMaker or SSM was called, as in ``ssm:…``."""
        assert self.emulator.server is not None
        return sum(record.is_of(operation) for record in list(self.emulator.server.requests))

    # Programs

    def connector(self, *words: str, input: bytes = b"") -> Answer:
        return self.commands.run(*CONNECTOR, *words, input=input)

    def list(self) -> dict[str, dict[str, Any]]:
        """Return the objects of the list by their names for ssh."""
        answer = self.connector("list", *KIND, "--json")
        assert answer.returncode == 0, answer.stderr
        return {each["sshName"]: each for each in json.loads(answer.stdout)}

    def configure(self) -> None:
        """Write the configuration of ssh."""
        answer = self.connector("config-ssh", *KIND, "--yes")
        assert answer.returncode == 0, answer.stderr

    def ssh(self, *words: str, program: str = "ssh") -> Answer:
        return self.commands.run(program, "-o", "BatchMode=yes", *words)
