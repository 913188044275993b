"""A stage with a home directory of its own."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from connector.emulator.listener import Certificates
from connector.emulator.machine import sessionprocess

from .stage import Stage, open_stage


@pytest.fixture
async def stage(certificates: Certificates, tmp_path: Path) -> AsyncIterator[Stage]:
    async with open_stage(certificates, tmp_path) as stage:
        yield stage


@pytest.fixture
def short_patience(monkeypatch: pytest.MonkeyPatch) -> None:
    """SIGKILL follows SIGHUP soon."""
    monkeypatch.setattr(sessionprocess, "HANG_UP_TIMEOUT", 0.05)
