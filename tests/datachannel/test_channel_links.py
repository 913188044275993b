"""A channel over several links, and its end."""

from __future__ import annotations

import json

import pytest

from connector.datachannel.agentmessage import AgentMessage
from connector.datachannel.events import ChannelClosed, ChannelFailed, DataReceived, SessionOpened
from connector.datachannel.messages import (
    ACKNOWLEDGE,
    INPUT_STREAM_DATA,
    PAUSE_PUBLICATION,
    START_PUBLICATION,
    PayloadType,
)
from connector.datachannel.payloads import flag
from connector.datachannel.phases import State
from connector.errors import LocalProtocolError

from .helpers import (
    CLIENT_ID,
    Dialogue,
    ack,
    acked_numbers,
    after_first_output,
    after_handshake,
    handshake_complete,
    handshake_request,
    inputs,
    output,
    service,
    stream,
)

TERMINATE = (PayloadType.FLAG, flag(2))


def close_by(dialogue: Dialogue, kind: str, payload: bytes = b"{}") -> list[object]:
    if kind == "text":
        return list(dialogue.channel.receive_text("channel_closed"))
    return list(dialogue.receive(service("channel_closed", payload)))


# Links.


def test_new_link_retransmits_the_messages_in_flight_in_order() -> None:
    dialogue = after_first_output(payload_size=1)
    dialogue.send(b"abcde")
    first = dialogue.channel.messages_to_send(dialogue.now)
    dialogue.receive(ack(2), ack(4))
    dialogue.lose()
    dialogue.send(b"f")
    assert dialogue.sent() == []
    dialogue.now = 9.0
    dialogue.link("second")
    frames = dialogue.channel.messages_to_send(dialogue.now)
    messages = [AgentMessage.decode(frame) for frame in frames]
    assert [message.message_type for message in messages] == 3 * [ACKNOWLEDGE] + 4 * [
        INPUT_STREAM_DATA
    ]
    assert frames[3:6] == [first[0], first[2], first[4]]
    assert dialogue.sent() == []
    assert dialogue.channel.stats.retransmitted == 3
    assert dialogue.channel.stats.bytes_sent == 6


def test_new_link_opens_with_the_same_client_id_a_new_request_id_and_the_new_token() -> None:
    dialogue = Dialogue()
    first = json.loads(dialogue.link("one"))
    dialogue.lose()
    second = json.loads(dialogue.link("two"))
    assert first["ClientId"] == second["ClientId"] == CLIENT_ID
    assert first["RequestId"] != second["RequestId"]
    assert (first["TokenValue"], second["TokenValue"]) == ("one", "two")


def test_sequence_numbers_continue_on_the_next_link() -> None:
    dialogue = after_first_output()
    dialogue.send(b"a")
    dialogue.sent()
    dialogue.receive(ack(1))
    dialogue.lose()
    dialogue.link()
    dialogue.sent()
    assert dialogue.receive(output(2, b"banner"), output(3, b"x")) == [DataReceived(b"x")]
    dialogue.send(b"b")
    sent = dialogue.sent()
    assert acked_numbers(sent) == [2, 3]
    assert inputs(sent) == [(2, PayloadType.OUTPUT, b"b")]


def test_session_opens_once_if_its_link_is_lost_in_the_handshake() -> None:
    dialogue = Dialogue()
    dialogue.link()
    dialogue.receive(handshake_request())
    response = dialogue.sent_inputs()
    dialogue.lose()
    dialogue.link()
    assert dialogue.sent_inputs() == response
    dialogue.receive(handshake_request())
    assert dialogue.sent_inputs() == []
    assert dialogue.receive(ack(0), handshake_complete()) == [SessionOpened("Port", "")]


def test_new_link_repeats_the_acks_of_the_last_second_and_sends_those_that_were_due() -> None:
    dialogue = after_first_output()
    dialogue.now = 1.1
    dialogue.receive(output(3, b"x"))
    dialogue.sent()
    dialogue.now = 2.1
    dialogue.receive(output(4, b"x"), output(5, b"x"))
    dialogue.sent()
    dialogue.receive(output(6, b"x"))
    dialogue.lose()
    dialogue.now = 60.0
    dialogue.link()
    assert acked_numbers(dialogue.sent()) == [3, 4, 5, 6]
    assert dialogue.sent() == []


