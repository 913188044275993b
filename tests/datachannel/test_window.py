"""The size of the window, and the sessions that begin without a word."""

from __future__ import annotations

import json

import pytest

from connector.datachannel.events import ChannelClosed, ChannelFailed, DataReceived, SessionOpened
from connector.datachannel.messages import PayloadType
from connector.datachannel.phases import State
from connector.datachannel.progress import FIRST_OUTPUT_GRACE, SILENCE, SILENT_START_GRACE

from .helpers import (
    Dialogue,
    ack,
    handshake_complete,
    handshake_request,
    output,
    service,
    session_type_action,
)

SIZE = PayloadType.SIZE
OUTPUT = PayloadType.OUTPUT
WIDE = b'{"cols":300,"rows":100}'
SMALL = b'{"cols":80,"rows":24}'
COMMANDS = session_type_action("NonInteractiveCommands")


def sized() -> Dialogue:
    dialogue = Dialogue()
    dialogue.channel.resize(300, 100)
    dialogue.link()
    return dialogue


def asked() -> Dialogue:
    """After the silence: the size is message 0."""
    dialogue = sized()
    assert dialogue.sent() == []
    assert dialogue.expire() == SILENCE
    assert dialogue.sent_inputs() == [(0, SIZE, WIDE)]
    return dialogue


# Sizes


def test_the_size_follows_the_first_output_ahead_of_input() -> None:
    dialogue = sized()
    dialogue.send(b"ls\n")
    assert dialogue.sent_inputs() == []
    assert dialogue.receive(output(0, b"$ ")) == [SessionOpened(None, ""), DataReceived(b"$ ")]
    assert dialogue.sent_inputs() == [(0, SIZE, WIDE), (1, OUTPUT, b"ls\n")]


def test_after_a_handshake_the_size_waits_as_input_does() -> None:
    """The published client does not wait: the agent may acknowledge and drop what it sends."""
    dialogue = sized()
    dialogue.receive(handshake_request(COMMANDS))
    dialogue.sent()
    dialogue.receive(ack(0), handshake_complete())
    assert dialogue.sent_inputs() == []
    assert dialogue.expire() == FIRST_OUTPUT_GRACE
    assert dialogue.sent_inputs() == [(1, SIZE, WIDE)]


def test_of_sizes_that_come_fast_the_last_is_sent() -> None:
    dialogue = sized()
    dialogue.receive(output(0, b"$ "))
    dialogue.sent()
    for columns in range(100, 80, -1):
        dialogue.channel.resize(columns, 30)
    dialogue.channel.resize(80, 24)
    assert dialogue.sent_inputs() == [(1, SIZE, SMALL)]
    assert dialogue.sent_inputs() == []


def test_a_size_that_the_far_end_has_is_not_sent_again() -> None:
    dialogue = sized()
    dialogue.receive(output(0, b"$ "))
    dialogue.sent()
    dialogue.channel.resize(80, 24)
    dialogue.channel.resize(300, 100)
    assert dialogue.sent_inputs() == []


def test_a_size_is_kept_while_the_far_end_is_away() -> None:
    dialogue = sized()
    dialogue.receive(output(0, b"$ "))
    dialogue.sent()
    dialogue.receive(ack(0), service("pause_publication"))
    dialogue.channel.resize(80, 24)
    assert dialogue.sent_inputs() == []
    dialogue.receive(service("start_publication"))
    assert dialogue.sent_inputs() == [(1, SIZE, SMALL)]


def test_a_size_that_was_lost_with_its_link_is_sent_on_the_next() -> None:
    dialogue = sized()
    dialogue.receive(output(0, b"$ "))
    assert dialogue.sent_inputs() == [(0, SIZE, WIDE)]
    dialogue.lose()
    dialogue.link()
    assert dialogue.sent_inputs() == [(0, SIZE, WIDE)]


# Silence


def test_a_far_end_that_says_nothing_is_asked_by_the_size() -> None:
    dialogue = asked()
    assert dialogue.receive(ack(0)) == [SessionOpened(None, "")]
    assert dialogue.channel.state == State.OPEN


def test_input_waits_for_a_while_after_the_answer_to_the_silence() -> None:
    dialogue = asked()
    dialogue.send(b"input")
    dialogue.receive(ack(0))
    assert dialogue.sent_inputs() == []
    answered = dialogue.now
    assert dialogue.expire() == answered + SILENT_START_GRACE
    assert dialogue.sent_inputs() == [(1, OUTPUT, b"input")]


