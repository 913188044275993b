"""What every failure has in common."""

from __future__ import annotations

from tests.manual.listed import is_listed

from .commands import Process


def check(process: Process, exit_code: int, *words: str) -> None:
    """It fails with one line that holds these words, and is in the manual; stdout stays empty."""
    assert process.wait() == exit_code, process.stderr()
    assert process.reader.rest() == b""
    (line,) = process.stderr().splitlines()
    assert line.startswith("connector: ")
    for word in words:
        assert word in line, line
    assert is_listed(line.removeprefix("connector: "), exit_code), line
