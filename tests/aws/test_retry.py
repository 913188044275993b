"""The policy for trying failed calls again."""

from __future__ import annotations

import pytest

from connector.aws.api import CallFailed, Refused
from connector.aws.retry import Retry, may_pass
from connector.errors import ConnectFailed

from .helpers import Clock

THROTTLED = Refused(429, "ThrottlingException", "slow down")
UNCONNECTED = CallFailed(ConnectFailed("no network"), transient=True)
LOST = CallFailed(ConnectFailed("no answer in time"))


def make_retry(clock: Clock, deadline: float, tries: int | None = None) -> Retry:
    return Retry("a test", deadline, tries=tries, clock=clock, sleep=clock.sleep, rand=lambda: 1.0)


@pytest.mark.parametrize("status", [409, 429, 500, 503])
def test_status_may_pass(status: int) -> None:
    assert may_pass(Refused(status, "", ""))


@pytest.mark.parametrize("status", [400, 401, 402, 403, 404])
def test_status_does_not_pass(status: int) -> None:
    assert not may_pass(Refused(status, "", ""))


def test_code_counts_more_than_the_status_on_the_wire() -> None:
    assert may_pass(Refused(400, "ThrottlingException", ""))
    assert not may_pass(Refused(500, "AccessDeniedException", ""))


def test_lost_answer_passes_for_idempotent_calls_only() -> None:
    assert not may_pass(LOST)
    assert may_pass(LOST, idempotent=True)
    assert may_pass(UNCONNECTED)


def test_pauses_double_up_to_the_longest_and_end_at_the_deadline(clock: Clock) -> None:
    retry = make_retry(clock, deadline=10)
    while retry.pause(THROTTLED):
        pass
    assert clock.pauses == [0.25, 0.5, 1, 2, 2, 2]


def test_jitter_shortens_a_pause_by_up_to_half(clock: Clock) -> None:
    retry = Retry("a test", 10, clock=clock, sleep=clock.sleep, rand=lambda: 0.0)
    retry.pause(THROTTLED)
    assert clock.pauses == [0.125]


def test_no_pause_without_time_for_another_try(clock: Clock) -> None:
    assert not make_retry(clock, deadline=1.2).pause(THROTTLED)
    assert clock.pauses == []


def test_number_of_tries_is_limited(clock: Clock) -> None:
    retry = make_retry(clock, deadline=100, tries=3)
    assert [retry.pause(THROTTLED) for _ in range(3)] == [True, True, False]


def test_third_failure_to_connect_is_the_last(clock: Clock) -> None:
    retry = make_retry(clock, deadline=100)
    assert [retry.pause(UNCONNECTED) for _ in range(3)] == [True, True, False]


def test_caller_can_decide_what_passes(clock: Clock) -> None:
    retry = make_retry(clock, deadline=100)
    assert retry.pause(Refused(400, "ValidationException", ""), passes=True)
    assert not retry.pause(THROTTLED, passes=False)
