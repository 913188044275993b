"""The size of the terminal, and sessions that begin in silence."""

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


def with_size() -> Dialogue:
    dialogue = Dialogue()
    dialogue.channel.resize(300, 100)
    dialogue.link()
    return dialogue


def asking() -> Dialogue:
    """Return a dialogue after the silence, with the size sent as message 0."""
    dialogue = with_size()
    assert dialogue.sent() == []
    assert dialogue.expire() == SILENCE
    assert dialogue.sent_inputs() == [(0, SIZE, WIDE)]
    return dialogue


# Sizes


def test_size_follows_the_first_output_ahead_of_input() -> None:
    dialogue = with_size()
    dialogue.send(b"ls\n")
    assert dialogue.sent_inputs() == []
    assert dialogue.receive(output(0, b"$ ")) == [SessionOpened(None, ""), DataReceived(b"$ ")]
    assert dialogue.sent_inputs() == [(0, SIZE, WIDE), (1, OUTPUT, b"ls\n")]


def test_after_a_handshake_the_size_waits_as_input_does() -> None:
    """The published client does not hold its size, and the agent may ack and drop it."""
    dialogue = with_size()
    dialogue.receive(handshake_request(COMMANDS))
    dialogue.sent()
    dialogue.receive(ack(0), handshake_complete())
    assert dialogue.sent_inputs() == []
    assert dialogue.expire() == FIRST_OUTPUT_GRACE
    assert dialogue.sent_inputs() == [(1, SIZE, WIDE)]


def test_only_the_newest_size_is_sent() -> None:
    dialogue = with_size()
    dialogue.receive(output(0, b"$ "))
    dialogue.sent()
    for columns in range(100, 80, -1):
        dialogue.channel.resize(columns, 30)
    dialogue.channel.resize(80, 24)
    assert dialogue.sent_inputs() == [(1, SIZE, SMALL)]
    assert dialogue.sent_inputs() == []


def test_size_that_the_agent_has_is_not_sent_again() -> None:
    dialogue = with_size()
    dialogue.receive(output(0, b"$ "))
    dialogue.sent()
    dialogue.channel.resize(80, 24)
    dialogue.channel.resize(300, 100)
    assert dialogue.sent_inputs() == []


def test_size_is_kept_during_a_pause() -> None:
    dialogue = with_size()
    dialogue.receive(output(0, b"$ "))
    dialogue.sent()
    dialogue.receive(ack(0), service("pause_publication"))
    dialogue.channel.resize(80, 24)
    assert dialogue.sent_inputs() == []
    dialogue.receive(service("start_publication"))
    assert dialogue.sent_inputs() == [(1, SIZE, SMALL)]


def test_size_lost_with_its_link_is_retransmitted_on_the_next() -> None:
    dialogue = with_size()
    dialogue.receive(output(0, b"$ "))
    assert dialogue.sent_inputs() == [(0, SIZE, WIDE)]
    dialogue.lose()
    dialogue.link()
    assert dialogue.sent_inputs() == [(0, SIZE, WIDE)]


# Silence


def test_ack_of_the_size_opens_a_silent_session() -> None:
    dialogue = asking()
    assert dialogue.receive(ack(0)) == [SessionOpened(None, "")]
    assert dialogue.channel.state == State.OPEN


def test_input_waits_after_the_ack_of_the_size() -> None:
    dialogue = asking()
    dialogue.send(b"input")
    dialogue.receive(ack(0))
    assert dialogue.sent_inputs() == []
    answered = dialogue.now
    assert dialogue.expire() == answered + SILENT_START_GRACE
    assert dialogue.sent_inputs() == [(1, OUTPUT, b"input")]


def test_output_after_the_ack_of_the_size_releases_input() -> None:
    dialogue = asking()
    dialogue.send(b"input")
    dialogue.receive(ack(0))
    assert dialogue.receive(output(0, b"ready")) == [DataReceived(b"ready")]
    assert dialogue.sent_data() == b"input"


def test_size_is_retransmitted_until_the_agent_acks_it() -> None:
    dialogue = asking()
    dialogue.expire()
    assert dialogue.sent_inputs() == [(0, SIZE, WIDE)]
    assert dialogue.channel.state == State.OPENING
    assert dialogue.receive(output(0, b"$ ")) == [SessionOpened(None, ""), DataReceived(b"$ ")]


@pytest.mark.parametrize("answered", [True, False])
def test_handshake_after_the_silence_is_answered_and_the_size_sent_again(answered: bool) -> None:
    """The agent acks input before its HandshakeComplete, and drops it."""
    dialogue = asking()
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


def test_handshake_after_input_was_sent_fails_the_channel() -> None:
    dialogue = asking()
    dialogue.send(b"input")
    dialogue.receive(ack(0))
    dialogue.expire()
    assert dialogue.sent_data() == b"input"
    (failed,) = dialogue.receive(handshake_request(COMMANDS))
    assert isinstance(failed, ChannelFailed)
    assert "second handshake" in str(failed.error)


def test_silence_starts_again_with_a_new_link() -> None:
    dialogue = with_size()
    dialogue.now = 1.5
    dialogue.lose()
    dialogue.now = 3.0
    dialogue.link()
    assert dialogue.expire() == 3.0 + SILENCE
    assert dialogue.sent_inputs() == [(0, SIZE, WIDE)]


def test_silence_without_a_size_sends_nothing() -> None:
    """A Port session always has a handshake, and drops input before it."""
    dialogue = Dialogue()
    dialogue.link()
    dialogue.send(b"SSH-2.0-client\r\n")
    assert dialogue.channel.get_timer() is None


def test_silent_session_can_be_closed() -> None:
    dialogue = asking()
    assert dialogue.receive(service("channel_closed", b"{}")) == [ChannelClosed("")]
    assert dialogue.channel.get_timer() is None


def test_recorded_request_for_encryption_is_refused() -> None:
    kms: dict[str, object] = {
        "ActionType": "KMSEncryption",
        "ActionParameters": {"KMSKeyId": "arn:lab:key", "Challenge": "FHxnblv+AHpTedAEZzf/jQ=="},
    }
    dialogue = with_size()
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
    dialogue = with_size()
    dialogue.receive(handshake_request(session_type_action("Port")))
    dialogue.sent()
    dialogue.receive(ack(0), handshake_complete())
    dialogue.receive(output(2, b"banner"))
    dialogue.channel.resize(80, 24)
    assert dialogue.send(b"x") == 1
    assert [kind for _, kind, _ in dialogue.sent_inputs()] == [OUTPUT]
