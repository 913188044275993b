"""The pages of docs/ that are made from the program are what it would make now."""

from __future__ import annotations

from pathlib import Path

import pytest

from manual.__main__ import ROOT, pages


@pytest.fixture(scope="module")
def made() -> dict[Path, str]:
    return pages()


@pytest.mark.parametrize("name", ["errors.md", "reference.md"])
def test_a_page_is_current(made: dict[Path, str], name: str) -> None:
    path = ROOT / "docs" / name
    assert path.read_text(encoding="utf-8") == made[path], (
        f"docs/{name} is not what the program makes of it: run `make docs`"
    )
