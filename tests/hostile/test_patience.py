"""Whoever never comes to the point is left, in time and with the reason.

The clients were started before the other tests here, which run meanwhile.
"""

from __future__ import annotations

import pytest

from .conftest import MEMORY, Client
from .slow import AGENT, SLOW, WORDS

#: Seconds: all of OPEN_TIMEOUT, the end, and the start of many at once.
LONGEST = 25.0


@pytest.mark.parametrize("case", SLOW)
def test_patience_has_an_end(slow_clients: dict[str, Client], case: str) -> None:
    verdict = slow_clients[case].verdict(LONGEST)
    assert verdict.exit_code == 69, verdict
    (line,) = verdict.stderr.splitlines()
    assert WORDS.get(case, AGENT) in line
    assert verdict.stdout == b""
    assert verdict.connections == 1
    assert verdict.peak_kib < MEMORY
