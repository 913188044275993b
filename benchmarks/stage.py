"""The set-up of each part of a soak: an emulated cloud, an sshd, and a report."""

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
    """One long run and its findings."""

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
        """Update the output, with ``more`` that is not final."""
        if self.output:
            failures = [f"\nFAILED: {failure}" for failure in self.failures]
            text = "\n".join([*self.lines, *more, *failures])
            self.output.write_text(text + "\n")

    def fail(self, what: str) -> None:
        self.failures.append(what)
        print(f"FAILED: {what}", file=sys.stderr, flush=True)

    @contextmanager
    def commands(self, name: str) -> Iterator[Commands]:
        """Give each part its own home. A process or file that a part leaves behind is a failure."""
        directory = self.directory / name
        directory.mkdir()
        commands = Commands(self.cloud, directory)
        # The connector of this tree, whatever is on the PATH.
        commands.environ["PYTHONPATH"] = str(Path(__file__).parents[1])
        try:
            yield commands
        finally:
            commands.close()

    def attempt(self, what: str, work: Callable[[], None]) -> None:
        """Count an exception of a part as a failure, and go on with the soak."""
        try:
            work()
        except Exception as error:  # noqa: BLE001 - the report shows any exception
            self.fail(f"{what}: {type(error).__name__}: {error}")


def yes(equal: bool) -> str:
    return "yes" if equal else "**no**"
