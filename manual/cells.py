"""The table of docs/targets.md: which test shows that a command works with a kind of target."""

from __future__ import annotations

import re
import sys
from pathlib import Path
from typing import Any

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

_CELLS = Path(__file__).with_name("cells.toml")
_TESTS = Path(__file__).parent.parent / "tests" / "endtoend"

#: The file whose tests run for every kind.
EVERY = "test_kinds.py"

#: Kind -> the heading of its column, and the file of its tests.
COLUMNS = {
    "sagemaker": ("SageMaker space", "test_sagemaker.py"),
    "ec2": ("EC2, managed node", "test_ec2.py"),
    "ecs": ("ECS task", "test_ecs.py"),
    "codebuild": ("CodeBuild sandbox", "test_codebuild.py"),
    "ssm": ("other targets", "test_ssm_targets.py"),
}

_NO = "no: "


def load() -> list[dict[str, Any]]:
    """Return the rows: ``command``, ``every`` and the tests of each kind."""
    rows: list[dict[str, Any]] = tomllib.loads(_CELLS.read_text(encoding="utf-8"))["row"]
    return rows


def missing(rows: list[dict[str, Any]]) -> list[str]:
    """Return the tests that rows name and that no file has."""
    wanted = {f"{EVERY}::{row['every']}" for row in rows if "every" in row}
    for row in rows:
        for kind, (_, file) in COLUMNS.items():
            cells = [cell for cell in row.get(kind, ()) if not cell.startswith(_NO)]
            wanted |= {cell if "::" in cell else f"{file}::{cell}" for cell in cells}
    return sorted(test for test in wanted if test.partition("::")[2] not in _tests_of(test))


def render() -> str:
    """Return the table in Markdown."""
    headings = ["command", "every kind", *(heading for heading, _ in COLUMNS.values())]
    files = ["", f"`{EVERY}`", *(f"`{file}`" for _, file in COLUMNS.values())]
    lines = [headings, ["---"] * len(headings), files]
    for row in load():
        every = f"`{row['every']}`" if "every" in row else ""
        kinds = ("<br>".join(map(_shown, row.get(kind, ()))) for kind in COLUMNS)
        lines.append([row["command"], every, *kinds])
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines)


def _shown(cell: str) -> str:
    return cell.removeprefix(_NO) if cell.startswith(_NO) else f"`{cell}`"


def _tests_of(test: str) -> set[str]:
    path = _TESTS / test.partition("::")[0]
    found = re.findall(r"^def (test_\w+)\(", path.read_text(encoding="utf-8"), re.MULTILINE)
    return set(found)
