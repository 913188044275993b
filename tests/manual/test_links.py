"""Links within the documentation lead to what is there."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path

import pytest

from connector.targets.registry import KINDS, KindRow
from manual.__main__ import ROOT

PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
_LINK = re.compile(r"\]\((?!https?:)([^)#\s]*)(?:#([^)\s]+))?\)")


@cache
def anchors(page: Path) -> set[str]:
    """The names that GitHub gives to the headings of a page."""
    headings = re.findall(r"^#+ (.*)$", page.read_text(encoding="utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings}


def leads_somewhere(page: Path, name: str, anchor: str) -> bool:
    target = (page.parent / name) if name else page
    return target.exists() and (not anchor or anchor in anchors(target))


def test_links_lead_somewhere() -> None:
    dead = [
        f"{page.name}: {name}#{anchor}"
        for page in PAGES
        for name, anchor in _LINK.findall(page.read_text(encoding="utf-8"))
        if not leads_somewhere(page, name, anchor)
    ]
    assert dead == []


def test_the_index_names_every_page() -> None:
    index = (ROOT / "docs" / "README.md").read_text(encoding="utf-8")
    pages = {path.name for path in PAGES} - {"README.md"}
    assert {name for name in pages if not name.startswith("soak-")} <= set(
        re.findall(r"\]\(([^)#]+)\)", index)
    )


@pytest.mark.parametrize("row", KINDS, ids=lambda row: row.name)
def test_each_kind_has_a_page_and_its_rows(row: KindRow) -> None:
    """The first kind is what the whole of README.md is about, and has no page of its own."""
    emulated = rows(ROOT / "docs" / "emulator-for-tests.md")
    assert any(cells[0] == f"`{row.name}`" for cells in emulated), (
        f"give {row.name} a row in its table of kinds"
    )
    if row is KINDS[0]:
        return
    named = [cells for cells in rows(ROOT / "README.md") if f"{row.suffixes[0]}`" in cells[1]]
    assert len(named) == 1, f"give {row.name} a row in README.md, with a name and its page"
    (page,) = re.findall(r"\]\((docs/[^)]+)\)", named[0][-1])
    assert row.suffixes[0] in (ROOT / page).read_text(encoding="utf-8")


def rows(page: Path) -> list[list[str]]:
    """Return the cells of all rows of a page's tables."""
    lines = page.read_text(encoding="utf-8").splitlines()
    return [line.strip("| ").split(" | ") for line in lines if line.startswith("| ")]
