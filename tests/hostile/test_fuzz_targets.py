"""Run the targets of ``make fuzz`` briefly, with the same inputs each time, without atheris."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from fuzz.targets import SEEDS, TARGETS

_EDITS = st.tuples(st.integers(0, 400), st.integers(0, 20), st.binary(max_size=12))


def edited(seed: bytes, edits: list[tuple[int, int, bytes]]) -> bytes:
    """Replace bytes of ``seed``: at each place, so many bytes by new ones."""
    for place, length, new in edits:
        seed = seed[:place] + new + seed[place + length :]
    return seed


def inputs(name: str) -> st.SearchStrategy[bytes]:
    near = st.builds(edited, st.sampled_from(SEEDS[name]), st.lists(_EDITS, max_size=6))
    return near | st.binary(max_size=200)


@pytest.mark.parametrize("name", TARGETS)
def test_fuzz_target_holds_for_random_inputs(name: str) -> None:
    @settings(
        max_examples=200,
        deadline=2000,
        derandomize=True,
        database=None,
        suppress_health_check=list(HealthCheck),
    )
    @given(inputs(name))
    def run(data: bytes) -> None:
        TARGETS[name](data)

    run()


@pytest.mark.parametrize("name", SEEDS)
def test_seeds_of_a_target_reach_its_code(name: str) -> None:
    for seed in SEEDS[name]:
        TARGETS[name](seed)
