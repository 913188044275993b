"""The garbage collector rests during the start, and only then."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import connector

ROOT = Path(connector.__file__).parent

OTHER_ROOMS = [path for path in sorted(ROOT.rglob("*.py")) if path.parent != ROOT / "fast"]

STATES = """
import gc
from connector.fast import collector
kept = [[number] for number in range(1000)]
states = [gc.isenabled()]
collector.pause()
states.append(gc.isenabled())
collector.resume()
states.append(gc.isenabled())
print(*states, gc.get_freeze_count() >= 1000)
"""

#: Prints whether the collector works when a command is done.
AT_THE_END = """
import gc, sys
from connector.__main__ import main
code = main()
print(gc.isenabled(), file=sys.stderr)
"""


def run(program: str, *words: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", program, *words]
    return subprocess.run(command, capture_output=True, text=True, check=True)


def test_collector_resumes_and_ignores_what_exists() -> None:
    assert run(STATES).stdout.split() == ["True", "False", "True", "True"]


def test_collector_works_in_ordinary_commands() -> None:
    assert run(AT_THE_END, "completion", "bash").stderr == "True\n"


@pytest.mark.parametrize("path", OTHER_ROOMS, ids=lambda path: str(path.relative_to(ROOT)))
def test_only_fast_switches_the_collector_or_changes_modules(path: Path) -> None:
    tree = ast.parse(path.read_text())
    imported = {
        alias.name
        for node in ast.walk(tree)
        if isinstance(node, ast.Import)
        for alias in node.names
    }
    taken = {
        f"{node.module}.{alias.name}"
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
    }
    used = {
        f"{node.value.id}.{node.attr}"
        for node in ast.walk(tree)
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name)
    }

    assert "gc" not in imported
    assert "sys.modules" not in taken | used
