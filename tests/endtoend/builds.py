"""An emulated CodeBuild, and the programs of one of its users."""

from __future__ import annotations

import asyncio
import threading
from pathlib import Path
from typing import cast

from aiohttp import web

from connector.emulator.api.codebuild.model import Project, Sandbox
from connector.emulator.api.codebuild.world import CodeBuildWorld
from connector.emulator.api.rest import Proceed
from connector.emulator.api.world import PlannedTarget

from .workshop import Workshop

REGION = "us-west-2"
HOST = "shop.codebuild"


class Builds(Workshop):
    """CodeBuild with the project shop, which has a sandbox, and docs, which has none."""

    def __init__(self, directory: Path) -> None:
        targets = (PlannedTarget("shop"), PlannedTarget("docs", running=False))
        super().__init__(directory, "codebuild", targets)
        self.released = asyncio.Event()  # lets held answers go

    def project(self, name: str = "shop") -> Project:
        sandbox = self.sandbox(name)
        assert sandbox is not None
        return sandbox.project

    def sandbox(self, name: str = "shop") -> Sandbox | None:
        world = cast(CodeBuildWorld, self.world)
        return self.call(lambda: world.sandbox(name))

    def running(self, name: str = "shop") -> Sandbox:
        sandbox = self.sandbox(name)
        assert sandbox is not None
        return sandbox

    def newest(self) -> Sandbox:
        """Return the sandbox that was started last."""
        model = cast(CodeBuildWorld, self.world).model
        return self.call(lambda: max(model.sandboxes(REGION), key=lambda each: each.requested))

    def hold(self, operation: str) -> threading.Event:
        """Carry requests of an operation out, but answer none; return the event of the first."""
        server, held = self.emulator.server, threading.Event()
        assert server is not None

        async def intercept(name: str, request: web.Request, proceed: Proceed) -> web.Response:
            response = await proceed()
            if name.endswith(f":{operation}"):
                held.set()
                await self.released.wait()
            return response

        server.intercept = intercept
        return held

    def another(self, name: str = "shop") -> Sandbox:
        """Start one more sandbox of a project."""
        return self.call(lambda: cast(CodeBuildWorld, self.world).model.start(REGION, name))
