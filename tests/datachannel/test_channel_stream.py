"""An open channel: order, acks, back pressure and faults."""

from __future__ import annotations

import pytest

from connector.datachannel.agentmessage import AgentMessage
from connector.datachannel.channel import MAX_MALFORMED_RUN
from connector.datachannel.events import (
    ChannelFailed,
    CommandExited,
    DataReceived,
    ErrorOutput,
)
from connector.datachannel.messages import ACKNOWLEDGE, MalformedMessage, PayloadType
from connector.datachannel.payloads import flag
from connector.datachannel.phases import State
from connector.errors import PortConnectFailed, RemoteProtocolError

from .helpers import (
    EPOCH,
    ack,
    acked_numbers,
    after_first_output,
    after_handshake,
    inputs,
    output,
    received,
    service,
    stream,
)

# Output.


def test_burst_is_one_event_and_each_message_is_acked() -> None:
    dialogue = after_first_output()
    assert dialogue.receive(*(output(3 + i, b"%d" % i) for i in range(10))) == [
        DataReceived(b"0123456789")
    ]
    assert acked_numbers(dialogue.sent()) == list(range(3, 13))


def test_duplicate_is_acked_again_and_not_delivered_again() -> None:
    dialogue = after_first_output()
    assert dialogue.receive(output(3, b"a"), output(3, b"a"), output(2, b"banner")) == [
        DataReceived(b"a")
    ]
    assert acked_numbers(dialogue.sent()) == [3, 3, 2]
    assert dialogue.channel.stats.duplicates == 2
    assert "retransmitted 0, duplicates 2, malformed 0" in str(dialogue.channel.stats)


def test_output_out_of_order_is_acked_at_once_and_delivered_in_order() -> None:
    dialogue = after_first_output()
    assert dialogue.receive(output(5, b"c"), output(4, b"b")) == []
    assert acked_numbers(dialogue.sent()) == [5, 4]
    assert dialogue.receive(output(3, b"a")) == [DataReceived(b"abc")]


def test_error_output_and_exit_code_keep_their_place_among_output() -> None:
    dialogue = after_first_output()
    events = dialogue.receive(
        output(3, b"one"),
        stream(4, PayloadType.STDERR, b"two"),
        output(5, b"three"),
        stream(6, PayloadType.ERROR, b"four"),
        stream(7, PayloadType.EXIT_CODE, b"EXIT_CODE: 3"),
    )
    assert events == [
        DataReceived(b"one"),
        ErrorOutput(b"two"),
        DataReceived(b"three"),
        ErrorOutput(b"four"),
        CommandExited(3),
    ]


@pytest.mark.parametrize(
    "frame",
    [
        stream(3, PayloadType.SIZE, b'{"cols":1,"rows":1}'),
        stream(3, PayloadType.PARAMETER, b"x"),
        stream(3, PayloadType.HANDSHAKE_RESPONSE, b"x"),
        stream(3, PayloadType.ENC_CHALLENGE_REQUEST, b"x"),
        stream(3, PayloadType.FLAG, flag(1)),
        stream(3, PayloadType.FLAG, flag(2)),
        stream(3, PayloadType.FLAG, flag(4)),
        stream(3, 0, b"x"),
        stream(3, 13, b"x"),
        stream(3, 2**32 - 1, b"x"),
    ],
)
def test_payload_of_unknown_type_is_acked_and_ignored(
    frame: bytes,
) -> None:
    dialogue = after_first_output()
    assert dialogue.receive(frame, output(4, b"next")) == [DataReceived(b"next")]
    assert acked_numbers(dialogue.sent()) == [3, 4]
    assert dialogue.channel.stats.ignored == 1


def test_empty_output_is_acked_and_delivers_nothing() -> None:
    dialogue = after_first_output()
    assert received(dialogue.receive(output(3, b""), output(4, b"x"))) == b"x"
    assert acked_numbers(dialogue.sent()) == [3, 4]


def test_refused_port_is_reported_after_the_output_before_it() -> None:
    dialogue = after_first_output()
    events = dialogue.receive(
        output(3, b"last"), stream(4, PayloadType.FLAG, flag(3)), output(5, b"never")
    )
    assert events[0] == DataReceived(b"last")
    assert isinstance(events[1], ChannelFailed)
    assert isinstance(events[1].error, PortConnectFailed)
    assert len(events) == 2
    assert acked_numbers(dialogue.sent()) == [3, 4]


@pytest.mark.parametrize(
    "frame",
    [
        stream(4, PayloadType.FLAG, b"\0\0\3"),
        stream(4, PayloadType.EXIT_CODE, b"three"),
        output(-1, b"x"),
        output(2**62, b"x"),
        ack(1),
        ack(2**62),
    ],
)
def test_protocol_violation_fails_the_channel_after_the_output_before_it(
    frame: bytes,
) -> None:
    dialogue = after_first_output()
    events = dialogue.receive(output(3, b"last"), frame, output(5, b"x"))
    assert events[0] == DataReceived(b"last")
    (failed,) = events[1:]
    assert isinstance(failed, ChannelFailed)
    assert isinstance(failed.error, RemoteProtocolError)
    assert dialogue.channel.state == State.CLOSED


# Malformed frames.


