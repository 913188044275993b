"""websockets without importlib.metadata, which others still get whole."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

AFTER = """
import sys
from connector.lean import import_version
import_version()
print("importlib.metadata" in sys.modules)
import websockets
print(websockets.__version__)
import importlib.metadata
print(importlib.metadata.version("websockets"))
"""


def run(*path: Path) -> list[str]:
    environ = {**os.environ, "PYTHONPATH": os.pathsep.join(map(str, [*path, *sys.path]))}
    done = subprocess.run(
        [sys.executable, "-c", AFTER], env=environ, capture_output=True, text=True, check=True
    )
    return done.stdout.split()


def test_a_release_is_imported_without_it() -> None:
    imported, known, installed = run()
    assert imported == "False"
    assert known == installed


def test_what_is_no_release_gets_it_after_all(tmp_path: Path) -> None:
    package = tmp_path / "websockets"
    package.mkdir()
    (package / "__init__.py").write_text("from .version import version as __version__\n")
    (package / "version.py").write_text(
        "import importlib.metadata\nversion = importlib.metadata.version('websockets') + '.dev1'\n"
    )
    imported, known, installed = run(tmp_path)
    assert imported == "False"
    assert known == f"{installed}.dev1"
