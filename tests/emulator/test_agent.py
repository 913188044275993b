"""The emulated agent against recordings of the real one, and each of its vices."""

from __future__ import annotations

import json
import random
from dataclasses import replace

import pytest

from connector.datachannel.agentmessage import AgentMessage
from connector.datachannel.messages import (
    ACKNOWLEDGE,
    CHANNEL_CLOSED,
    HEADER,
    INPUT_STREAM_DATA,
    OUTPUT_STREAM_DATA,
    PAUSE_PUBLICATION,
    START_PUBLICATION,
    Flag,
    PayloadType,
)
from connector.datachannel.payloads import (
    ClientAction,
    flag,
)
from connector.emulator.agent import Agent
from connector.emulator.events import CloseFarEnd, InputReceived, OpenFarEnd, SessionEnded
from connector.emulator.handshakes import HANDSHAKE_ERROR, HANDSHAKE_TIMED_OUT
from connector.emulator.kinds import (
    PORT_REFUSED,
    WORKER_DIED,
    NonInteractiveCommand,
    Port,
    Shell,
)

from .agents import (
    PLAIN,
    RESPONSE,
    ack,
    acks_sent,
    connected,
    control,
    output_sent,
    recorded,
    recorded_agent,
    run_timers,
    sent,
    stream,
    undated,
)

# Against the recordings


def test_a_port_session_starts_as_recorded() -> None:
    agent = recorded_agent(
        "port_connected_state",
        "port_handshake_request",
        session_id="port.2222.rec.1183259776030",
    )
    frames = agent.frames_to_send(0.0)
    assert frames[0] == recorded("port_connected_state")
    # The recorded messages were made a millisecond apart.
    request, expected = AgentMessage.decode(frames[1]), recorded("port_handshake_request")
    assert replace(request, created_date=0) == replace(
        AgentMessage.decode(expected), created_date=0
    )


def test_the_handshake_ends_as_recorded() -> None:
    agent = recorded_agent(
        "port_handshake_complete",
        "port_handshake_complete",
        "port_handshake_complete",
        "port_handshake_response_acknowledge",
        session_id="s",
    )
    agent.frames_to_send(0.0)
    agent._rng.ids = [  # type: ignore[attr-defined]
        AgentMessage.decode(recorded(name)).message_id
        for name in ("port_handshake_complete", "port_handshake_response_acknowledge")
    ]
    agent.receive_frames([recorded("port_handshake_request_acknowledge")], 0.0005)
    agent.receive_frames([recorded("port_handshake_response")], 0.001006643)
    acknowledged, complete = map(undated, agent.frames_to_send(0.001006643))
    assert complete == undated(recorded("port_handshake_complete"))
    assert acknowledged == undated(recorded("port_handshake_response_acknowledge"))


def test_a_command_session_announces_its_type_as_recorded() -> None:
    name = "commands_handshake_request"
    agent = recorded_agent(name, name, session_id="s", kind=NonInteractiveCommand(("true",)))
    assert agent.frames_to_send(0.0)[1] == recorded(name)


def test_a_shell_without_handshake_starts_with_output_as_recorded() -> None:
    name = "shell_first_output"
    agent = recorded_agent(name, name, session_id="s", kind=Shell())
    agent.frames_to_send(0.0)
    agent._rng.ids = [AgentMessage.decode(recorded(name)).message_id]  # type: ignore[attr-defined]
    assert agent.handle_timer(0.0) == [OpenFarEnd()]
    agent.opened(0.0)
    agent.send_output(b"# ")
    assert agent.frames_to_send(0.0) == [recorded(name)]


def test_a_shell_says_that_it_terminates_as_recorded() -> None:
    agent = connected(kind=Shell())
    agent._session_id = "shell.rec.s1"
    agent.closed(0.0)
    (frame,) = agent.frames_to_send(0.0)
    expected = replace(undated(recorded("shell_terminating_state")), message_id=b"")
    assert replace(undated(frame), message_id=b"") == expected


# The handshake


def test_handshake_timeout_ends_the_session_with_the_real_text() -> None:
    agent = Agent("s", Port(), PLAIN, now=10.0)
    happened = run_timers(agent, until=40.0)
    assert happened == [(25.004, SessionEnded(HANDSHAKE_ERROR + HANDSHAKE_TIMED_OUT))]
    assert agent.get_timer() is None


