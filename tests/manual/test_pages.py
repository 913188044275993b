"""The pages of docs/ that are made from the program are what it would make now."""

from __future__ import annotations

from benchmarks import chart
from manual import reference
from manual.__main__ import ROOT
from manual.sentences import too_long


def test_reference_is_current() -> None:
    page = (ROOT / "docs" / "reference.md").read_text(encoding="utf-8")
    assert page == reference.render(), (
        "docs/reference.md is not what the program makes of it: run `make docs`"
    )


def test_figures_are_those_of_the_last_benchmark() -> None:
    for path, text in chart.pages().items():
        assert path.read_text(encoding="utf-8") == text, (
            f"{path.relative_to(ROOT)} is stale: run `python -m benchmarks.chart`"
        )


WRITTEN = [
    ROOT / "README.md",
    ROOT / "CONTRIBUTING.md",
    ROOT / "CHANGELOG.md",
    *(
        path
        for path in sorted((ROOT / "docs").glob("*.md"))
        if not path.name.startswith(("soak-", "errors", "reference"))  # tables, made pages
    ),
]


def test_page_has_no_long_sentence() -> None:
    found = {page.name: too_long(page.read_text(encoding="utf-8")) for page in WRITTEN}
    assert {name: sentences for name, sentences in found.items() if sentences} == {}


def test_sentences_are_found_in_paragraphs_and_items() -> None:
    words = " ".join(["word"] * 31)
    page = f"# {words}\n\nShort. See [a](b).\n\n- {words}\n\n    {words}\n\n| {words} |\n"
    assert [(line, count) for line, count, _ in too_long(page)] == [(5, 31)]
