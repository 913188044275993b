"""A home of its own and an untouched logger for every test."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from connector.settings.table import SETTINGS

from ..inprocess import kept_logging


@pytest.fixture(autouse=True)
def home(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Path:
    home = tmp_path_factory.mktemp("home")
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.setenv("USERPROFILE", str(home))
    monkeypatch.setenv("APPDATA", str(home / "AppData"))
    for setting in SETTINGS.values():
        for name in ("XDG_CONFIG_HOME", "XDG_CACHE_HOME", *setting.variables):
            monkeypatch.delenv(name, raising=False)
    return home


@pytest.fixture(autouse=True)
def logger() -> Iterator[None]:
    with kept_logging():
        yield
