"""The garbage collector rests during the start, and only then."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import connector

ROOT = Path(connector.__file__).parent

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


def named(tree: ast.Module) -> Iterator[str]:
    """Yield the modules that a file imports, and all names of their attributes that it uses."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield from (f"{node.module}.{alias.name}" for alias in node.names)
        elif isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
            yield f"{node.value.id}.{node.attr}"


def test_only_fast_switches_the_collector_or_changes_modules() -> None:
    for path in sorted(ROOT.rglob("*.py")):
        text = path.read_text()
        if "gc" not in text and "modules" not in text:
            continue  # parsing all files takes long
        if path.parent != ROOT / "fast" and path.name != "__main__.py":  # which reads sys.modules
            assert not {"gc", "sys.modules"} & set(named(ast.parse(text))), path
