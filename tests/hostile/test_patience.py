"""The client leaves a gateway that makes no progress, in time and with the reason.

The clients start before the other tests of this room, and wait while those run.
"""

from __future__ import annotations

import pytest

from .conftest import MEMORY, Client
from .slow import AGENT, SLOW, WORDS

#: Seconds for OPEN_TIMEOUT, the end, and the start of many clients at once.
LONGEST = 25.0


@pytest.mark.parametrize("case", SLOW)
def test_gateway_that_makes_no_progress_times_out(
    slow_clients: dict[str, Client], case: str
) -> None:
    verdict = slow_clients[case].verdict(LONGEST)
    assert verdict.exit_code == 69, verdict
    (line,) = verdict.stderr.splitlines()
    assert WORDS.get(case, AGENT) in line
    assert verdict.stdout == b""
    assert verdict.connections == 1
    assert verdict.peak_kib < MEMORY
