"""Modules without what they could do without, which others still get whole."""

from __future__ import annotations

import os
import platform
import subprocess
import sys
from pathlib import Path

import pytest

LIGHTLY = """
import sys
from connector.fast.lean import import_lightly
import_lightly({name!r})
print({without!r} in sys.modules)
"""

#: A module, what it is imported without, and a use of it that needs that.
MODULES = [
    (
        "dataclasses",
        "inspect",
        "import dataclasses; print(dataclasses.make_dataclass('A', [('b', int)]).__doc__)",
        "A(b: int)",
    ),
    (
        "logging",
        "traceback",
        "import logging; record = logging.LogRecord('', 0, '', 0, '', (), (E, E('bang'), None));"
        "print(logging.Formatter().format(record).strip())",
        "Error: bang",
    ),
    (
        "uuid",
        "platform",
        "import uuid, platform;"
        "print(uuid.uuid4().version, uuid.uuid1().version, platform.machine())",
        f"4 1 {platform.machine()}",
    ),
    (
        "websockets.version",
        "importlib.metadata",
        "import importlib.metadata, websockets;"
        "print(websockets.__version__ == importlib.metadata.version('websockets'))",
        "True",
    ),
]


def run(program: str, *path: Path) -> list[str]:
    environ = {**os.environ, "PYTHONPATH": os.pathsep.join(map(str, [*path, *sys.path]))}
    done = subprocess.run(
        [sys.executable, "-S", "-c", program],
        env=environ,
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout.splitlines()


@pytest.mark.parametrize(("name", "without", "use", "said"), MODULES)
def test_what_is_left_out_comes_with_its_use(name: str, without: str, use: str, said: str) -> None:
    define = "class E(Exception): __qualname__ = 'Error'; __module__ = 'builtins'\n"
    imported, used = run(LIGHTLY.format(name=name, without=without) + define + use)

    if name != "dataclasses" or sys.version_info < (3, 12):  # from then on it asks for it at once
        assert imported == "False"
    assert used == said


@pytest.mark.parametrize("without", ["inspect", "traceback", "platform"])
def test_who_has_it_keeps_it(without: str) -> None:
    name = {"inspect": "dataclasses", "traceback": "logging", "platform": "uuid"}[without]
    # CPython 3.13's uuid needs no platform on Linux.
    same = f"import {without}, {name}; print(getattr({name}, '{without}', {without}) is before)"
    program = LIGHTLY.format(name=name, without=without) + same

    assert run(f"import {without}; before = {without}\n{program}") == [
        "True",
        "True",
    ]


def test_of_websockets_what_is_no_release_gets_it_after_all(tmp_path: Path) -> None:
    package = tmp_path / "websockets"
    package.mkdir()
    (package / "__init__.py").write_text("from .version import version as __version__\n")
    (package / "version.py").write_text(
        "import importlib.metadata\nversion = importlib.metadata.version('websockets') + '.dev1'\n"
    )
    imported, known, installed = run(
        LIGHTLY.format(name="websockets.version", without="importlib.metadata")
        + "import websockets, importlib.metadata\n"
        "print(websockets.__version__)\n"
        "print(importlib.metadata.version('websockets'))",
        tmp_path,
    )

    assert imported == "False"
    assert known == f"{installed}.dev1"
