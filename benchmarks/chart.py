"""``python -m benchmarks.chart``: write the chart and the tables of figures.

The README and docs/performance.md have the tables. Everything comes from
``benchmarks/results.json``, which ``python -m benchmarks --json`` writes.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from manual.sections import put

from .copies import LARGE, LARGE_OF_SCP

ROOT = Path(__file__).parent.parent
RESULTS = ROOT / "benchmarks" / "results.json"
PICTURES = ROOT / "docs" / "pictures"

_BOTH_GREETINGS = "start to the server's greeting"


@dataclass(frozen=True)
class Shown:
    """One row of the README and one group of bars of the chart.

    :param title: the figure's name for readers.
    :param figure: its name in the results.
    :param anchors: the anchors to show beside it; empty if the figure has none.
    """

    title: str
    figure: str
    anchors: tuple[str, ...] = ()


SHOWN = (
    Shown(
        "Start of the ProxyCommand to the server's greeting",
        _BOTH_GREETINGS,
        ("bare skeleton", "boto3 and the same stream"),
    ),
    Shown("Echo of a keystroke (median)", "echo of one byte, p50", ("plain relay",)),
    Shown("Upload, 1 KiB messages", "upload, 1,024-byte messages", ("least sender",)),
    Shown(
        "Download of 64 MB at the agent's pace, by connector cp",
        f"cp of {LARGE} MB down over 8 connections",
        (f"scp of {LARGE_OF_SCP} MB",),
    ),
    Shown("Memory of an idle connection", "memory, idle"),
)

#: Name -> colours of text, connector, anchor and background.
THEMES: Mapping[str, tuple[str, str, str, str]] = {
    "light": ("#1f2328", "#0969da", "#afb8c1", "#ffffff"),
    "dark": ("#e6edf3", "#4493f8", "#484f58", "#0d1117"),
}

_WIDTH, _LEFT, _BAR, _GAP, _GROUP_GAP = 760, 250, 16, 4, 30


def amount(value: float, unit: str) -> str:
    """Return a value with three significant digits and its unit."""
    return f"{value:.3g} {unit}" if value < 1000 else f"{value:,.0f} {unit}"


def bars(figures: Sequence[Mapping[str, Any]], shown: Shown) -> list[tuple[str, float, str]]:
    """Return label, value and unit of each bar of a group, the connector's first.

    :raises KeyError: when the results lack the figure or one of its anchors.
    """
    rows = [row for row in figures if row["figure"] == shown.figure]
    if not rows:
        raise KeyError(shown.figure)
    found = [("connector", rows[0]["value"], rows[0]["unit"])]
    anchors = {row["anchor_is"]: (row["anchor"], row["unit"]) for row in rows}
    found += [(anchor, *anchors[anchor]) for anchor in shown.anchors]
    return found


def chart(figures: Sequence[Mapping[str, Any]], theme: str) -> str:
    """Return the chart as SVG. Each group has its own scale."""
    text, ours, theirs, background = THEMES[theme]
    parts: list[str] = []
    y = 16
    for shown in SHOWN:
        group = bars(figures, shown)
        longest = max(value for _, value, _ in group)
        parts.append(f'<text x="16" y="{y + 13}" font-weight="600">{shown.title}</text>')
        y += 22
        for label, value, unit in group:
            width = max(2.0, (_WIDTH - _LEFT - 130) * value / longest)
            colour = ours if label == "connector" else theirs
            parts.append(
                f'<text x="{_LEFT - 10}" y="{y + 12}" text-anchor="end">{label}</text>'
                f'<rect x="{_LEFT}" y="{y}" width="{width:.0f}" height="{_BAR}" rx="3" '
                f'fill="{colour}"/>'
                f'<text x="{_LEFT + width + 8:.0f}" y="{y + 12}">{amount(value, unit)}</text>'
            )
            y += _BAR + _GAP
        y += _GROUP_GAP - _BAR
    body = "\n".join(parts)
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{_WIDTH}" height="{y}" '
        f'viewBox="0 0 {_WIDTH} {y}" font-family="system-ui, sans-serif" font-size="13" '
        f'fill="{text}">\n<rect width="100%" height="100%" fill="{background}"/>\n{body}\n</svg>\n'
    )


def rows(figures: Sequence[Mapping[str, Any]]) -> str:
    """Return the README's rows as a Markdown table."""
    lines = ["| figure | connector | compared with |", "|---|---|---|"]
    for shown in SHOWN:
        (_, value, unit), *anchors = bars(figures, shown)
        compared = ", ".join(f"{amount(v, u)} ({label})" for label, v, u in anchors)
        lines.append(f"| {shown.title} | {amount(value, unit)} | {compared} |")
    return "\n".join(lines)


def table(document: Mapping[str, Any]) -> str:
    """Return all figures as a Markdown table, with the machine of the measurement."""
    lines = [
        document["machine"],
        "",
        "| figure | connector | anchor | ratio | target | met | note |",
        "|---|---|---|---|---|---|---|",
    ]
    for row in document["figures"]:
        anchor = ""
        if row["anchor"] is not None:
            anchor = f"{amount(row['anchor'], row['unit'])} ({row['anchor_is']})"
        ratio = "" if row["ratio"] is None else f"{row['ratio']:.2f}"
        met = {True: "yes", False: "**no**", None: ""}[row["met"]]
        cells = (row["figure"], amount(row["value"], row["unit"]), anchor, ratio)
        lines.append("| " + " | ".join((*cells, row["target"], met, row["note"])) + " |")
    return "\n".join(lines)


def pages(root: Path = ROOT) -> dict[Path, str]:
    """Return every file that is made from the results, with its content."""
    document = json.loads(RESULTS.read_text(encoding="utf-8"))
    figures = document["figures"]
    made = {
        root / "docs" / "pictures" / f"figures-{name}.svg": chart(figures, name) for name in THEMES
    }
    for path, text in (
        (root / "README.md", rows(figures)),
        (root / "docs" / "performance.md", table(document)),
    ):
        made[path] = put(path.read_text(encoding="utf-8"), "figures", text)
    return made


def main() -> int:
    for path, text in pages().items():
        path.write_text(text, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
