"""How many connections a copy may have."""

from __future__ import annotations

import resource

import pytest

from connector.copy.copying import connections_for


@pytest.mark.parametrize(("limit", "count"), [(20, 1), (80, 1), (256, 9), (1024, 41)])
def test_limit_of_open_files_bounds_the_connections(limit: int, count: int) -> None:
    assert connections_for(limit) == count


def test_no_limit_of_open_files_bounds_nothing() -> None:
    assert connections_for(resource.RLIM_INFINITY) > 1_000_000
