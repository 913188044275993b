"""Figures, their limits, and the table of a run."""

from __future__ import annotations

import os
import platform
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from enum import Enum
from pathlib import Path
from typing import Any


class Of(Enum):
    """The quantity of a figure that a limit applies to."""

    VALUE = "value"
    RATIO = "value / anchor"
    EXCESS = "value - anchor"


@dataclass(frozen=True)
class Limit:
    number: float
    of: Of = Of.VALUE
    at_least: bool = False

    def holds(self, value: float, anchor: float) -> bool:
        measured = {
            Of.VALUE: value,
            Of.RATIO: value / anchor if anchor else float("inf"),
            Of.EXCESS: value - anchor,
        }[self.of]
        return measured >= self.number if self.at_least else measured <= self.number

    def text(self, unit: str) -> str:
        words = {
            Of.VALUE: f"{self.number:g} {unit}",
            Of.RATIO: f"{self.number:g} x anchor",
            Of.EXCESS: f"anchor + {self.number:g} {unit}",
        }[self.of]
        return f"{'>=' if self.at_least else '<='} {words}"


@dataclass(frozen=True)
class Row:
    """One figure of the connector.

    :ivar anchor: the same figure of another program, measured in the same run.
    :ivar limits: all of them have to hold. Without limits, the figure is for information.
    :ivar note: a remark that helps to read the figure.
    """

    figure: str
    value: float
    unit: str
    anchor: float | None = None
    anchor_is: str = ""
    limits: tuple[Limit, ...] = ()
    note: str = ""

    @property
    def ratio(self) -> float | None:
        return self.value / self.anchor if self.anchor else None

    @property
    def target(self) -> str:
        return ", ".join(limit.text(self.unit) for limit in self.limits)

    @property
    def met(self) -> bool | None:
        if not self.limits:
            return None
        return all(limit.holds(self.value, self.anchor or 0.0) for limit in self.limits)


def at_most(number: float, of: Of = Of.VALUE) -> Limit:
    return Limit(number, of)


def at_least(number: float, of: Of = Of.VALUE) -> Limit:
    return Limit(number, of, at_least=True)


def table(rows: Sequence[Row]) -> str:
    """Return the figures as a Markdown table."""
    lines = [
        "| figure | connector | anchor | ratio | target | met | note |",
        "|---|---|---|---|---|---|---|",
    ]
    for row in rows:
        anchor = "" if row.anchor is None else f"{_number(row.anchor)} ({row.anchor_is})"
        ratio = "" if row.ratio is None else f"{row.ratio:.2f}"
        met = {None: "", True: "yes", False: "**no**"}[row.met]
        lines.append(
            f"| {row.figure} | {_number(row.value)} {row.unit} | {anchor} | {ratio} "
            f"| {row.target} | {met} | {row.note} |"
        )
    return "\n".join(lines)


def document(rows: Sequence[Row], machine: str, details: dict[str, Any]) -> dict[str, Any]:
    """Return the figures as a document for programs.

    :param details: the results of the groups besides figures.
    """
    figures = []
    for row in rows:
        members = {name: value for name, value in asdict(row).items() if name != "limits"}
        figures.append({**members, "ratio": row.ratio, "target": row.target, "met": row.met})
    return {"machine": machine, "figures": figures, "details": details}


def machine() -> str:
    """Return a line about the machine of the measurement."""
    model = platform.machine()
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            model = line.partition(":")[2].strip()
            break
    return (
        f"{os.cpu_count()} CPUs ({model}), {platform.system()} {platform.release()}, "
        f"Python {platform.python_version()}"
    )


def _number(value: float) -> str:
    return f"{value:.3g}" if abs(value) < 100 else f"{value:.0f}"
