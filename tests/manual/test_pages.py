"""The pages of docs/ that are made from the program are what it would make now."""

from __future__ import annotations

from pathlib import Path

import pytest

from manual.__main__ import ROOT, pages

PAGES = pages()


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.name)
def test_a_page_is_current(path: Path) -> None:
    assert path.read_text(encoding="utf-8") == PAGES[path], (
        f"{path.relative_to(ROOT)} is not what the program makes of it: run `make docs`"
    )
