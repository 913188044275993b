"""Larger messages: the channel probes a size before it uses it, and gives up without loss."""

from __future__ import annotations

import pytest

from connector.datachannel.limits import DEFAULT_PAYLOAD_SIZE
from connector.datachannel.messages import PayloadType
from connector.datachannel.streams import PROBE_TRIES

from .helpers import Dialogue, ack, after_handshake, output

SIZE = 4096
PROBE = (1, PayloadType.PARAMETER, bytes(SIZE))
EMPTY = (1, PayloadType.PARAMETER, b"")


def probing() -> Dialogue:
    """Return a dialogue after the first output, with the probe sent as message 1."""
    dialogue = after_handshake(payload_size=SIZE)
    dialogue.receive(output(2, b"banner"))
    assert dialogue.sent_inputs() == [PROBE]
    return dialogue


def sizes(dialogue: Dialogue, count: int) -> list[int]:
    """Send ``count`` bytes; return the payload sizes of their messages."""
    dialogue.send(bytes(count))
    return [len(payload) for _, kind, payload in dialogue.sent_inputs() if kind == 1]


def test_default_size_needs_no_probe() -> None:
    dialogue = after_handshake()
    dialogue.receive(output(2, b"banner"))
    assert dialogue.sent_inputs() == []
    assert sizes(dialogue, 2 * DEFAULT_PAYLOAD_SIZE) == [DEFAULT_PAYLOAD_SIZE] * 2


def test_probe_waits_for_proof_that_the_agent_takes_input() -> None:
    dialogue = after_handshake(payload_size=SIZE)
    dialogue.send(b"x")
    dialogue.expire()  # the grace
    assert dialogue.sent_inputs() == [(1, PayloadType.OUTPUT, b"x")]


def test_silent_agent_is_probed_after_the_ack_of_the_first_input() -> None:
    dialogue = after_handshake(payload_size=SIZE)
    dialogue.send(bytes(2 * DEFAULT_PAYLOAD_SIZE))
    dialogue.expire()  # the grace
    assert [number for number, _, _ in dialogue.sent_inputs()] == [1, 2]
    dialogue.receive(ack(2))  # the agent may hold message 2 while it dials the port
    assert dialogue.sent_inputs() == []
    dialogue.receive(ack(1))
    assert dialogue.sent_inputs() == [(3, PayloadType.PARAMETER, bytes(SIZE))]
    dialogue.receive(ack(3))
    assert sizes(dialogue, 2 * SIZE) == [SIZE, SIZE]


def test_ack_of_a_control_message_does_not_start_the_probe() -> None:
    dialogue = after_handshake("InteractiveCommands", payload_size=SIZE)
    dialogue.channel.resize(80, 24)
    dialogue.now = 0.25  # the grace
    assert [kind for _, kind, _ in dialogue.sent_inputs()] == [PayloadType.SIZE]
    dialogue.receive(ack(1))
    assert dialogue.sent_inputs() == []


def test_data_has_the_default_size_until_the_probe_is_acked() -> None:
    dialogue = probing()
    assert sizes(dialogue, SIZE) == [DEFAULT_PAYLOAD_SIZE] * 4
    dialogue.receive(ack(1))
    assert sizes(dialogue, 2 * SIZE) == [SIZE, SIZE]


def test_empty_message_replaces_the_probe_after_a_lost_link() -> None:
    dialogue = probing()
    dialogue.send(b"data")
    dialogue.sent()
    dialogue.lose()
    dialogue.link()
    assert dialogue.sent_inputs() == [EMPTY, (2, PayloadType.OUTPUT, b"data")]
    dialogue.receive(ack(1), ack(2))
    assert sizes(dialogue, SIZE) == [DEFAULT_PAYLOAD_SIZE] * 4
    assert dialogue.channel.in_flight_bytes == 4 * (DEFAULT_PAYLOAD_SIZE + 120)


def test_probe_without_ack_is_given_up() -> None:
    dialogue = probing()
    for _ in range(PROBE_TRIES - 1):
        dialogue.expire()
        assert dialogue.sent_inputs() == [PROBE]
    dialogue.expire()
    assert dialogue.sent_inputs() == [EMPTY]
    dialogue.receive(ack(1))
    assert sizes(dialogue, SIZE) == [DEFAULT_PAYLOAD_SIZE] * 4


def test_probe_is_given_up_while_later_data_is_acked() -> None:
    """Acks of later messages make the probe due again and again."""
    dialogue = probing()
    sent = 1
    for number in range(2, 60, 4):
        dialogue.now += 0.02
        dialogue.send(bytes(4 * DEFAULT_PAYLOAD_SIZE))
        messages = dialogue.sent_inputs()
        sent += messages.count(PROBE)
        if EMPTY in messages:
            break
        dialogue.receive(*(ack(number + index) for index in range(4)))
    else:
        pytest.fail("the probe was never given up")
    assert sent == PROBE_TRIES


def test_eof_prevents_the_probe() -> None:
    dialogue = after_handshake(payload_size=SIZE)
    dialogue.channel.send_eof()
    dialogue.receive(output(2, b"banner"))
    assert [kind for _, kind, _ in dialogue.sent_inputs()] == [PayloadType.FLAG]


def test_accepted_size_outlives_the_link() -> None:
    dialogue = probing()
    dialogue.receive(ack(1))
    dialogue.lose()
    dialogue.link()
    assert sizes(dialogue, SIZE) == [SIZE]


@pytest.mark.parametrize("size", [1, 100, DEFAULT_PAYLOAD_SIZE])
def test_smaller_size_is_used_at_once(size: int) -> None:
    dialogue = after_handshake(payload_size=size)
    dialogue.receive(output(2, b"banner"))
    assert sizes(dialogue, 3 * size) == [size] * 3
