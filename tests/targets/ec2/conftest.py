"""The cloud of an emulated account with EC2 instances."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TypeVar

import pytest

from connector.aws.cloud import Cloud, open_cloud
from connector.emulator.access import MISLEADING
from connector.emulator.api.account import HOME_REGION, Account
from connector.emulator.api.ec2.model import Ec2Model
from connector.emulator.api.ec2.world import Ec2World
from connector.emulator.app import Emulator, EmulatorThread

Result = TypeVar("Result")

REGION = HOME_REGION


class Yard:
    """The emulated account, and our cloud of it. Its Region begins with the machines of ``app``.

    :ivar environ: the variables that lead to it.
    """

    def __init__(self, directory: Path) -> None:
        self._emulator = Emulator(directory, kinds=("ec2",))
        self._thread = EmulatorThread(self._emulator)
        access = self._thread.__enter__()
        self.environ = {
            **access.environment,
            "NO_PROXY": "127.0.0.1",
            "AWS_CONFIG_FILE": "/nonexistent/config",
            "AWS_SHARED_CREDENTIALS_FILE": "/nonexistent/credentials",
        }
        world = self._emulator.world
        assert isinstance(world, Ec2World)
        self.model: Ec2Model = world.model

    @property
    def account(self) -> Account:
        return self._emulator.account

    def cloud(self) -> Cloud:
        return open_cloud(None, None, self.environ)

    def call(self, work: Callable[[], Result]) -> Result:
        """Return the result of work on the emulator's event loop."""
        return self._thread.call(work)

    def close(self) -> None:
        self._thread.__exit__()


@pytest.fixture
def yard(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Yard]:
    yard = Yard(tmp_path)
    for name in MISLEADING:
        monkeypatch.delenv(name, raising=False)
    for name, value in yard.environ.items():  # botocore reads them itself
        monkeypatch.setenv(name, value)
    yield yard
    yard.close()