def test_acks_are_repeated_once_a_link() -> None:
    dialogue = after_first_output()
    for _ in range(3):
        dialogue.lose()
        dialogue.link()
        assert acked_numbers(dialogue.sent()) == [0, 1, 2]
        assert dialogue.sent() == []
    dialogue.lose()
    dialogue.link()
    dialogue.lose()
    dialogue.link()
    assert acked_numbers(dialogue.sent()) == [0, 1, 2]


@pytest.mark.parametrize("kind", ["text", "message", "output", "ack"])
def test_end_of_a_pause_repeats_the_acks(kind: str) -> None:
    dialogue = after_first_output()
    dialogue.receive(service(PAUSE_PUBLICATION), output(3, b"x"))
    dialogue.sent()
    dialogue.receive(service(PAUSE_PUBLICATION))
    assert dialogue.sent() == []
    if kind == "text":
        dialogue.channel.receive_text(START_PUBLICATION)
    else:
        frames = {"message": service(START_PUBLICATION), "output": output(3, b"x"), "ack": ack(0)}
        dialogue.receive(frames[kind])
    again = [3] if kind == "output" else []
    assert acked_numbers(dialogue.sent()) == [0, 1, 2, 3, *again]
    dialogue.receive(service(START_PUBLICATION))
    assert dialogue.sent() == []


def test_pause_ends_with_its_link() -> None:
    dialogue = after_first_output()
    dialogue.receive(service(PAUSE_PUBLICATION))
    dialogue.send(b"x")
    dialogue.lose()
    dialogue.link()
    assert dialogue.sent_data() == b"x"


def test_pause_right_after_a_new_link_holds_retransmissions() -> None:
    dialogue = after_first_output()
    dialogue.send(b"x")
    dialogue.sent()
    dialogue.lose()
    dialogue.link()
    dialogue.receive(service(PAUSE_PUBLICATION))
    assert dialogue.sent_inputs() == []
    dialogue.channel.receive_text("start_publication")
    assert dialogue.sent_data() == b"x"


@pytest.mark.parametrize("kind", ["text", "message"])
def test_start_publication_without_a_pause_changes_nothing(kind: str) -> None:
    dialogue = Dialogue()

    def start() -> list[object]:
        if kind == "text":
            return list(dialogue.channel.receive_text(START_PUBLICATION))
        return list(dialogue.receive(service(START_PUBLICATION)))

    dialogue.link()
    dialogue.send(b"early")
    assert start() == []
    assert dialogue.sent() == []
    dialogue.receive(handshake_request())
    assert start() == []
    assert [number for number, _, _ in dialogue.sent_inputs()] == [0]
    opened = dialogue.receive(ack(0), handshake_complete())
    assert opened == [SessionOpened("Port", "")]
    assert start() == []
    assert dialogue.sent_inputs() == []  # no output has proved that the agent takes input
    assert dialogue.receive(output(2, b"banner")) == [DataReceived(b"banner")]
    assert start() == []
    assert dialogue.sent_data() == b"early"


def test_reorder_buffer_outlives_the_link() -> None:
    dialogue = after_first_output()
    dialogue.receive(output(4, b"b"))
    dialogue.sent()
    dialogue.lose()
    dialogue.link()
    assert dialogue.receive(output(3, b"a")) == [DataReceived(b"ab")]


def test_input_waits_for_the_first_output_on_the_next_link_too() -> None:
    dialogue = after_handshake()
    dialogue.send(b"x")
    dialogue.lose()
    dialogue.now = 0.1
    dialogue.link()
    assert dialogue.sent_inputs() == []
    assert dialogue.expire() == pytest.approx(0.25)
    assert dialogue.sent_data() == b"x"


def test_input_is_accepted_without_a_link() -> None:
    dialogue = after_first_output(max_in_flight=10)
    dialogue.lose()
    assert dialogue.send(b"x" * 20) == 10
    assert dialogue.channel.send_capacity == 0
    dialogue.link()
    assert dialogue.sent_data() == b"x" * 10


