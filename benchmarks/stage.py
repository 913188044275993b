"""What every part of a soak is given: an emulated cloud, an sshd, and a report to write."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from tests.endtoend.cloud import Cloud
from tests.endtoend.commands import Commands
from tests.endtoend.sshd import Sshd


@dataclass
class Soak:
    """One long run and what it found."""

    cloud: Cloud
    sshd: Sshd
    directory: Path
    seed: int
    output: Path | None
    lines: list[str] = field(default_factory=list)
    failures: list[str] = field(default_factory=list)

    def say(self, line: str) -> None:
        self.lines.append(line)
        print(line, flush=True)
        self.write([])

    def write(self, more: list[str]) -> None:
        """Bring the output up to date, with ``more`` that is not final."""
        if self.output:
            failures = [f"\nFAILED: {failure}" for failure in self.failures]
            text = "\n".join([*self.lines, *more, *failures])
            self.output.write_text(text + "\n")

    def fail(self, what: str) -> None:
        self.failures.append(what)
        print(f"FAILED: {what}", file=sys.stderr, flush=True)

    @contextmanager
    def commands(self, name: str) -> Iterator[Commands]:
        """A home of its own for each part; what it leaves behind is a failure."""
        directory = self.directory / name
        directory.mkdir()
        commands = Commands(self.cloud, directory)
        # This tree's connector, wherever the one in PATH is from.
        commands.environ["PYTHONPATH"] = str(Path(__file__).parents[1])
        try:
            yield commands
        finally:
            commands.close()

    def attempt(self, what: str, work: Callable[[], None]) -> None:
        """A part that breaks is a failure, not the end of the soak."""
        try:
            work()
        except Exception as error:  # noqa: BLE001 - whatever it is, it is told
            self.fail(f"{what}: {type(error).__name__}: {error}")


def yes(equal: bool) -> str:
    return "yes" if equal else "**no**"