def test_a_failed_action_ends_the_session_with_the_real_text() -> None:
    behaviour = replace(PLAIN, extra_actions=(ClientAction("KMSEncryption", {"KMSKeyId": "k"}),))
    agent = Agent("s", Port(), behaviour)
    (request,) = (payload for number, payload in output_sent(agent))
    assert [action["ActionType"] for action in json.loads(request)["RequestedClientActions"]] == [
        "SessionType",
        "KMSEncryption",
    ]
    response = (
        b'{"ProcessedClientActions":[{"ActionType":"SessionType","ActionStatus":1},'
        b'{"ActionType":"KMSEncryption","ActionStatus":3,"Error":"unsupported"}]}'
    )
    assert agent.receive_frames([stream(0, response, PayloadType.HANDSHAKE_RESPONSE)], 1.0) == []
    assert acks_sent(agent) == [0]
    text = "KMSEncryption failed on client with status 3 error: unsupported"
    assert run_timers(agent, 9.0) == [(1.004, SessionEnded(HANDSHAKE_ERROR + text))]


def test_a_response_that_is_no_json_ends_the_session() -> None:
    agent = Agent("s", Port(), PLAIN)
    agent.receive_frames([stream(0, b"{", PayloadType.HANDSHAKE_RESPONSE)], 1.0)
    ((_, event),) = run_timers(agent, 2.0)
    assert isinstance(event, SessionEnded)
    assert event.output.startswith(HANDSHAKE_ERROR)


@pytest.mark.parametrize("complete_first", [False, True])
def test_the_acknowledge_and_handshake_complete_come_in_either_order(complete_first: bool) -> None:
    behaviour = replace(
        PLAIN, complete_before_acknowledge=complete_first, customer_message="mind the gap"
    )
    agent = Agent("s", Port(), behaviour)
    agent.frames_to_send(0.0)
    agent.receive_frames([stream(0, RESPONSE, PayloadType.HANDSHAKE_RESPONSE)], 0.25)
    messages = sent(agent, 0.25)
    assert [message_type for message_type, _, _ in messages] == (
        [OUTPUT_STREAM_DATA, ACKNOWLEDGE] if complete_first else [ACKNOWLEDGE, OUTPUT_STREAM_DATA]
    )
    complete = next(payload for kind, _, payload in messages if kind == OUTPUT_STREAM_DATA)
    assert json.loads(complete) == {
        "HandshakeTimeToComplete": 250_000_000,
        "CustomerMessage": "mind the gap",
    }


def test_input_before_the_response_is_acknowledged_and_thrown_away() -> None:
    agent = Agent("s", Port(), PLAIN)
    agent.frames_to_send(0.0)
    assert agent.receive_frames([stream(0, b"lost")], 0.0) == []
    assert acks_sent(agent) == [0]
    agent.receive_frames([stream(1, RESPONSE, PayloadType.HANDSHAKE_RESPONSE)], 0.0)
    assert agent.handle_timer(0.0) == [OpenFarEnd()]
    agent.opened(0.0)
    assert agent.receive_frames([stream(2, b"kept")], 0.0) == [InputReceived(b"kept")]


def test_input_in_the_gap_after_handshake_complete_is_acknowledged_and_thrown_away() -> None:
    agent = Agent("s", Port(), replace(PLAIN, complete_gap=0.0005))
    agent.frames_to_send(0.0)
    agent.receive_frames([stream(0, RESPONSE, PayloadType.HANDSHAKE_RESPONSE)], 1.0)
    agent.frames_to_send(1.0)
    assert agent.receive_frames([stream(1, b"SSH-2.0-lost\r\n")], 1.0003) == []
    assert acks_sent(agent, 1.0003) == [1]
    assert agent.handle_timer(1.0005) == []
    assert agent.handle_timer(1.0005) == [OpenFarEnd()]
    agent.opened(0.0)
    assert agent.receive_frames([stream(2, b"rest")], 1.01) == [InputReceived(b"rest")]


def test_the_gap_is_over_in_time_though_its_timer_is_late() -> None:
    agent = Agent("s", Port(), replace(PLAIN, complete_gap=0.005))
    agent.frames_to_send(0.0)
    agent.receive_frames([stream(0, RESPONSE, PayloadType.HANDSHAKE_RESPONSE)], 1.0)
    agent.frames_to_send(1.0)
    agent.receive_frames([stream(1, b"in time")], 1.25)
    assert acks_sent(agent, 1.25) == []


