"""Each direction of a stream: numbers, acks and order."""

from __future__ import annotations

import pytest

from connector.datachannel import streams
from connector.datachannel.agentmessage import AgentMessage
from connector.datachannel.messages import PayloadType
from connector.datachannel.recovery import ReorderBuffer
from connector.datachannel.streams import (
    MAX_REPEATED_ACKS,
    MAX_SEQUENCE_JUMP,
    StreamReceiver,
    StreamSender,
)
from connector.errors import RemoteProtocolError

from .helpers import acked_numbers, counting_ids, inputs

HEADER = 120


class Receiver:
    """A receiver, and the payloads that it delivered."""

    def __init__(self) -> None:
        self.stream = StreamReceiver(counting_ids())
        self.out: list[bytes] = []

    def take(self, *numbers: int) -> None:
        for number in numbers:
            payload = b"%d" % number
            for kind, due in self.stream.accept(bytes(16), number, PayloadType.OUTPUT, payload):
                assert kind == PayloadType.OUTPUT
                self.out.append(due)

    def acked(self) -> list[int]:
        return acked_numbers([AgentMessage.decode(f) for f in self.stream.acks(1)])

    def delivered(self) -> list[int]:
        return [int(data) for data in self.out]


def make_sender(max_in_flight: int = 10_000, payload_size: int = 10) -> StreamSender:
    return StreamSender(counting_ids(), max_in_flight, payload_size)


def sent(
    sender: StreamSender, now: float = 0.0, release: bool = True
) -> list[tuple[int, int, bytes]]:
    frames = sender.frames(1, now, release_data=release)
    return inputs([AgentMessage.decode(frame) for frame in frames])


# Receiving.


@pytest.mark.parametrize(
    ("arriving", "delivered", "acked"),
    [
        ([0, 1, 2], [0, 1, 2], [0, 1, 2]),
        ([1, 0], [0, 1], [1, 0]),
        ([2, 1, 0], [0, 1, 2], [2, 1, 0]),
        ([0, 0], [0], [0, 0]),
        ([0, 1, 0, 1, 2], [0, 1, 2], [0, 1, 0, 1, 2]),
        ([2, 2, 0, 1], [0, 1, 2], [2, 2, 0, 1]),
        ([1, 3], [], [1, 3]),
        ([1, 3, 0], [0, 1], [1, 3, 0]),
        ([3, 1, 0, 2, 2], [0, 1, 2, 3], [3, 1, 0, 2, 2]),
        ([MAX_SEQUENCE_JUMP, 0], [0], [MAX_SEQUENCE_JUMP, 0]),
    ],
)
def test_messages_are_delivered_in_order_once_and_all_are_acked(
    arriving: list[int], delivered: list[int], acked: list[int]
) -> None:
    receiver = Receiver()
    receiver.take(*arriving)
    assert receiver.delivered() == delivered
    assert receiver.acked() == acked
    assert receiver.acked() == []
    duplicates = len(arriving) - len(set(arriving))
    held_twice = (
        1 if arriving == [2, 2, 0, 1] else 0
    )  # a duplicate of a held message does not count
    assert receiver.stream.duplicates == duplicates - held_twice


@pytest.mark.parametrize("number", [-1, -(2**63), MAX_SEQUENCE_JUMP + 1, 2**63 - 1])
def test_absurd_sequence_number_is_refused_and_not_acked(number: int) -> None:
    receiver = Receiver()
    with pytest.raises(RemoteProtocolError):
        receiver.take(number)
    assert receiver.acked() == []
    assert receiver.delivered() == []


def test_greatest_number_moves_with_the_expected_number() -> None:
    receiver = Receiver()
    receiver.take(0)
    receiver.take(MAX_SEQUENCE_JUMP + 1)
    assert receiver.acked() == [0, MAX_SEQUENCE_JUMP + 1]


def test_ack_names_the_message() -> None:
    stream = StreamReceiver(counting_ids())
    list(stream.accept(bytes(range(16)), 0, PayloadType.OUTPUT, b""))
    (frame,) = stream.acks(77)
    message = AgentMessage.decode(frame)
    assert message.payload == (
        b'{"AcknowledgedMessageType":"output_stream_data",'
        b'"AcknowledgedMessageId":"08090a0b-0c0d-0e0f-0001-020304050607",'
        b'"AcknowledgedMessageSequenceNumber":0,"IsSequentialMessage":true}'
    )
    assert (message.message_type, message.flags, message.created_date) == ("acknowledge", 3, 77)


