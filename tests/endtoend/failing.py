"""The check that all tests of failures share."""

from __future__ import annotations

from tests.manual.listed import is_listed

from .commands import Process


def check(process: Process, exit_code: int, *words: str) -> None:
    """Check that the process fails with one line of the manual that holds these words."""
    assert process.wait() == exit_code, process.stderr()
    assert process.reader.rest() == b""
    (line,) = process.stderr().splitlines()
    assert line.startswith("connector: ")
    for word in words:
        assert word in line, line
    assert is_listed(line.removeprefix("connector: "), exit_code), line
