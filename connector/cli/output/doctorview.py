"""Show the findings of ``connector doctor``: on a terminal, as text, or as JSON."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Protocol

from ...doctor.findings import (
    Finding,
    Leg,
    Status,
)
from .lines import printable, say_in_place, tell, tell_json

if TYPE_CHECKING:
    from rich.console import Console
    from rich.status import Status as Spinner

    from ...doctor.words import Report

_TITLE_WIDTH = 18  # of the longest title
_SECONDS_WIDTH = 7

_WORDS = {Status.OK: "ok", Status.WARN: "WARN", Status.FAIL: "FAIL", Status.SKIP: "skip"}
_MARKS = {Status.OK: "✓", Status.WARN: "!", Status.FAIL: "✗", Status.SKIP: "-"}
_ASCII_MARKS = {Status.OK: "+", Status.WARN: "!", Status.FAIL: "x", Status.SKIP: "-"}
_COLOURS = {Status.OK: "green", Status.WARN: "yellow", Status.FAIL: "bold red", Status.SKIP: "dim"}


class View(Protocol):
    """Shows each leg when its check begins and when it ends, and a summary at the end."""

    def begin(self, leg: Leg) -> None: ...

    def show(self, finding: Finding) -> None: ...

    def finish(self, findings: list[Finding], seconds: float) -> None: ...

    def close(self) -> None:
        """Clean up, whether the summary was shown or not."""


def open_view(*, as_json: bool, report: Report | None) -> View:
    """Return the view for stdout.

    :param report: replaces what is private, for output to publish; else ``None``.
    """
    if as_json:
        return _JsonView(report)
    if report is None and sys.stdout is not None and sys.stdout.isatty():
        return _TerminalView()
    return _TextView(report)


def exit_code(findings: list[Finding]) -> int:
    failed = (f.result.exit_code for f in findings if f.result.status is Status.FAIL)
    return next(failed, 0)


class _Collected:
    """A view without a spinner. If stderr is a terminal, it shows the current leg there."""

    def __init__(self, report: Report | None) -> None:
        self._report = report

    def begin(self, leg: Leg) -> None:
        if sys.stderr is not None and sys.stderr.isatty():
            say_in_place(f"{leg.title} ...")

    def close(self) -> None:
        say_in_place("")

    def _shown(self, finding: Finding) -> Finding:
        """Return the finding, without private data if it is for publication."""
        return self._report.finding(finding) if self._report else finding


class _JsonView(_Collected):
    def show(self, finding: Finding) -> None:
        """Do nothing: finish prints one object."""

    def finish(self, findings: list[Finding], seconds: float) -> None:
        code = exit_code(findings)
        legs = [
            {
                "name": finding.leg.name,
                "status": finding.result.status.value,
                "text": printable(finding.result.text),
                "hint": printable(finding.result.hint),
                "seconds": round(finding.seconds, 3),
                "facts": finding.result.facts,
            }
            for finding in map(self._shown, findings)
        ]
        self.close()
        document = {"ok": not code, "exitCode": code, "seconds": round(seconds, 3), "legs": legs}
        tell_json(document)


class _TextView(_Collected):
    """Prints one line for each leg, and one for its hint."""

    def show(self, finding: Finding) -> None:
        self.close()
        result = self._shown(finding).result
        head = f"{_WORDS[result.status]:4}  {finding.leg.title:{_TITLE_WIDTH}}  {_took(finding)}  "
        tell(head + result.text)
        if result.hint:
            tell(f"{' ' * len(head)}-> {result.hint}")

    def finish(self, findings: list[Finding], seconds: float) -> None:
        self.close()
        tell(summary(findings, seconds))


class _TerminalView:
    def __init__(self) -> None:
        from rich.console import Console

        self._console: Console = Console(highlight=False, markup=False, emoji=False)
        plain = self._console.options.ascii_only
        self._marks = _ASCII_MARKS if plain else _MARKS
        self._kind = "line" if plain else "dots"
        self._spinner: Spinner | None = None

    def begin(self, leg: Leg) -> None:
        self.close()
        self._spinner = self._console.status(f"{leg.title} ...", spinner=self._kind)
        self._spinner.start()

    def show(self, finding: Finding) -> None:
        from rich.table import Table
        from rich.text import Text

        self.close()
        result, colour = finding.result, _COLOURS[finding.result.status]
        words = Text(self._fit(result.text), style="dim" if result.status is Status.SKIP else "")
        if result.hint:
            words.append(f"\n{self._fit(result.hint)}", style="cyan")
        row = Table.grid(padding=(0, 2, 0, 0))
        row.add_column(width=1)
        row.add_column(width=_TITLE_WIDTH)
        row.add_column(width=_SECONDS_WIDTH, justify="right")
        row.add_column(overflow="fold")
        row.add_row(
            Text(self._marks[result.status], style=colour),
            Text(finding.leg.title, style=colour if result.status is Status.FAIL else ""),
            Text(_took(finding).strip(), style="dim"),
            words,
        )
        self._console.print(row)

    def finish(self, findings: list[Finding], seconds: float) -> None:
        from rich.text import Text

        worst = Status.FAIL if exit_code(findings) else Status.OK
        self._console.print(Text(summary(findings, seconds), style=_COLOURS[worst]))
        if worst is Status.FAIL:
            self._console.print(Text("To publish this, run it again with --report"))

    def _fit(self, text: str) -> str:
        """Replace control characters, and characters that the terminal cannot show."""
        encoding = self._console.encoding
        return printable(text).encode(encoding, "replace").decode(encoding)

    def close(self) -> None:
        if self._spinner:
            self._spinner.stop()
            self._spinner = None


def summary(findings: list[Finding], seconds: float) -> str:
    """Return the last line."""
    titles = {
        status: [f.leg.title for f in findings if f.result.status is status] for status in Status
    }
    warnings = titles[Status.WARN]
    ended = f"in {seconds:.1f} s"
    if titles[Status.FAIL]:
        failed = ", ".join(titles[Status.FAIL])
        return f"Failed: {failed} (exit code {exit_code(findings)}), {ended}"
    if warnings:
        return f"Nothing failed; warnings: {', '.join(warnings)}, {ended}"
    return f"No problem found, {ended}"


def _took(finding: Finding) -> str:
    if finding.result.status is Status.SKIP:
        text = ""
    elif finding.seconds < 1:
        text = f"{1000 * finding.seconds:.0f} ms"
    else:
        text = f"{finding.seconds:.1f} s"
    return f"{text:>{_SECONDS_WIDTH}}"