@pytest.mark.parametrize("answered", [False, True])
def test_early_input_may_be_left_to_come_again(answered: bool) -> None:
    agent = Agent("s", Port(), replace(PLAIN, complete_gap=0.5, drops_early_input=False))
    agent.frames_to_send(0.0)
    if answered:
        agent.receive_frames([stream(0, RESPONSE, PayloadType.HANDSHAKE_RESPONSE)], 0.0)
        agent.frames_to_send(0.0)
    agent.receive_frames([stream(int(answered), b"early")], 0.1)
    assert acks_sent(agent, 0.1) == []


def test_while_dialling_the_expected_input_is_refused_and_later_input_held() -> None:
    agent = Agent("s", Port(), replace(PLAIN, dial_delay=(0.005, 0.005)))
    agent.frames_to_send(0.0)
    agent.receive_frames([stream(0, RESPONSE, PayloadType.HANDSHAKE_RESPONSE)], 0.0)
    agent.frames_to_send(0.0)
    agent.receive_frames([stream(1, b"a"), stream(2, b"b"), stream(3, b"c")], 0.001)
    assert acks_sent(agent, 0.001) == [2, 3]
    assert agent.handle_timer(0.0049) == []
    assert agent.handle_timer(0.005) == [OpenFarEnd()]
    agent.opened(0.0)
    assert agent.receive_frames([stream(1, b"a")], 0.3) == [InputReceived(b"abc")]
    assert acks_sent(agent, 0.3) == [1]


def test_a_refused_port_kills_the_worker() -> None:
    agent = Agent("s", Port(), PLAIN)
    agent.frames_to_send(0.0)
    agent.receive_frames([stream(0, RESPONSE, PayloadType.HANDSHAKE_RESPONSE)], 0.0)
    assert agent.handle_timer(0.0) == [OpenFarEnd()]
    agent.refused("", 0.5)
    assert run_timers(agent, 9.0) == [(0.503, SessionEnded(WORKER_DIED))]


def test_a_refused_port_may_be_told_as_what_it_is() -> None:
    agent = Agent("s", Port(), replace(PLAIN, dies_of_refused_port=False))
    agent.frames_to_send(0.0)
    agent.receive_frames([stream(0, RESPONSE, PayloadType.HANDSHAKE_RESPONSE)], 0.0)
    agent.handle_timer(0.0)
    agent.refused("", 0.5)
    assert run_timers(agent, 9.0) == [(0.503, SessionEnded(PORT_REFUSED))]


# Input


def test_input_of_one_batch_is_one_event_and_every_message_is_acknowledged() -> None:
    agent = connected()
    events = agent.receive_frames([stream(1, b"a"), stream(2, b"b"), stream(3, b"")], 0.0)
    assert events == [InputReceived(b"ab")]
    assert acks_sent(agent) == [1, 2, 3]


def test_input_out_of_order_is_delivered_in_order_and_duplicates_are_acknowledged_again() -> None:
    agent = connected()
    order = [3, 2, 2, 1, 1, 5, 4]
    events = agent.receive_frames([stream(number, b"%d" % number) for number in order], 0.0)
    assert events == [InputReceived(b"12345")]
    assert acks_sent(agent) == order


def test_a_full_reorder_buffer_does_not_acknowledge() -> None:
    agent = connected(replace(PLAIN, reorder_capacity=2))
    agent.receive_frames([stream(number, b"%d" % number) for number in (2, 3, 4)], 0.0)
    assert acks_sent(agent) == [2, 3]
    assert agent.receive_frames([stream(1, b"1")], 0.0) == [InputReceived(b"123")]


def test_large_input_comes_through_whole() -> None:
    agent = connected()
    data = random.Random(5).randbytes(4 * 1024 * 1024)
    assert agent.receive_frames([stream(1, data)], 0.0) == [InputReceived(data)]


def test_neither_digest_nor_length_nor_padding_of_input_matters() -> None:
    agent = connected()
    fields = list(HEADER.unpack_from(stream(1, b"abc")))
    fields[1] = INPUT_STREAM_DATA.encode().ljust(32, b"\0")
    fields[7], fields[9] = b"?" * 32, 77
    assert agent.receive_frames([HEADER.pack(*fields) + b"abc"], 0.0) == [InputReceived(b"abc")]


def test_other_payload_types_are_acknowledged_and_not_forwarded() -> None:
    agent = connected()
    size = stream(1, b'{"cols":80,"rows":24}', PayloadType.SIZE)
    events = agent.receive_frames([size, stream(2, b"x")], 0.0)
    assert events == [InputReceived(b"x")]
    assert acks_sent(agent) == [1, 2]


