"""The emulated agent's output, retransmissions and end."""

from __future__ import annotations

from dataclasses import replace

import pytest

from connector.datachannel.messages import (
    CHANNEL_CLOSED,
    PAUSE_PUBLICATION,
    START_PUBLICATION,
    Flag,
    PayloadType,
)
from connector.datachannel.payloads import (
    flag,
)
from connector.emulator.agent.agent import Agent
from connector.emulator.agent.farend import (
    CloseFarEnd,
    InputReceived,
    SessionEnded,
)
from connector.emulator.agent.plugins import Port

from .agents import (
    PLAIN,
    ack,
    acks_sent,
    connected,
    control,
    output_sent,
    recorded,
    run_timers,
    stream,
)

# Output


def test_output_is_split_and_numbered_after_the_handshake() -> None:
    agent = connected(replace(PLAIN, message_size=3))
    agent.send_output(b"abcdefgh")
    assert output_sent(agent) == [(2, b"abc"), (3, b"def"), (4, b"gh")]


def test_output_is_paced_at_one_message_a_millisecond() -> None:
    agent = connected(replace(PLAIN, message_interval=0.001, message_size=2))
    assert agent.output_capacity == 2
    agent.handle_timer(1.0)
    agent.send_output(b"abcde")
    assert agent.output_capacity == 0
    assert output_sent(agent, 1.0) == [(2, b"ab")]
    assert output_sent(agent, 1.0009) == []
    assert agent.get_timer() == 1.001
    assert output_sent(agent, 1.001) == [(3, b"cd")]
    assert output_sent(agent, 1.5) == [(4, b"e")]


def test_full_window_stops_output_until_acks_arrive() -> None:
    agent = connected(replace(PLAIN, message_size=1, window=2))
    agent.send_output(b"abcd")
    assert output_sent(agent) == [(2, b"a"), (3, b"b")]
    agent.receive_frames([ack(3)], 0.01)
    assert output_sent(agent, 0.01) == [(4, b"c")]


def test_tick_of_100_ms_retransmits_only_the_oldest_message() -> None:
    agent = connected(replace(PLAIN, message_size=1))
    agent.receive_frames([ack(1)], 0.0)
    agent.send_output(b"abc")
    output_sent(agent, 0.0)
    resent = []
    while (timer := agent.get_timer()) is not None and timer < 1.15:
        agent.handle_timer(timer)
        resent += [(round(timer, 6), number) for number, _ in output_sent(agent, timer)]
    # Two acks without delay make an RTO of 239 ms by the published rules.
    assert resent == [(0.3, 2), (0.6, 2), (0.9, 2)]


def test_tick_can_retransmit_all_overdue_messages() -> None:
    agent = connected(replace(PLAIN, message_size=1, resends_oldest_only=False))
    agent.receive_frames([ack(1)], 0.0)
    agent.send_output(b"abc")
    output_sent(agent, 0.0)
    agent.handle_timer(0.3)
    assert [number for number, _ in output_sent(agent, 0.3)] == [2, 3, 4]


def test_first_retransmission_waits_for_the_initial_rto() -> None:
    agent = Agent("s", Port(), PLAIN)
    output_sent(agent)
    for now, resent in ((0.1, []), (0.2, []), (0.299, []), (0.31, [0]), (0.5, []), (0.61, [0])):
        agent.handle_timer(now)
        assert [number for number, _ in output_sent(agent, now)] == resent


def test_rto_follows_the_round_trip_time_up_to_its_ceiling() -> None:
    agent = connected(replace(PLAIN, message_size=1))
    agent.send_output(b"ab")
    output_sent(agent, 0.0)
    agent.receive_frames([ack(2)], 60.0)  # one sample of a minute
    agent.handle_timer(60.0)
    output_sent(agent, 60.0)  # the oldest is retransmitted at 60 s, then a second later
    resent = []
    while (timer := agent.get_timer()) is not None and timer < 62.5:
        agent.handle_timer(timer)
        resent += [round(timer, 3) for _ in output_sent(agent, timer)]
    assert resent == [61.0, 62.0]


def test_next_message_is_the_oldest_after_an_ack() -> None:
    agent = connected(replace(PLAIN, message_size=1))
    agent.send_output(b"ab")
    output_sent(agent, 0.0)
    agent.receive_frames([ack(2)], 0.0)
    agent.handle_timer(0.9)
    assert output_sent(agent, 0.9) == [(3, b"b")]


def test_message_is_retransmitted_after_a_too_early_ack() -> None:
    agent = connected(replace(PLAIN, late_record_probability=1.0))
    agent.receive_frames([ack(0), ack(1)], 0.01)
    agent.send_output(b"x")
    assert output_sent(agent, 1.0) == [(2, b"x")]
    agent.receive_frames([ack(2)], 1.0003)
    agent.handle_timer(1.3)
    assert output_sent(agent, 1.3) == [(2, b"x")]
    agent.receive_frames([ack(2)], 1.3003)
    agent.handle_timer(1.9)
    assert output_sent(agent, 1.9) == []
    assert agent.get_timer() is None