def test_second_link_at_a_time_is_a_local_error() -> None:
    dialogue = after_first_output()
    with pytest.raises(LocalProtocolError):
        dialogue.link()


# The service closes the channel.


@pytest.mark.parametrize("kind", ["text", "binary"])
def test_channel_closed_ends_the_session(kind: str) -> None:
    dialogue = after_first_output()
    assert close_by(dialogue, kind) == [ChannelClosed("")]
    assert dialogue.channel.state == State.CLOSED
    assert dialogue.channel.send_capacity == 0
    assert dialogue.send(b"x") == 0
    assert close_by(dialogue, kind) == []
    assert dialogue.receive(output(3, b"late")) == []


@pytest.mark.parametrize(
    ("payload", "reason"),
    [
        (b'{"Output":"Your session timed out"}', "Your session timed out"),
        (b"\xff\x00garbage", ""),
        (b"", ""),
        (b'{"Output":[1]}', ""),
    ],
)
def test_reason_of_the_service_is_reported_if_it_is_readable(payload: bytes, reason: str) -> None:
    assert close_by(after_first_output(), "binary", payload) == [ChannelClosed(reason)]


@pytest.mark.parametrize("kind", ["text", "binary"])
def test_channel_closed_may_come_before_the_handshake(kind: str) -> None:
    dialogue = Dialogue()
    dialogue.link()
    assert close_by(dialogue, kind) == [ChannelClosed("")]


def test_output_before_channel_closed_is_delivered_and_acked() -> None:
    dialogue = after_first_output()
    events = dialogue.receive(output(3, b"last"), service("channel_closed"), output(4, b"late"))
    assert events == [DataReceived(b"last"), ChannelClosed("")]
    assert acked_numbers(dialogue.sent()) == [3]


def test_failed_channel_does_not_report_channel_closed() -> None:
    dialogue = after_first_output()
    events = dialogue.receive(output(-1, b""), service("channel_closed"))
    assert [type(event) for event in events] == [ChannelFailed]


# The client ends the session.


def test_eof_terminates_the_session_once_all_input_is_acked() -> None:
    dialogue = after_first_output(payload_size=1)
    dialogue.send(b"ab")
    dialogue.channel.send_eof()
    assert dialogue.sent_data() == b"ab"
    assert not dialogue.channel.terminating
    dialogue.receive(ack(2))
    assert dialogue.sent() == []
    dialogue.receive(ack(1))
    assert dialogue.channel.delivered
    assert dialogue.sent_inputs() == [(3, *TERMINATE)]
    assert dialogue.channel.terminating
    assert dialogue.sent() == []


def test_eof_terminates_the_session_at_once_if_nothing_is_in_flight() -> None:
    dialogue = after_first_output()
    dialogue.channel.send_eof()
    assert dialogue.sent_inputs() == [(1, *TERMINATE)]


def test_eof_waits_for_held_input() -> None:
    dialogue = after_handshake()
    dialogue.send(b"x")
    dialogue.channel.send_eof()
    assert dialogue.sent() == []
    dialogue.expire()
    assert dialogue.sent_inputs() == [(1, PayloadType.OUTPUT, b"x")]
    dialogue.receive(ack(1))
    assert dialogue.sent_inputs() == [(2, *TERMINATE)]


def test_terminate_flag_is_sent_once_and_retransmitted_until_its_ack() -> None:
    dialogue = after_first_output()
    dialogue.channel.send_eof()
    dialogue.sent()
    dialogue.expire()
    assert dialogue.sent_inputs() == [(1, *TERMINATE)]
    dialogue.receive(ack(1))
    dialogue.channel.terminate()
    assert dialogue.sent() == []
    assert dialogue.channel.get_timer() is None


def test_output_is_delivered_and_acked_after_eof() -> None:
    dialogue = after_first_output()
    dialogue.channel.send_eof()
    dialogue.sent()
    assert dialogue.receive(output(3, b"x")) == [DataReceived(b"x")]
    assert acked_numbers(dialogue.sent()) == [3]


