"""Show the last lines of the dialogue in the report of a test that fails."""

from __future__ import annotations

from collections.abc import Generator

import pytest

from .recording import forget, last_lines


def pytest_runtest_setup() -> None:
    forget()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    call: pytest.CallInfo[None],
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    report = yield
    if call.when == "call" and report.failed and (lines := last_lines()):
        report.sections.append(("last lines of the dialogue", "\n".join(lines)))
    return report
