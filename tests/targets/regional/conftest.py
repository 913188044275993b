"""An emulator with lamps for each test."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from connector.targets import registry

from . import lamp
from .lampworld import Lamp
from .works import Lampworks


@pytest.fixture
def lampworks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Lampworks]:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setattr(registry, "KINDS", [*registry.KINDS, lamp.ROW])
    with Lampworks(tmp_path) as works:
        for name, value in works.environ.items():
            monkeypatch.setenv(name, value)  # botocore reads the process's variables
        works.environ = os.environ
        yield works


@pytest.fixture
def desk(lampworks: Lampworks) -> Lamp:
    return lampworks.world.add_lamp("desk")