@pytest.mark.parametrize(
    "frame",
    [
        b"",
        b"\0" * 119,
        replace(AgentMessage.decode(stream(1, b"x")), created_date=0).encode(),
        b"\0\0\0\0" + stream(1, b"x")[4:],
        AgentMessage(ACKNOWLEDGE, b"no json").encode(),
        AgentMessage("a_new_type", b"{}").encode(),
        AgentMessage("\N{LATIN SMALL LETTER E WITH ACUTE}", b"{}").encode(),
    ],
    ids=["empty", "short", "no date", "no header", "bad ack", "unknown type", "no ascii"],
)
def test_what_the_real_one_ignores_is_ignored(frame: bytes) -> None:
    agent = connected()
    assert agent.receive_frames([frame, stream(1, b"on")], 0.0) == [InputReceived(b"on")]


def test_a_header_that_points_past_the_frame_makes_it_deaf() -> None:
    agent = connected()
    assert agent.receive_frames([b"\x7f\xff\xff\xff" + stream(1, b"x")[4:]], 0.0) == []
    assert agent.receive_frames([stream(1, b"x")], 0.0) == []
    assert sent(agent) == []


# Output


def test_output_is_cut_and_numbered_after_the_handshake() -> None:
    agent = connected(replace(PLAIN, message_size=3))
    agent.send_output(b"abcdefgh")
    assert output_sent(agent) == [(2, b"abc"), (3, b"def"), (4, b"gh")]


def test_output_is_paced_one_message_a_millisecond() -> None:
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


def test_a_window_stops_output_until_acknowledges_come() -> None:
    agent = connected(replace(PLAIN, message_size=1, window=2))
    agent.send_output(b"abcd")
    assert output_sent(agent) == [(2, b"a"), (3, b"b")]
    agent.receive_frames([ack(3)], 0.01)
    assert output_sent(agent, 0.01) == [(4, b"c")]


def test_only_the_front_message_is_resent_by_a_tick_of_100_ms() -> None:
    agent = connected(replace(PLAIN, message_size=1))
    agent.receive_frames([ack(1)], 0.0)
    agent.send_output(b"abc")
    output_sent(agent, 0.0)
    resent = []
    while (timer := agent.get_timer()) is not None and timer < 1.15:
        agent.handle_timer(timer)
        resent += [(round(timer, 6), number) for number, _ in output_sent(agent, timer)]
    # Two acknowledges without delay brought the RTO to 239 ms, as the published rules have it.
    assert resent == [(0.3, 2), (0.6, 2), (0.9, 2)]


def test_all_that_is_overdue_may_be_resent_at_once() -> None:
    agent = connected(replace(PLAIN, message_size=1, resends_oldest_only=False))
    agent.receive_frames([ack(1)], 0.0)
    agent.send_output(b"abc")
    output_sent(agent, 0.0)
    agent.handle_timer(0.3)
    assert [number for number, _ in output_sent(agent, 0.3)] == [2, 3, 4]


def test_the_first_resend_waits_for_the_starting_rto() -> None:
    agent = Agent("s", Port(), PLAIN)
    output_sent(agent)
    for now, resent in ((0.1, []), (0.2, []), (0.299, []), (0.31, [0]), (0.5, []), (0.61, [0])):
        agent.handle_timer(now)
        assert [number for number, _ in output_sent(agent, now)] == resent


def test_the_rto_follows_the_round_trip_time_up_to_its_ceiling() -> None:
    agent = connected(replace(PLAIN, message_size=1))
    agent.send_output(b"ab")
    output_sent(agent, 0.0)
    agent.receive_frames([ack(2)], 60.0)  # one sample of a minute
    agent.handle_timer(60.0)
    output_sent(agent, 60.0)  # the front is resent at 60 s, then a second later
    resent = []
    while (timer := agent.get_timer()) is not None and timer < 62.5:
        agent.handle_timer(timer)
        resent += [round(timer, 3) for _ in output_sent(agent, timer)]
    assert resent == [61.0, 62.0]


def test_after_an_acknowledge_the_next_message_is_the_front() -> None:
    agent = connected(replace(PLAIN, message_size=1))
    agent.send_output(b"ab")
    output_sent(agent, 0.0)
    agent.receive_frames([ack(2)], 0.0)
    agent.handle_timer(0.9)
    assert output_sent(agent, 0.9) == [(3, b"b")]


def test_an_acknowledge_that_is_too_fast_is_forgotten_and_the_message_comes_again() -> None:
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