def test_input_after_eof_is_a_local_error() -> None:
    dialogue = after_first_output()
    dialogue.channel.send_eof()
    assert dialogue.channel.send_capacity == 0
    with pytest.raises(LocalProtocolError):
        dialogue.send(b"x")


def test_eof_outlives_a_lost_link() -> None:
    dialogue = after_first_output()
    dialogue.send(b"x")
    dialogue.sent()
    dialogue.lose()
    dialogue.channel.send_eof()
    assert dialogue.sent() == []
    dialogue.link()
    assert dialogue.sent_data() == b"x"
    dialogue.receive(ack(1))
    assert dialogue.sent_inputs() == [(2, *TERMINATE)]


def test_pause_holds_the_terminate_flag() -> None:
    dialogue = after_first_output()
    dialogue.channel.send_eof()
    dialogue.receive(service(PAUSE_PUBLICATION))
    assert dialogue.sent() == []
    dialogue.channel.receive_text("start_publication")
    assert dialogue.sent_inputs() == [(1, *TERMINATE)]


def test_terminate_waits_for_no_ack_and_overtakes_waiting_input() -> None:
    dialogue = after_first_output()
    dialogue.send(b"under way")
    dialogue.sent()
    dialogue.send(b"waiting")
    dialogue.channel.terminate()
    assert dialogue.sent_inputs()[0] == (2, *TERMINATE)
    assert dialogue.channel.terminating
    assert dialogue.channel.send_capacity == 0


def test_second_terminate_sends_no_second_flag() -> None:
    dialogue = after_first_output()
    dialogue.channel.terminate()
    dialogue.channel.terminate()
    assert dialogue.sent_inputs() == [(1, *TERMINATE)]


def test_terminate_waits_for_handshake_complete() -> None:
    dialogue = Dialogue()
    dialogue.link()
    dialogue.channel.terminate()
    assert dialogue.sent() == []
    dialogue.receive(handshake_request())
    assert [kind for _, kind, _ in dialogue.sent_inputs()] == [PayloadType.HANDSHAKE_RESPONSE]
    assert not dialogue.channel.terminating
    dialogue.receive(ack(0), handshake_complete(), output(2, b"banner"))
    assert dialogue.sent_inputs() == [(1, *TERMINATE)]


def test_terminate_of_a_closed_channel_sends_nothing() -> None:
    dialogue = after_first_output()
    close_by(dialogue, "text")
    dialogue.channel.terminate()
    assert dialogue.sent() == []


def test_terminate_after_the_exit_code_sends_the_flag() -> None:
    dialogue = after_first_output()
    dialogue.receive(stream(3, PayloadType.EXIT_CODE, b"EXIT_CODE: 0"))
    dialogue.channel.terminate()
    assert dialogue.sent_inputs() == [(1, *TERMINATE)]


@pytest.mark.parametrize("way", ["send_eof", "terminate"])
def test_terminate_flag_waits_for_the_first_output_as_input_does(way: str) -> None:
    """Right after HandshakeComplete the agent may ack the flag and drop it."""
    dialogue = Dialogue()
    dialogue.link()
    getattr(dialogue.channel, way)()
    dialogue.receive(handshake_request())
    dialogue.sent()
    dialogue.receive(ack(0), handshake_complete())
    assert dialogue.sent_inputs() == []
    assert not dialogue.channel.terminating
    dialogue.receive(output(2, b"banner"))
    assert dialogue.sent_inputs() == [(1, *TERMINATE)]
    assert dialogue.channel.terminating


@pytest.mark.parametrize("way", ["send_eof", "terminate"])
def test_terminate_flag_leaves_after_the_grace_without_output(way: str) -> None:
    dialogue = Dialogue()
    dialogue.link()
    dialogue.receive(handshake_request())
    dialogue.sent()
    dialogue.receive(ack(0), handshake_complete())
    getattr(dialogue.channel, way)()
    assert dialogue.sent_inputs() == []
    assert dialogue.channel.get_timer() == pytest.approx(dialogue.now + 0.25)
    dialogue.expire()
    assert dialogue.sent_inputs() == [(1, *TERMINATE)]
