"""The client leaves a gateway that makes no progress, in time and with the reason.

The clients wait all at once.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from connector.emulator.listener import Certificates

from .conftest import MEMORY, Client, attaching
from .slow import AGENT, SLOW, WORDS

#: Seconds for OPEN_TIMEOUT, the end, and the start of many clients at once.
LONGEST = 25.0


@pytest.fixture(scope="module")
def slow_clients(
    certificates: Certificates, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[dict[str, Client]]:
    with attaching(certificates, tmp_path_factory.mktemp("slow")) as start:
        yield {name: start(play) for name, play in SLOW.items()}


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
