"""The timers and the pauses of a channel."""

from __future__ import annotations

from itertools import pairwise

import pytest

from connector.datachannel.messages import PAUSE_PUBLICATION, START_PUBLICATION, PayloadType
from connector.datachannel.recovery import Recovery
from connector.datachannel.streams import MAX_ACKS

from .helpers import (
    Dialogue,
    ack,
    acked_numbers,
    after_first_output,
    after_handshake,
    handshake_complete,
    handshake_request,
    inputs,
    output,
    received,
    service,
)


def pause_by(dialogue: Dialogue, kind: str, name: str) -> None:
    if kind == "text":
        assert dialogue.channel.receive_text(name) == []
    else:
        assert dialogue.receive(service(name)) == []


# The timer.


def test_timer_is_set_while_messages_are_in_flight() -> None:
    dialogue = after_first_output()
    assert dialogue.channel.get_timer() is None
    dialogue.now = 3.0
    dialogue.send(b"x")
    dialogue.sent()
    timer = dialogue.channel.get_timer()
    assert timer is not None
    assert 3.0 < timer <= 3.2
    dialogue.receive(ack(1))
    assert dialogue.channel.get_timer() is None


def test_timer_retransmits_the_handshake_response() -> None:
    dialogue = Dialogue()
    dialogue.link()
    assert dialogue.channel.get_timer() is None
    dialogue.receive(handshake_request())
    first = dialogue.sent_inputs()
    assert dialogue.expire() == pytest.approx(0.2)
    assert dialogue.sent_inputs() == first


def test_timer_is_the_earlier_of_retransmission_and_grace() -> None:
    dialogue = Dialogue()
    dialogue.link()
    dialogue.receive(handshake_request())
    dialogue.sent()
    dialogue.receive(handshake_complete())
    dialogue.send(b"x")
    assert dialogue.channel.get_timer() == pytest.approx(0.2)  # the response is in flight
    dialogue.receive(ack(0))
    assert dialogue.channel.get_timer() == pytest.approx(0.25)


def test_grace_sets_a_timer_only_while_it_holds_something() -> None:
    """The terminate flag also waits for the ack of the handshake response."""
    dialogue = Dialogue(first_output_grace=0.1)
    dialogue.link()
    dialogue.receive(handshake_request())
    dialogue.sent()
    dialogue.receive(handshake_complete())
    dialogue.channel.send_eof()
    assert dialogue.channel.get_timer() == pytest.approx(0.2)  # the retransmission
    dialogue.receive(ack(0))
    assert dialogue.expire() == pytest.approx(0.1)
    assert [kind for _, kind, _ in dialogue.sent_inputs()] == [PayloadType.FLAG]
    assert dialogue.channel.get_timer() == pytest.approx(0.1 + Recovery.EARLY_INTERVAL)


@pytest.mark.parametrize("end", ["pause", "lost", "failed", "closed"])
def test_timer_is_unset_while_nothing_can_be_sent(end: str) -> None:
    dialogue = after_first_output()
    dialogue.send(b"x")
    dialogue.sent()
    assert dialogue.channel.get_timer() is not None
    if end == "pause":
        dialogue.receive(service(PAUSE_PUBLICATION))
    elif end == "lost":
        dialogue.lose()
    elif end == "failed":
        dialogue.receive(output(-1, b""))
    else:
        dialogue.receive(service("channel_closed"))
    assert dialogue.channel.get_timer() is None


def test_timer_backs_off() -> None:
    dialogue = after_first_output()
    dialogue.send(b"x")
    dialogue.sent()
    timers = []
    for _ in range(6):
        timers.append(dialogue.expire())
        assert dialogue.sent_data() == b"x"
    steps = [later - earlier for earlier, later in pairwise(timers)]
    assert steps[-1] == pytest.approx(1.0)
    assert steps == sorted(steps)
    assert steps[0] > 0.2


# Early retransmits, while no output has proved that the agent takes input.


def after_grace(data: bytes) -> Dialogue:
    """Return a dialogue after the grace, with ``data`` just sent."""
    dialogue = after_handshake()
    dialogue.send(data)
    dialogue.expire()
    assert dialogue.sent_data() == data
    return dialogue


def test_input_sent_after_the_grace_is_retransmitted_early() -> None:
    dialogue = after_grace(b"HELLO")
    for _ in range(Recovery.EARLY_TRIES):
        before = dialogue.now
        dialogue.expire()
        assert dialogue.now - before == pytest.approx(Recovery.EARLY_INTERVAL)
        assert dialogue.sent_data() == b"HELLO"
    before = dialogue.now
    dialogue.expire()
    assert dialogue.now - before > 0.1