def test_output_after_the_answer_releases_input_at_once() -> None:
    dialogue = asked()
    dialogue.send(b"input")
    dialogue.receive(ack(0))
    assert dialogue.receive(output(0, b"ready")) == [DataReceived(b"ready")]
    assert dialogue.sent_data() == b"input"


def test_an_agent_that_takes_no_input_yet_is_asked_again() -> None:
    dialogue = asked()
    dialogue.expire()
    assert dialogue.sent_inputs() == [(0, SIZE, WIDE)]
    assert dialogue.channel.state == State.OPENING
    assert dialogue.receive(output(0, b"$ ")) == [SessionOpened(None, ""), DataReceived(b"$ ")]


@pytest.mark.parametrize("answered", [True, False])
def test_a_handshake_after_the_silence_is_done_and_the_size_sent_again(answered: bool) -> None:
    """The agent acknowledges what comes before its handshake's end, and drops it."""
    dialogue = asked()
    dialogue.send(b"input")
    if answered:
        dialogue.receive(ack(0))
    assert dialogue.receive(handshake_request(COMMANDS)) == []
    assert dialogue.channel.state == State.OPENING
    assert [kind for _, kind, _ in dialogue.sent_inputs()] == [PayloadType.HANDSHAKE_RESPONSE]
    events = dialogue.receive(ack(0), ack(1), handshake_complete())
    assert events == [SessionOpened("NonInteractiveCommands", "")]
    assert dialogue.sent_inputs() == []
    dialogue.expire()
    assert dialogue.sent_inputs() == [(2, SIZE, WIDE), (3, OUTPUT, b"input")]


def test_a_handshake_after_input_was_sent_is_refused() -> None:
    dialogue = asked()
    dialogue.send(b"input")
    dialogue.receive(ack(0))
    dialogue.expire()
    assert dialogue.sent_data() == b"input"
    (failed,) = dialogue.receive(handshake_request(COMMANDS))
    assert isinstance(failed, ChannelFailed)
    assert "second handshake" in str(failed.error)


def test_a_link_that_is_lost_in_the_silence_begins_it_anew() -> None:
    dialogue = sized()
    dialogue.now = 1.5
    dialogue.lose()
    dialogue.now = 3.0
    dialogue.link()
    assert dialogue.expire() == 3.0 + SILENCE
    assert dialogue.sent_inputs() == [(0, SIZE, WIDE)]


def test_without_a_size_nobody_is_asked() -> None:
    """A Port session always has a handshake; before it, what is sent is lost."""
    dialogue = Dialogue()
    dialogue.link()
    dialogue.send(b"SSH-2.0-client\r\n")
    assert dialogue.channel.get_timer() is None


def test_a_session_that_ends_in_silence() -> None:
    dialogue = asked()
    assert dialogue.receive(service("channel_closed", b"{}")) == [ChannelClosed("")]
    assert dialogue.channel.get_timer() is None


def test_a_session_that_is_to_be_encrypted_is_refused_as_recorded() -> None:
    kms: dict[str, object] = {
        "ActionType": "KMSEncryption",
        "ActionParameters": {"KMSKeyId": "arn:lab:key", "Challenge": "FHxnblv+AHpTedAEZzf/jQ=="},
    }
    dialogue = sized()
    request = handshake_request(session_type_action("Standard_Stream"), kms)
    (failed,) = dialogue.receive(request)
    assert isinstance(failed, ChannelFailed)
    assert failed.error.exit_code == 76
    assert "must be encrypted with a KMS key" in str(failed.error)
    assert "Use ssh" in str(failed.error)
    ((_, _, response),) = dialogue.sent_inputs()
    actions = json.loads(response)["ProcessedClientActions"]
    assert [(action["ActionType"], action["ActionStatus"]) for action in actions] == [
        ("SessionType", 1),
        ("KMSEncryption", 3),
    ]


def test_size_is_not_sent_to_a_port() -> None:
    dialogue = sized()
    dialogue.receive(handshake_request(session_type_action("Port")))
    dialogue.sent()
    dialogue.receive(ack(0), handshake_complete())
    dialogue.receive(output(2, b"banner"))
    dialogue.channel.resize(80, 24)
    assert dialogue.send(b"x") == 1
    assert [kind for _, kind, _ in dialogue.sent_inputs()] == [OUTPUT]