def test_a_slow_acknowledge_is_not_forgotten() -> None:
    agent = connected(replace(PLAIN, late_record_probability=1.0))
    agent.receive_frames([ack(0), ack(1)], 0.01)
    agent.send_output(b"x")
    output_sent(agent, 1.0)
    agent.receive_frames([ack(2)], 1.0021)
    assert agent.get_timer() is None


# Pause, links, the end


def test_pause_publication_stops_output_until_start_publication() -> None:
    agent = connected()
    agent.receive_frames([recorded("port_pause_publication")], 0.0)
    agent.send_output(b"x")
    assert agent.output_capacity == 0
    assert output_sent(agent, 1.0) == []
    assert agent.get_timer() is None
    agent.receive_frames([control(START_PUBLICATION)], 2.0)
    assert output_sent(agent, 2.0) == [(2, b"x")]


@pytest.mark.parametrize("frame", [stream(1, b"in"), ack(77)], ids=["input", "acknowledge"])
def test_any_input_or_acknowledge_lifts_a_pause(frame: bytes) -> None:
    agent = connected()
    agent.receive_frames([control(PAUSE_PUBLICATION)], 0.0)
    agent.send_output(b"x")
    agent.receive_frames([frame], 1.0)
    assert output_sent(agent, 1.0) == [(2, b"x")]


def test_a_pause_stops_resending_and_what_was_lost_comes_again_after_it() -> None:
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


def test_resend_all_on_start_sends_everything_again_at_once() -> None:
    agent = connected(replace(PLAIN, message_size=1, resend_all_on_start=True))
    agent.send_output(b"ab")
    output_sent(agent, 0.0)
    agent.receive_frames([control(PAUSE_PUBLICATION)], 0.0)
    agent.receive_frames([control(START_PUBLICATION)], 0.01)
    assert output_sent(agent, 0.01) == [(2, b"a"), (3, b"b")]


def test_the_session_ends_4_ms_after_its_output_is_acknowledged() -> None:
    agent = connected()
    agent.send_output(b"bye")
    agent.closed(1.0)
    assert output_sent(agent, 1.0) == [(2, b"bye")]
    assert agent.receive_frames([ack(2)], 1.02) == []
    assert run_timers(agent, 9.0) == [(1.024, SessionEnded(""))]


def test_an_unacknowledged_last_message_holds_the_end_up_for_two_seconds() -> None:
    agent = connected()
    agent.send_output(b"bye")
    agent.closed(1.0)
    output_sent(agent, 1.0)
    assert run_timers(agent, 9.0) == [(3.004, SessionEnded(""))]


def test_paced_output_is_sent_to_its_end_before_the_two_seconds_start() -> None:
    agent = connected(replace(PLAIN, message_interval=0.5, message_size=1))
    agent.send_output(b"abc")
    agent.closed(1.0)
    for now in (1.0, 1.5, 2.0):
        assert len(output_sent(agent, now)) == 1
    assert run_timers(agent, 9.0) == [(4.004, SessionEnded(""))]


def test_a_client_that_is_away_does_not_keep_the_session_for_ever() -> None:
    agent = connected()
    agent.receive_frames([control(PAUSE_PUBLICATION)], 0.0)
    agent.send_output(b"bye")
    agent.closed(1.0)
    assert run_timers(agent, 9.0) == [(3.004, SessionEnded(""))]


@pytest.mark.parametrize("value", [Flag.TERMINATE_SESSION, Flag.DISCONNECT_TO_PORT])
@pytest.mark.parametrize("acknowledged", [False, True])
def test_a_flag_ends_the_session_after_the_input_before_it(value: int, acknowledged: bool) -> None:
    agent = connected(replace(PLAIN, acknowledge_terminate=acknowledged))
    agent.send_output(b"unread")
    frames = [stream(1, b"last"), stream(2, flag(value), PayloadType.FLAG)]
    assert agent.receive_frames(frames, 1.0) == [InputReceived(b"last"), CloseFarEnd()]
    assert acks_sent(agent, 1.0) == ([1, 2] if acknowledged else [1])
    assert run_timers(agent, 9.0) == [(1.004, SessionEnded(""))]


def test_other_flags_are_acknowledged_and_ignored() -> None:
    agent = connected()
    assert agent.receive_frames([stream(1, flag(99), PayloadType.FLAG)], 1.0) == []
    assert acks_sent(agent, 1.0) == [1]


def test_input_after_the_port_has_closed_is_not_acknowledged() -> None:
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
