"""When a message is retransmitted, with literal times and numbers."""

from __future__ import annotations

import pytest

from connector.datachannel.recovery import Recovery, RoundTripEstimator


def after(*samples: float) -> RoundTripEstimator:
    estimator = RoundTripEstimator()
    for sample in samples:
        estimator.add_sample(sample)
    return estimator


def recorded(*numbers: int, now: float = 0.0) -> Recovery:
    recovery = Recovery()
    for number in numbers:
        recovery.record(number, b"%d" % number, now)
    return recovery


def resends(recovery: Recovery, now: float) -> list[int]:
    return [int(frame) for frame in recovery.take_retransmits(now)]


# The estimator. The formulas of docs/protocol.md, with the deviation from the old SRTT:
# RTTVAR += (|sample - SRTT| - RTTVAR) / 4, SRTT += (sample - SRTT) / 8,
# RTO = SRTT + max(10 ms, 4 * RTTVAR), at most 1 s.


def test_estimate_starts_with_the_published_constants() -> None:
    estimator = RoundTripEstimator()
    assert (estimator.srtt, estimator.rttvar, estimator.rto) == (0.1, 0.0, 0.2)


@pytest.mark.parametrize(
    ("samples", "srtt", "rttvar", "rto"),
    [
        ([0.1], 0.1, 0.0, 0.11),
        ([0.02], 0.09, 0.02, 0.17),
        ([0.02, 0.02], 0.08125, 0.0325, 0.21125),
        ([0.18], 0.11, 0.02, 0.19),
        ([0.18, 0.03], 0.1, 0.035, 0.24),
        ([0.9], 0.2, 0.2, 1.0),
        ([8.1], 1.1, 2.0, 1.0),
        ([0.0], 0.0875, 0.025, 0.1875),
    ],
)
def test_samples_change_the_estimate_by_the_published_gains(
    samples: list[float], srtt: float, rttvar: float, rto: float
) -> None:
    estimator = after(*samples)
    assert estimator.srtt == pytest.approx(srtt)
    assert estimator.rttvar == pytest.approx(rttvar)
    assert estimator.rto == pytest.approx(rto)


def test_constant_round_trip_leaves_ten_milliseconds_of_slack() -> None:
    assert after(*[0.05] * 200).rto == pytest.approx(0.06)


def test_back_off_doubles_the_timeout_up_to_a_second() -> None:
    estimator = RoundTripEstimator()
    waits = []
    for _ in range(5):
        waits.append(estimator.rto)
        estimator.back_off()
    assert waits == [0.2, 0.4, 0.8, 1.0, 1.0]


def test_sample_ends_the_back_off() -> None:
    estimator = after(0.1)
    for _ in range(5):
        estimator.back_off()
    estimator.add_sample(0.1)
    assert estimator.rto == pytest.approx(0.11)


# Messages in flight.


def test_message_is_held_until_its_ack() -> None:
    recovery = Recovery()
    recovery.record(0, b"12345", 0.0)
    recovery.record(1, b"123", 0.0)
    assert (len(recovery), recovery.in_flight_bytes) == (2, 8)
    recovery.acknowledge(0, 0.1)
    assert (len(recovery), recovery.in_flight_bytes) == (1, 3)
    recovery.acknowledge(1, 0.1)
    assert (len(recovery), recovery.in_flight_bytes) == (0, 0)


@pytest.mark.parametrize("number", [0, 7, -1])
def test_ack_of_a_message_not_in_flight_changes_nothing(number: int) -> None:
    recovery = recorded(0, 1, 2)
    recovery.acknowledge(0, 0.05)
    rto = recovery.round_trip.rto
    recovery.acknowledge(number, 0.5)
    assert (len(recovery), recovery.in_flight_bytes) == (2, 2)
    assert recovery.round_trip.rto == rto
    assert recovery.get_timer() == pytest.approx(0.0 + rto)


def test_retransmitted_message_is_no_sample() -> None:
    recovery = recorded(0, 1)
    recovery.handle_timer(0.2)
    assert resends(recovery, 0.2) == [0]
    recovery.acknowledge(0, 0.21)
    assert (recovery.round_trip.srtt, recovery.round_trip.rto) == (0.1, 0.4)
    recovery.acknowledge(1, 0.3)
    assert recovery.round_trip.srtt == pytest.approx(0.1 + 0.2 / 8)


# The timer.


def test_timer_is_unset_if_nothing_is_in_flight() -> None:
    recovery = Recovery()
    assert recovery.get_timer() is None
    recovery.handle_timer(1.0)
    recovery.detect_losses(1.0)
    recovery.retransmit_all()
    assert resends(recovery, 1.0) == []


def test_timer_belongs_to_the_oldest_message() -> None:
    recovery = recorded(0, now=1.0)
    recovery.record(1, b"1", 1.15)
    assert recovery.get_timer() == pytest.approx(1.2)
    recovery.acknowledge(0, 1.16)
    # 0.16 is 0.06 above: RTTVAR 0.015, SRTT 0.1075, so RTO 0.1675.
    assert recovery.get_timer() == pytest.approx(1.15 + 0.1675)


def test_timer_retransmits_nothing_early() -> None:
    recovery = recorded(0)
    recovery.handle_timer(0.199)
    assert resends(recovery, 0.199) == []
    assert recovery.round_trip.rto == 0.2


def test_timer_retransmits_only_the_oldest_and_backs_off() -> None:
    recovery = recorded(0, 1, 2)
    times = []
    for _ in range(5):
        timer = recovery.get_timer()
        assert timer is not None
        recovery.handle_timer(timer)
        assert resends(recovery, timer) == [0]
        times.append(timer)
    assert times == pytest.approx([0.2, 0.6, 1.4, 2.4, 3.4])
    assert recovery.retransmitted == 5


