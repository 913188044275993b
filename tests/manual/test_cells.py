"""The table of kinds and commands names tests that exist."""

from __future__ import annotations

from connector.targets.registry import KINDS
from manual import cells


def test_every_test_of_the_table_exists() -> None:
    assert cells.missing(cells.load()) == []


def test_a_test_that_does_not_exist_is_found() -> None:
    rows = [{"command": "list", "every": "test_no_such", "ec2": ["test_nor_such"]}]
    assert cells.missing(rows) == ["test_ec2.py::test_nor_such", "test_kinds.py::test_no_such"]


def test_each_kind_but_the_first_has_a_column() -> None:
    missing = {row.name for row in KINDS[1:]} - cells.COLUMNS.keys()
    assert not missing, f"give {missing} a column in manual/cells.py, and cells in cells.toml"
    assert len(cells.COLUMNS) == len(KINDS) - 1


def test_each_row_says_something_of_each_kind() -> None:
    empty = {
        row["command"]: kinds
        for row in cells.load()
        if "every" not in row
        for kinds in [[kind for kind in cells.COLUMNS if not row.get(kind)]]
        if kinds
    }
    assert not empty, f"name a test in manual/cells.toml, or say why there is none: {empty}"
