"""Frames of the agent, and a dialogue with a channel on a clock of the test."""

from __future__ import annotations

import itertools
import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from connector.datachannel.agentmessage import AgentMessage
from connector.datachannel.events import DataReceived, Event
from connector.datachannel.messages import (
    ACKNOWLEDGE,
    INPUT_STREAM_DATA,
    OUTPUT_STREAM_DATA,
    PayloadType,
)
from connector.datachannel.payloads import acknowledge, acknowledged_sequence_number

from .recording import RecordedChannel

DATA = Path(__file__).parent / "data"
CLIENT_ID = "11111111-2222-4333-8444-555555555555"
EPOCH = 1_700_000_000.0


def load(name: str) -> Any:
    """Load recorded data of the published client and agent."""
    return json.loads((DATA / f"{name}.json").read_text())


def counting_ids() -> Callable[[int], bytes]:
    """Return a source of message ids that differ, and are the same in every run."""
    counter = itertools.count(1)

    def new_ids(size: int) -> bytes:
        return b"".join(next(counter).to_bytes(16, "big") for _ in range(size // 16))

    return new_ids


def make_channel(**options: Any) -> RecordedChannel:
    arguments: dict[str, Any] = {
        "client_id": CLIENT_ID,
        "epoch_offset": EPOCH,
        "new_ids": counting_ids(),
    }
    return RecordedChannel(**(arguments | options))


# Frames of the agent and of the service.


def stream(number: int, payload_type: int, payload: bytes) -> bytes:
    """Return a stream message of the agent. Its id contains its number."""
    return AgentMessage(
        OUTPUT_STREAM_DATA,
        payload,
        payload_type,
        number,
        message_id=(number % 2**64).to_bytes(16, "big"),
    ).encode()


def output(number: int, data: bytes) -> bytes:
    return stream(number, PayloadType.OUTPUT, data)


def ack(number: int) -> bytes:
    return AgentMessage(
        ACKNOWLEDGE, acknowledge(INPUT_STREAM_DATA, bytes(16), number), flags=3
    ).encode()


def service(message_type: str, payload: bytes = b"{}") -> bytes:
    return AgentMessage(message_type, payload).encode()


def session_type_action(
    session_type: object = "Port", properties: object = None
) -> dict[str, object]:
    return {
        "ActionType": "SessionType",
        "ActionParameters": {"SessionType": session_type, "Properties": properties},
    }


def handshake_request(*actions: dict[str, object], number: int = 0) -> bytes:
    document = {
        "AgentVersion": "3.3.0.0",
        "RequestedClientActions": list(actions) or [session_type_action()],
    }
    return stream(number, PayloadType.HANDSHAKE_REQUEST, json.dumps(document).encode())


def handshake_complete(number: int = 1, message: str = "") -> bytes:
    document = {"HandshakeTimeToComplete": 1_000_000, "CustomerMessage": message}
    return stream(number, PayloadType.HANDSHAKE_COMPLETE, json.dumps(document).encode())


# Messages of the client.


def acked_numbers(messages: Sequence[AgentMessage]) -> list[int]:
    """Return the numbers that the acks among these messages name."""
    return [
        acknowledged_sequence_number(message.payload)
        for message in messages
        if message.message_type == ACKNOWLEDGE
    ]


def inputs(messages: Sequence[AgentMessage]) -> list[tuple[int, int, bytes]]:
    """Return number, payload type and payload of the stream messages among these."""
    return [
        (message.sequence_number, message.payload_type, message.payload)
        for message in messages
        if message.message_type == INPUT_STREAM_DATA
    ]


def received(events: Sequence[Event]) -> bytes:
    """Return the stream bytes of these events."""
    return b"".join(event.data for event in events if isinstance(event, DataReceived))


class Dialogue:
    """A channel and its clock; decodes what the channel sends."""

    def __init__(self, **options: Any) -> None:
        self.now = 0.0
        self.channel = make_channel(**options)

    def link(self, token: str = "token") -> str:
        return self.channel.connection_made(token, self.now)

    def lose(self) -> None:
        self.channel.connection_lost(self.now)

    def receive(self, *frames: bytes) -> list[Event]:
        return self.channel.receive_messages(list(frames), self.now)

    def send(self, data: bytes) -> int:
        return self.channel.send_data(data)

    def sent(self) -> list[AgentMessage]:
        """Return the messages that leave now."""
        return [AgentMessage.decode(frame) for frame in self.channel.messages_to_send(self.now)]

    def sent_inputs(self) -> list[tuple[int, int, bytes]]:
        return inputs(self.sent())

    def sent_data(self) -> bytes:
        return b"".join(
            payload for _, kind, payload in self.sent_inputs() if kind == PayloadType.OUTPUT
        )

    def expire(self) -> float:
        """Let the timer of the channel expire; return its time."""
        timer = self.channel.get_timer()
        assert timer is not None
        self.now = max(self.now, timer)
        self.channel.handle_timer(self.now)
        return timer


def after_handshake(session_type: str = "Port", **options: Any) -> Dialogue:
    """Return a dialogue after the handshake, before the first output. Our response is message 0."""
    dialogue = Dialogue(**options)
    dialogue.link()
    dialogue.receive(handshake_request(session_type_action(session_type)))
    dialogue.sent()
    dialogue.receive(ack(0), handshake_complete())
    dialogue.sent()
    return dialogue


def after_first_output(**options: Any) -> Dialogue:
    """Return a dialogue after the first output, with nothing in flight.

    Our next message is number 1, the agent's next is 3.
    """
    dialogue = after_handshake(**options)
    dialogue.receive(output(2, b"banner"))
    dialogue.sent()
    return dialogue