def test_retransmitted_message_counts_once_in_flight() -> None:
    recovery = recorded(0)
    recovery.handle_timer(0.2)
    resends(recovery, 0.2)
    assert recovery.in_flight_bytes == 1
    assert resends(recovery, 0.3) == []


def test_ack_cancels_a_due_retransmission() -> None:
    recovery = recorded(0, 1)
    recovery.retransmit_all()
    recovery.acknowledge(0, 0.1)
    assert resends(recovery, 0.1) == [1]


# A new link.


def test_new_link_retransmits_all_in_order() -> None:
    recovery = recorded(0, 1, 2, 3, 10, 9)
    recovery.acknowledge(2, 0.05)
    recovery.handle_timer(0.3)
    recovery.retransmit_all()
    assert resends(recovery, 0.3) == [0, 1, 3, 9, 10]
    assert resends(recovery, 0.3) == []
    assert len(recovery) == 5


def test_new_link_restarts_the_timer() -> None:
    recovery = recorded(0)
    recovery.retransmit_all()
    resends(recovery, 5.0)
    assert recovery.get_timer() == pytest.approx(5.2)


def test_new_link_does_not_count_as_loss() -> None:
    recovery = recorded(0, 1, 2, 3, 4)
    recovery.acknowledge(4, 0.1)
    recovery.retransmit_all()
    resends(recovery, 0.15)
    recovery.detect_losses(0.15)
    assert resends(recovery, 0.15) == []


# Losses that later acks show.


@pytest.mark.parametrize(
    ("acked", "lost"),
    [
        ([1], []),
        ([1, 2], []),
        ([1, 2, 3], [0]),
        ([3], [0]),
        ([3, 2, 1], [0]),
        ([4], [0, 1]),
        ([0, 1, 2, 6], [3]),
        ([0, 4, 6], [1, 2, 3]),
        ([6], [0, 1, 2, 3]),
        ([0, 1, 2, 3, 4, 5, 6], []),
    ],
)
def test_message_is_lost_if_one_sent_three_later_is_acked(
    acked: list[int], lost: list[int]
) -> None:
    recovery = recorded(0, 1, 2, 3, 4, 5, 6)
    for number in acked:
        recovery.acknowledge(number, 0.01)
    recovery.detect_losses(0.01)
    assert resends(recovery, 0.01) == lost


def test_lost_message_is_retransmitted_once_per_loss() -> None:
    recovery = recorded(0, 1, 2, 3)
    recovery.acknowledge(3, 0.01)
    recovery.detect_losses(0.01)
    assert resends(recovery, 0.01) == [0]
    recovery.acknowledge(2, 0.02)
    recovery.detect_losses(0.02)
    assert resends(recovery, 0.02) == []


def test_lost_copy_is_retransmitted_if_one_sent_three_later_is_acked() -> None:
    recovery = recorded(0, 1, 2, 3)
    for number in (1, 2, 3):
        recovery.acknowledge(number, 0.01)
    recovery.detect_losses(0.01)
    assert resends(recovery, 0.01) == [0]
    for number in (4, 5, 6):
        recovery.record(number, b"%d" % number, 0.02)
    recovery.acknowledge(5, 0.03)
    recovery.detect_losses(0.03)
    assert resends(recovery, 0.03) == []
    recovery.acknowledge(6, 0.03)
    recovery.detect_losses(0.03)
    assert resends(recovery, 0.03) == [0]


def test_ack_of_a_copy_does_not_show_loss() -> None:
    recovery = recorded(0, 1, 2, 3, 4)
    recovery.retransmit_all()
    resends(recovery, 0.1)  # transmissions 6 to 10
    recovery.acknowledge(4, 0.11)  # the ack may belong to the first transmission
    recovery.detect_losses(0.11)
    assert resends(recovery, 0.11) == []


# The credit of an acked copy.


def test_ack_of_a_copy_releases_two_overdue_messages() -> None:
    recovery = recorded(*range(10))
    recovery.handle_timer(0.2)
    assert resends(recovery, 0.2) == [0]
    recovery.acknowledge(0, 0.45)
    recovery.detect_losses(0.45)
    assert resends(recovery, 0.45) == [1, 2]
    recovery.acknowledge(1, 0.5)
    recovery.acknowledge(2, 0.5)
    recovery.detect_losses(0.5)
    assert resends(recovery, 0.5) == [3, 4, 5, 6]
    for number in (3, 4, 5, 6):
        recovery.acknowledge(number, 0.55)
    recovery.detect_losses(0.55)
    assert resends(recovery, 0.55) == [7, 8, 9]


def test_credit_is_not_spent_on_messages_within_their_timeout() -> None:
    recovery = recorded(0)
    recovery.handle_timer(0.2)
    resends(recovery, 0.2)  # the timeout is 0.4 s from here on
    recovery.record(1, b"1", 0.3)
    recovery.acknowledge(0, 0.69)
    recovery.detect_losses(0.69)
    assert resends(recovery, 0.69) == []


def test_unspent_credit_expires() -> None:
    recovery = recorded(0, 1)
    recovery.handle_timer(0.2)
    resends(recovery, 0.2)
    recovery.acknowledge(0, 0.25)
    recovery.detect_losses(0.25)
    assert resends(recovery, 0.25) == []
    recovery.detect_losses(0.9)
    assert resends(recovery, 0.9) == []


def test_credit_expires_if_nothing_is_in_flight() -> None:
    recovery = recorded(0)
    recovery.handle_timer(0.2)
    resends(recovery, 0.2)
    recovery.acknowledge(0, 0.3)
    recovery.detect_losses(0.3)  # nothing is in flight
    recovery.record(1, b"1", 0.3)
    recovery.detect_losses(5.0)
    assert resends(recovery, 5.0) == []