def test_late_ack_counts() -> None:
    agent = connected(replace(PLAIN, late_record_probability=1.0))
    agent.receive_frames([ack(0), ack(1)], 0.01)
    agent.send_output(b"x")
    output_sent(agent, 1.0)
    agent.receive_frames([ack(2)], 1.0021)
    assert agent.get_timer() is None


# Pause, links, end


def test_pause_publication_stops_output_until_start_publication() -> None:
    agent = connected()
    agent.receive_frames([recorded("port_pause_publication")], 0.0)
    agent.send_output(b"x")
    assert agent.output_capacity == 0
    assert output_sent(agent, 1.0) == []
    assert agent.get_timer() is None
    agent.receive_frames([control(START_PUBLICATION)], 2.0)
    assert output_sent(agent, 2.0) == [(2, b"x")]


@pytest.mark.parametrize("frame", [stream(1, b"in"), ack(77)], ids=["input", "ack"])
def test_any_input_or_ack_ends_a_pause(frame: bytes) -> None:
    agent = connected()
    agent.receive_frames([control(PAUSE_PUBLICATION)], 0.0)
    agent.send_output(b"x")
    agent.receive_frames([frame], 1.0)
    assert output_sent(agent, 1.0) == [(2, b"x")]


def test_pause_stops_retransmission_and_its_end_resumes_it() -> None:
    agent = connected(replace(PLAIN, message_size=1))
    agent.send_output(b"ab")
    output_sent(agent, 0.0)
    agent.receive_frames([control(PAUSE_PUBLICATION)], 0.05)
    assert agent.get_timer() is None
    agent.handle_timer(5.0)
    assert output_sent(agent, 5.0) == []
    agent.receive_frames([control(START_PUBLICATION)], 6.0)
    agent.handle_timer(6.0)
    assert output_sent(agent, 6.0) == [(2, b"a")]


def test_resend_all_on_start_retransmits_everything_at_once() -> None:
    agent = connected(replace(PLAIN, message_size=1, resend_all_on_start=True))
    agent.send_output(b"ab")
    output_sent(agent, 0.0)
    agent.receive_frames([control(PAUSE_PUBLICATION)], 0.0)
    agent.receive_frames([control(START_PUBLICATION)], 0.01)
    assert output_sent(agent, 0.01) == [(2, b"a"), (3, b"b")]


def test_session_ends_4_ms_after_the_last_ack() -> None:
    agent = connected()
    agent.send_output(b"bye")
    agent.closed(1.0)
    assert output_sent(agent, 1.0) == [(2, b"bye")]
    assert agent.receive_frames([ack(2)], 1.02) == []
    assert run_timers(agent, 9.0) == [(1.024, SessionEnded(""))]


def test_missing_last_ack_delays_the_end_by_two_seconds() -> None:
    agent = connected()
    agent.send_output(b"bye")
    agent.closed(1.0)
    output_sent(agent, 1.0)
    assert run_timers(agent, 9.0) == [(3.004, SessionEnded(""))]


def test_drain_timeout_starts_after_the_last_paced_message() -> None:
    agent = connected(replace(PLAIN, message_interval=0.5, message_size=1))
    agent.send_output(b"abc")
    agent.closed(1.0)
    for now in (1.0, 1.5, 2.0):
        assert len(output_sent(agent, now)) == 1
    assert run_timers(agent, 9.0) == [(4.004, SessionEnded(""))]


def test_session_of_an_absent_client_ends() -> None:
    agent = connected()
    agent.receive_frames([control(PAUSE_PUBLICATION)], 0.0)
    agent.send_output(b"bye")
    agent.closed(1.0)
    assert run_timers(agent, 9.0) == [(3.004, SessionEnded(""))]


@pytest.mark.parametrize("value", [Flag.TERMINATE_SESSION, Flag.DISCONNECT_TO_PORT])
@pytest.mark.parametrize("acknowledged", [False, True])
def test_flag_ends_the_session_after_earlier_input(value: int, acknowledged: bool) -> None:
    agent = connected(replace(PLAIN, acks_terminate=acknowledged))
    agent.send_output(b"unread")
    frames = [stream(1, b"last"), stream(2, flag(value), PayloadType.FLAG)]
    assert agent.receive_frames(frames, 1.0) == [InputReceived(b"last"), CloseFarEnd()]
    assert acks_sent(agent, 1.0) == ([1, 2] if acknowledged else [1])
    assert run_timers(agent, 9.0) == [(1.004, SessionEnded(""))]


def test_other_flags_are_acked_and_ignored() -> None:
    agent = connected()
    assert agent.receive_frames([stream(1, flag(99), PayloadType.FLAG)], 1.0) == []
    assert acks_sent(agent, 1.0) == [1]


def test_input_after_the_end_of_the_port_gets_no_ack() -> None:
    agent = connected()
    agent.send_output(b"bye")
    agent.closed(1.0)
    assert agent.receive_frames([stream(1, b"late")], 1.0) == []
    assert acks_sent(agent, 1.0) == []


def test_channel_closed_ends_the_session_at_once() -> None:
    agent = connected()
    agent.send_output(b"unread")
    events = agent.receive_frames([stream(1, b"in"), control(CHANNEL_CLOSED)], 1.0)
    assert events == [InputReceived(b"in"), CloseFarEnd(), SessionEnded("")]
    assert output_sent(agent, 1.0) == []
    assert agent.get_timer() is None