def test_ack_of_the_first_input_stops_early_retransmits() -> None:
    dialogue = after_grace(b"HELLO")
    dialogue.expire()
    dialogue.sent()
    dialogue.receive(ack(1))
    dialogue.send(b"more")
    dialogue.sent()
    timer = dialogue.channel.get_timer()
    assert timer is not None
    assert timer - dialogue.now >= 0.1


def test_input_after_the_first_output_is_not_retransmitted_early() -> None:
    dialogue = after_handshake()
    dialogue.send(b"HELLO")
    dialogue.receive(output(2, b"banner"))
    assert dialogue.sent_data() == b"HELLO"
    timer = dialogue.channel.get_timer()
    assert timer is not None
    assert timer - dialogue.now >= 0.1


def test_grace_that_expires_without_input_starts_no_early_retransmits() -> None:
    dialogue = after_handshake()
    dialogue.now = 10.0
    dialogue.sent()
    dialogue.send(b"late")
    assert dialogue.sent_data() == b"late"
    timer = dialogue.channel.get_timer()
    assert timer is not None
    assert timer - dialogue.now >= 0.1


def test_first_output_triggers_the_last_early_retransmit() -> None:
    dialogue = after_grace(b"HELLO")
    dialogue.now += 0.005
    dialogue.receive(output(2, b"welcome"))
    assert (
        dialogue.sent_data() == b"HELLO"
    )  # the agent takes input now, and may have refused it before
    timer = dialogue.channel.get_timer()
    assert timer is not None
    assert timer - dialogue.now >= 0.1


# Pauses.


@pytest.mark.parametrize("kind", ["text", "binary"])
def test_pause_holds_data_and_not_acks(kind: str) -> None:
    dialogue = after_first_output()
    dialogue.send(b"sent")
    dialogue.sent()
    dialogue.receive(output(3, b"x"))
    dialogue.send(b"kept")
    pause_by(dialogue, kind, PAUSE_PUBLICATION)
    assert dialogue.channel.paused
    sent = dialogue.sent()
    assert (acked_numbers(sent), inputs(sent)) == ([3], [])
    dialogue.now = 60.0
    assert dialogue.sent() == []
    pause_by(dialogue, kind, START_PUBLICATION)
    assert not dialogue.channel.paused
    assert dialogue.sent_data() == b"kept"


@pytest.mark.parametrize("frame", [output(3, b"x"), output(2, b"banner"), ack(0)])
def test_output_or_ack_ends_a_pause(frame: bytes) -> None:
    dialogue = after_first_output()
    pause_by(dialogue, "binary", PAUSE_PUBLICATION)
    dialogue.send(b"kept")
    assert dialogue.sent() == []
    dialogue.receive(frame)
    assert dialogue.sent_data() == b"kept"


@pytest.mark.parametrize("name", ["agent_session_state", "whatever"])
def test_other_messages_do_not_end_a_pause(name: str) -> None:
    dialogue = after_first_output()
    pause_by(dialogue, "binary", PAUSE_PUBLICATION)
    dialogue.receive(service(name), b"garbage")
    dialogue.channel.receive_text(name)
    assert dialogue.channel.paused


def test_message_in_flight_before_a_pause_is_retransmitted_after_it() -> None:
    dialogue = after_first_output()
    dialogue.send(b"lost")
    dialogue.sent()
    pause_by(dialogue, "text", PAUSE_PUBLICATION)
    dialogue.now = 60.0
    pause_by(dialogue, "text", START_PUBLICATION)
    assert dialogue.expire() < 1.0  # overdue
    assert dialogue.sent_data() == b"lost"


def test_white_space_in_a_text_frame_is_ignored() -> None:
    dialogue = after_first_output()
    dialogue.channel.receive_text(" pause_publication\r\n")
    assert dialogue.channel.paused


def test_waiting_acks_are_bounded_and_dropped_acks_are_made_again() -> None:
    dialogue = after_first_output()
    messages = [output(number, b"x") for number in range(3, MAX_ACKS + 103)]
    assert received(dialogue.receive(*messages)) == b"x" * len(messages)
    assert received(dialogue.receive(*messages)) == b""
    assert acked_numbers(dialogue.sent()) == list(range(3, MAX_ACKS + 3))
    dialogue.receive(*messages[-100:])
    assert acked_numbers(dialogue.sent())[-1] == MAX_ACKS + 102
