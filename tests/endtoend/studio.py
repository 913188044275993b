"""An emulated SageMaker, and the programs of one of its users."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from connector.emulator.api.sagemaker.model import Space
from connector.emulator.api.sagemaker.world import SageMakerWorld
from connector.emulator.api.world import PlannedTarget

from .workshop import Workshop

ENABLE = "--enable-remote-access"


class Studio(Workshop):
    """SageMaker with the spaces Deep-Space, which runs, and quiet, which is stopped."""

    world: SageMakerWorld

    def __init__(self, directory: Path) -> None:
        targets = (PlannedTarget("Deep-Space"), PlannedTarget("quiet", "Shop", running=False))
        super().__init__(directory, "sagemaker", targets)

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

        return self.call(add)

    def restart(self, space: Space) -> None:
        """Delete the app of a space and create another one."""

        def restart() -> None:
            model = self.world.model
            model.delete_app(space)
            model.create_app(space, "JupyterLab", space.spec)

        self.call(restart)

    def named(self) -> dict[str, dict[str, Any]]:
        """Return the objects of the list by their names for ssh."""
        return {each["sshName"]: each for each in self.listed()}

    def refuses(self, code: int, *words: str, told: Sequence[str]) -> str:
        """Return the last line of a connector that fails, which has to have these words."""
        line = self.fails(code, *words)
        for each in told:
            assert each in line, line
        return line
