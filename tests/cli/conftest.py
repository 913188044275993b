"""A home of its own for every test: no file of settings of whoever runs them."""

from __future__ import annotations

from pathlib import Path

import pytest

from connector.settings.table import SETTINGS


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
