"""The table of ``connector list``: no terminal is too narrow for its texts."""

from __future__ import annotations

import pytest

from connector.cli.output.table import print_table
from connector.targets.model import RUNNING, Column, Listing, Row, State

COLUMNS = (Column("STARTED", 20), Column("IMAGE", 12), Column("NOTE", 6))
NAMES = ("demo.85c1b7ef-81be-445f-ba09-3928c25e3941.codebuild", "web.codebuild")
CELLS = ("2026-11-30T10:12:08", "aws/codebuild/standard:7.0", "some-words-without-a-blank")

LISTING = Listing(
    [Row(name, State("DOWNLOAD_SOURCE", RUNNING), "", (), CELLS, {}, "", "") for name in NAMES],
    COLUMNS,
    [],
    True,
    None,
    "",
    "",
)


@pytest.mark.parametrize("width", [20, 69, 85, 90, 91, 92, 104, 105, 106, 120, 135, 160])
def test_table_loses_no_letter_at_any_width(
    width: int, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", str(width))
    print_table(LISTING)
    heading, *lines = capsys.readouterr().out.splitlines()
    least = len(f"{NAMES[0]}  DOWNLOAD_SOURCE")
    assert max(map(len, lines)) <= max(width, least)
    starts = [at for at in (heading.find(column.heading) for column in COLUMNS) if at > 0]
    shown = dict(zip(starts, CELLS, strict=False))  # the last columns may have no room
    assert bool(shown) == (width >= least + 22)  # no later column takes the first one's place
    first = next(at for at, line in enumerate(lines) if line.startswith(NAMES[1]))
    assert lines[0][:least] == f"{NAMES[0]}  DOWNLOAD_SOURCE"
    for start, cell in shown.items():
        end = next((other - 2 for other in starts if other > start), None)
        for row in (lines[:first], lines[first:]):
            assert "".join(line[start:end].strip() for line in row) == cell
