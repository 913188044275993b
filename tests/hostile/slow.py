"""Gateways that keep talking and make no progress."""

from __future__ import annotations

import time

from connector.datachannel.agentmessage import AgentMessage
from connector.datachannel.messages import PAUSE_PUBLICATION

from .gateway import BINARY, CONTINUATION, PING, TEXT, Conversation, Play, frame, request

#: Seconds between two sends, so that they cause no load on any machine.
PAUSE = 0.02


def repeating(words: bytes, first: bytes = b"", pause: float = PAUSE) -> Play:
    """Return a part that sends ``words`` for ever after the upgrade."""

    def play(client: Conversation) -> None:
        client.accept()
        client.read_some()
        client.send(first)
        while True:
            client.send(words)
            time.sleep(pause)

    return play


def silent_before_the_upgrade(client: Conversation) -> None:
    client.read_upgrade()


def dripping(answer: bytes) -> Play:
    """Return a part that answers the upgrade one byte at a time."""

    def play(client: Conversation) -> None:
        client.read_upgrade()
        for byte in answer:
            client.send(bytes([byte]))
            time.sleep(PAUSE)

    return play


AGENT = "The target's agent does not answer"
UPGRADE = "The gateway does not answer the upgrade to a WebSocket"

SLOW: dict[str, Play] = {
    "upgrade that never comes": silent_before_the_upgrade,
    "upgrade that drips": dripping(b"HTTP/1.1 101 Switching Protocols\r\n" + b"X: y\r\n" * 9999),
    "refusal that drips": dripping(b"HTTP/1.1 403 No\r\nX: " + b"because " * 7999),
    "text": repeating(frame(TEXT, b"hello") * 50),
    "unknown messages": repeating(frame(BINARY, AgentMessage("agent_session_state").encode()) * 9),
    "pauses": repeating(frame(BINARY, AgentMessage(PAUSE_PUBLICATION).encode()) * 9),
    "handshake asked for again and again": repeating(request() * 9),
    "handshake without an end": repeating(frame(PING), request()),
    "fragments of nothing": repeating(
        frame(CONTINUATION, fin=False) * 50, frame(BINARY, fin=False)
    ),
    "frame that drips": repeating(b"x", frame(BINARY, bytes(99999))[:10]),
}

HANDSHAKE = "The target's agent does not complete the handshake"

#: Case -> words of the error, for the cases that do not end with AGENT.
WORDS = {
    "handshake asked for again and again": HANDSHAKE,
    "handshake without an end": HANDSHAKE,
    "upgrade that never comes": UPGRADE,
    "upgrade that drips": UPGRADE,
    "refusal that drips": UPGRADE,
}