@pytest.mark.parametrize(
    "frame",
    [
        b"",
        b"garbage",
        output(3, b"data")[:-1],
        output(3, b"data")[:-1] + b"A",
        AgentMessage(ACKNOWLEDGE, b"garbage", flags=3).encode(),
        AgentMessage(ACKNOWLEDGE, b"{}", flags=3).encode(),
    ],
)
def test_malformed_frame_is_dropped_and_its_retransmission_delivered(frame: bytes) -> None:
    dialogue = after_first_output()
    assert dialogue.receive(frame) == []
    assert dialogue.sent() == []
    assert dialogue.channel.stats.malformed == 1
    assert received(dialogue.receive(output(3, b"data"))) == b"data"


def test_hundred_malformed_frames_in_a_row_fail_the_channel() -> None:
    assert MAX_MALFORMED_RUN == 100
    dialogue = after_first_output()
    assert dialogue.receive(*([b"garbage"] * 60)) == []
    assert dialogue.receive(*([b"garbage"] * 39)) == []
    (event,) = dialogue.receive(b"garbage")
    assert isinstance(event, ChannelFailed)
    assert isinstance(event.error, MalformedMessage)
    assert dialogue.channel.state == State.CLOSED


def test_good_frame_ends_a_run_of_malformed_ones() -> None:
    dialogue = after_first_output()
    dialogue.receive(*([b"garbage"] * 99))
    dialogue.receive(output(3, b"good"))
    assert dialogue.receive(*([b"garbage"] * 99)) == []
    assert dialogue.channel.state == State.OPEN
    assert dialogue.channel.stats.malformed == 198


@pytest.mark.parametrize("name", ["agent_session_state", "input_stream_data", "whatever"])
def test_message_of_unknown_type_is_ignored(name: str) -> None:
    dialogue = after_first_output()
    assert dialogue.receive(service(name, b"\xff")) == []
    assert dialogue.sent() == []
    assert dialogue.channel.receive_text("whatever") == []
    assert dialogue.channel.stats.ignored == 2


# Input, and its acks.


def test_input_is_split_numbered_and_dated() -> None:
    dialogue = after_first_output()
    dialogue.now = 12.5
    dialogue.send(b"x" * 2500)
    sent = dialogue.sent()
    assert [(number, len(payload)) for number, _, payload in inputs(sent)] == [
        (1, 1024),
        (2, 1024),
        (3, 452),
    ]
    assert {message.created_date for message in sent} == {int((EPOCH + 12.5) * 1000)}
    assert dialogue.channel.stats.bytes_sent == 2500
    assert "bytes sent 2,500, " in str(dialogue.channel.stats)


def test_ack_may_arrive_before_the_write_returns() -> None:
    dialogue = after_first_output()
    dialogue.send(b"x")
    frames = dialogue.channel.messages_to_send(dialogue.now)
    assert dialogue.channel.in_flight_bytes == sum(map(len, frames)) == 121
    dialogue.receive(ack(1))
    assert dialogue.channel.in_flight_bytes == 0
    assert dialogue.channel.delivered
    assert dialogue.channel.get_timer() is None


def test_acks_leave_before_retransmissions_and_those_before_new_data() -> None:
    dialogue = after_first_output()
    dialogue.send(b"old")
    dialogue.sent()
    dialogue.expire()
    dialogue.receive(output(3, b"x"))
    dialogue.send(b"new")
    sent = dialogue.sent()
    assert [message.message_type for message in sent] == [
        "acknowledge",
        "input_stream_data",
        "input_stream_data",
    ]
    assert [payload for _, _, payload in inputs(sent)] == [b"old", b"new"]
    assert dialogue.channel.stats.retransmitted == 1


def test_three_later_acks_trigger_a_retransmission_at_once() -> None:
    dialogue = after_first_output(payload_size=1)
    dialogue.send(b"abcd")
    dialogue.sent()
    dialogue.receive(ack(2), ack(3))
    assert dialogue.sent() == []
    dialogue.receive(ack(4))
    assert dialogue.sent_inputs() == [(1, PayloadType.OUTPUT, b"a")]


def test_capacity_bounds_accepted_input_and_grows_with_acks() -> None:
    dialogue = after_first_output(max_in_flight=3000)
    assert dialogue.channel.send_capacity == 3000
    assert dialogue.send(b"x" * 5000) == 3000
    assert dialogue.channel.send_capacity == 0
    assert dialogue.send(b"x") == 0
    assert len(dialogue.sent()) == 3
    assert dialogue.channel.in_flight_bytes == 3000 + 3 * 120
    dialogue.receive(ack(1))
    assert dialogue.channel.send_capacity == 3000 - (3000 - 1024 + 2 * 120)
    dialogue.receive(ack(2), ack(3))
    assert dialogue.channel.send_capacity == 3000


def test_held_input_counts_against_the_capacity() -> None:
    dialogue = after_handshake(max_in_flight=100)
    assert dialogue.send(b"x" * 150) == 100
    assert dialogue.channel.send_capacity == 0
    dialogue.now = 0.25
    assert dialogue.sent_data() == b"x" * 100


def test_failed_channel_accepts_no_input() -> None:
    dialogue = after_first_output()
    dialogue.receive(output(-1, b""))
    assert dialogue.channel.send_capacity == 0
    assert dialogue.send(b"x") == 0
    assert dialogue.sent() == []