def test_acks_have_their_own_ids() -> None:
    receiver = Receiver()
    receiver.take(0, 1, 2)
    ids = {AgentMessage.decode(frame).message_id for frame in receiver.stream.acks(1)}
    assert len(ids) == 3


@pytest.mark.parametrize("size", [1, 7, 400, 2 * MAX_REPEATED_ACKS])
def test_repeated_acks_are_whole_batches_and_bounded(size: int) -> None:
    receiver = Receiver()
    for first in range(0, 3 * MAX_REPEATED_ACKS, size):
        receiver.take(*range(first, first + size))
        receiver.acked()
    end = receiver.stream.expected_seq
    receiver.stream.repeat_acks()
    repeated = receiver.acked()
    assert repeated == list(range(end - len(repeated), end))
    assert MAX_REPEATED_ACKS - size < len(repeated) <= MAX_REPEATED_ACKS


def test_acks_are_bounded_with_those_that_are_repeated(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(streams, "MAX_ACKS", 5)
    receiver = Receiver()
    receiver.take(0, 1, 2, 3)
    receiver.acked()
    receiver.take(4, 5, 6, 7)
    receiver.stream.repeat_acks()
    assert receiver.acked() == [0, 1, 2, 3, 4]


# Out of order, within bounds.


def test_full_reorder_buffer_does_not_ack_and_takes_the_expected_message(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(ReorderBuffer, "MAX_MESSAGES", 2)
    receiver = Receiver()
    receiver.take(2, 3, 4)
    assert receiver.acked() == [2, 3]
    receiver.take(0)
    assert receiver.acked() == [0]
    receiver.take(1)
    assert receiver.delivered() == [0, 1, 2, 3]
    receiver.take(4)
    assert receiver.delivered() == [0, 1, 2, 3, 4]


def test_reorder_buffer_is_bounded_in_messages() -> None:
    buffer = ReorderBuffer[int]()
    assert all(buffer.hold(number, 0, number) for number in range(1, 10_001))
    assert not buffer.hold(10_001, 0, 0)
    assert buffer.hold(5, 0, 0)  # number 5 is held already
    assert len(buffer) == 10_000


def test_reorder_buffer_is_bounded_in_bytes() -> None:
    buffer = ReorderBuffer[str]()
    assert buffer.hold(1, 16 * 1024 * 1024 - 1, "a")
    assert not buffer.hold(2, 2, "b")
    assert buffer.hold(2, 1, "c")
    assert buffer.held_bytes == 16 * 1024 * 1024
    assert list(buffer.take_run(1)) == ["a", "c"]
    assert (buffer.held_bytes, len(buffer)) == (0, 0)


def test_duplicate_of_a_held_message_takes_no_room() -> None:
    buffer = ReorderBuffer[str]()
    assert buffer.hold(1, 5, "first")
    assert buffer.hold(1, 5, "second")
    assert (buffer.held_bytes, len(buffer)) == (5, 1)
    assert list(buffer.take_run(1)) == ["first"]


def test_run_ends_at_the_first_gap() -> None:
    buffer = ReorderBuffer[int]()
    for number in (3, 4, 6):
        buffer.hold(number, 1, number)
    assert list(buffer.take_run(2)) == []
    assert list(buffer.take_run(3)) == [3, 4]
    assert (buffer.held_bytes, len(buffer)) == (1, 1)


# Sending.


def test_payloads_share_one_count_and_control_leaves_first() -> None:
    sender = make_sender()
    sender.queue_data(b"a" * 25)
    sender.queue_control(PayloadType.FLAG, b"f")
    assert sent(sender) == [
        (0, PayloadType.FLAG, b"f"),
        (1, PayloadType.OUTPUT, b"a" * 10),
        (2, PayloadType.OUTPUT, b"a" * 10),
        (3, PayloadType.OUTPUT, b"a" * 5),
    ]
    sender.queue_data(b"b")
    assert sent(sender) == [(4, PayloadType.OUTPUT, b"b")]
    assert sent(sender) == []


def test_waiting_data_is_sent_in_full_messages() -> None:
    sender = make_sender()
    for data in (b"1234", b"56789", b"0abc"):
        sender.queue_data(data)
    assert [payload for _, _, payload in sent(sender)] == [b"1234567890", b"abc"]


def test_held_data_waits_and_control_does_not() -> None:
    sender = make_sender()
    sender.queue_data(b"data")
    sender.queue_control(PayloadType.FLAG, b"f")
    assert sent(sender, release=False) == [(0, PayloadType.FLAG, b"f")]
    assert sender.has_data
    assert sent(sender) == [(1, PayloadType.OUTPUT, b"data")]
    assert not sender.has_data


def test_retransmissions_leave_before_new_messages() -> None:
    sender = make_sender()
    sender.queue_data(b"old")
    sent(sender)
    sender.recovery.retransmit_all()
    sender.queue_control(PayloadType.FLAG, b"f")
    sender.queue_data(b"new")
    assert [number for number, _, _ in sent(sender)] == [0, 1, 2]


def test_retransmission_is_the_same_frame() -> None:
    sender = make_sender()
    sender.queue_data(b"data")
    first = sender.frames(1, 0.0, release_data=True)
    sender.recovery.retransmit_all()
    assert sender.frames(2, 9.0, release_data=True) == first


def test_input_frames_match_the_published_client() -> None:
    sender = make_sender()
    sender.queue_data(b"data")
    (frame,) = sender.frames(1234, 0.0, release_data=True)
    assert AgentMessage.decode(frame) == AgentMessage(
        "input_stream_data", b"data", 1, 0, 0, (1).to_bytes(16, "big"), 1234, 1
    )


def test_messages_have_their_own_ids() -> None:
    sender = make_sender()
    sender.queue_data(bytes(50))
    frames = sender.frames(1, 0.0, release_data=True)
    assert len({AgentMessage.decode(frame).message_id for frame in frames}) == 5


def test_frame_is_in_flight_before_it_is_returned() -> None:
    sender = make_sender()
    sender.queue_data(b"data")
    frames = sender.frames(1, 0.0, release_data=True)
    assert sender.recovery.in_flight_bytes == len(frames[0])
    sender.acknowledge(0, 0.0)
    assert sender.delivered
    assert sender.recovery.get_timer() is None


@pytest.mark.parametrize("number", [1, 2, 10**18])
def test_ack_of_an_unsent_message_is_refused(number: int) -> None:
    sender = make_sender()
    sender.queue_data(b"data")
    sent(sender)
    with pytest.raises(RemoteProtocolError, match="never sent"):
        sender.acknowledge(number, 0.0)
    assert not sender.delivered


def test_second_ack_changes_nothing() -> None:
    sender = make_sender()
    sender.queue_data(b"data")
    sent(sender)
    sender.acknowledge(0, 0.0)
    sender.acknowledge(0, 0.0)
    assert sender.delivered
    assert sender.recovery.in_flight_bytes == 0


def test_delivered_means_that_all_queued_messages_are_acked() -> None:
    sender = make_sender()
    assert sender.delivered
    sender.queue_control(PayloadType.FLAG, b"f")
    assert not sender.delivered
    sent(sender)
    assert not sender.delivered
    sender.acknowledge(0, 0.0)
    assert sender.delivered
    sender.queue_data(b"d")
    assert not sender.delivered


def test_capacity_counts_waiting_data_and_messages_in_flight() -> None:
    sender = make_sender(max_in_flight=1000, payload_size=100)
    assert sender.capacity == 1000
    assert sender.queue_data(bytes(300)) == 300
    assert sender.capacity == 700
    assert sender.queue_data(bytes(701)) == 700
    assert sender.capacity == 0
    assert sender.queue_data(b"x") == 0
    assert len(sent(sender)) == 10
    # The headers of the accepted bytes come on top.
    assert sender.recovery.in_flight_bytes == 1000 + 10 * HEADER
    assert sender.capacity == 0
    for number in range(9):
        sender.acknowledge(number, 0.0)
    assert sender.capacity == 1000 - 220


def test_headers_of_small_messages_count_against_the_capacity() -> None:
    sender = make_sender(max_in_flight=1000)
    accepted = 0
    while sender.queue_data(b"x"):
        accepted += 1
        sent(sender)
    assert accepted == 9  # of 121 bytes each
    assert sender.bytes_taken == 9
