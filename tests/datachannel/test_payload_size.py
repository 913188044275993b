"""Larger messages: tried before they carry anything, and given up without a loss."""

from __future__ import annotations

import pytest

from connector.datachannel.limits import DEFAULT_PAYLOAD_SIZE
from connector.datachannel.messages import PayloadType
from connector.datachannel.streams import PROBE_TRIES

from .helpers import Dialogue, ack, output, shaken

SIZE = 4096
PROBE = (1, PayloadType.PARAMETER, bytes(SIZE))
EMPTY = (1, PayloadType.PARAMETER, b"")


def probing() -> Dialogue:
    """After the first output, with the probe sent as message 1."""
    dialogue = shaken(payload_size=SIZE)
    dialogue.receive(output(2, b"banner"))
    assert dialogue.sent_inputs() == [PROBE]
    return dialogue


def sizes(dialogue: Dialogue, count: int) -> list[int]:
    """Of the messages that so many bytes leave in."""
    dialogue.send(bytes(count))
    return [len(payload) for _, kind, payload in dialogue.sent_inputs() if kind == 1]


def test_the_usual_size_needs_no_probe() -> None:
    dialogue = shaken()
    dialogue.receive(output(2, b"banner"))
    assert dialogue.sent_inputs() == []
    assert sizes(dialogue, 2 * DEFAULT_PAYLOAD_SIZE) == [DEFAULT_PAYLOAD_SIZE] * 2


def test_nothing_is_tried_before_the_agent_is_known_to_listen() -> None:
    dialogue = shaken(payload_size=SIZE)
    dialogue.send(b"x")
    dialogue.expire()  # the grace
    assert dialogue.sent_inputs() == [(1, PayloadType.OUTPUT, b"x")]


def test_silent_far_end_is_probed_once_it_has_taken_the_first_input() -> None:
    dialogue = shaken(payload_size=SIZE)
    dialogue.send(bytes(2 * DEFAULT_PAYLOAD_SIZE))
    dialogue.expire()  # the grace
    assert [number for number, _, _ in dialogue.sent_inputs()] == [1, 2]
    dialogue.receive(ack(2))  # the agent only holds it, as it does while it dials the port
    assert dialogue.sent_inputs() == []
    dialogue.receive(ack(1))
    assert dialogue.sent_inputs() == [(3, PayloadType.PARAMETER, bytes(SIZE))]
    dialogue.receive(ack(3))
    assert sizes(dialogue, 2 * SIZE) == [SIZE, SIZE]


def test_acknowledged_control_message_does_not_start_the_probe() -> None:
    dialogue = shaken("InteractiveCommands", payload_size=SIZE)
    dialogue.channel.resize(80, 24)
    dialogue.now = 0.25  # the grace
    assert [kind for _, kind, _ in dialogue.sent_inputs()] == [PayloadType.SIZE]
    dialogue.receive(ack(1))
    assert dialogue.sent_inputs() == []


def test_data_has_the_usual_size_until_the_probe_is_acknowledged() -> None:
    dialogue = probing()
    assert sizes(dialogue, SIZE) == [DEFAULT_PAYLOAD_SIZE] * 4
    dialogue.receive(ack(1))
    assert sizes(dialogue, 2 * SIZE) == [SIZE, SIZE]


def test_a_link_that_breaks_on_the_probe_gets_an_empty_message_in_its_place() -> None:
    dialogue = probing()
    dialogue.send(b"data")
    dialogue.sent()
    dialogue.lose()
    dialogue.link()
    assert dialogue.sent_inputs() == [EMPTY, (2, PayloadType.OUTPUT, b"data")]
    dialogue.receive(ack(1), ack(2))
    assert sizes(dialogue, SIZE) == [DEFAULT_PAYLOAD_SIZE] * 4
    assert dialogue.channel.in_flight_bytes == 4 * (DEFAULT_PAYLOAD_SIZE + 120)


def test_a_probe_that_nobody_answers_is_given_up() -> None:
    dialogue = probing()
    for _ in range(PROBE_TRIES - 1):
        dialogue.expire()
        assert dialogue.sent_inputs() == [PROBE]
    dialogue.expire()
    assert dialogue.sent_inputs() == [EMPTY]
    dialogue.receive(ack(1))
    assert sizes(dialogue, SIZE) == [DEFAULT_PAYLOAD_SIZE] * 4


def test_a_probe_that_is_swallowed_while_the_rest_gets_through_is_given_up() -> None:
    """What comes after it is acknowledged, and so makes it due again and again."""
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
        pytest.fail("it was never given up")
    assert sent == PROBE_TRIES


def test_nothing_is_tried_at_the_end_of_input() -> None:
    dialogue = shaken(payload_size=SIZE)
    dialogue.channel.send_eof()
    dialogue.receive(output(2, b"banner"))
    assert [kind for _, kind, _ in dialogue.sent_inputs()] == [PayloadType.FLAG]


def test_an_accepted_size_outlives_the_link() -> None:
    dialogue = probing()
    dialogue.receive(ack(1))
    dialogue.lose()
    dialogue.link()
    assert sizes(dialogue, SIZE) == [SIZE]


@pytest.mark.parametrize("size", [1, 100, DEFAULT_PAYLOAD_SIZE])
def test_a_smaller_size_holds_at_once(size: int) -> None:
    dialogue = shaken(payload_size=size)
    dialogue.receive(output(2, b"banner"))
    assert sizes(dialogue, 3 * size) == [size] * 3
