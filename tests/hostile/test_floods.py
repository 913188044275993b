"""Floods in the middle of a session: memory stays bounded."""

from __future__ import annotations

import pytest

from connector.datachannel.agentmessage import AgentMessage
from connector.datachannel.messages import CHANNEL_CLOSED, PAUSE_PUBLICATION

from .conftest import MEMORY, Attach
from .gateway import (
    BINARY,
    CONTINUATION,
    PING,
    TEXT,
    Conversation,
    frame,
    handshake,
    output,
    request,
    stream,
)

MIB = 1 << 20
CLOSED = frame(BINARY, AgentMessage(CHANNEL_CLOSED, b"{}").encode())

#: Name of a flood -> one frame of it, and the MiB of the flood.
FLOODS = {
    "text": (frame(TEXT, b"hello " * 600), 33),
    "unknown messages": (frame(BINARY, AgentMessage("whatever", b"x" * 900).encode()), 28),
    "pauses": (frame(BINARY, AgentMessage(PAUSE_PUBLICATION).encode()), 11),
    "duplicates": (request(), 11),
    "duplicates without a payload": (output(2, b""), 8),
    "unknown payloads": (stream(2, 4, b""), 8),
    "more than the reorder buffer holds": (output(20_000, b"x"), 8),
    "ones that wait for their turn": (output(999_999, bytes(1000)), 28),
    # Here the number of frames costs, some 110,000. Objects that are kept would exceed the bound.
    "empty texts": (frame(TEXT), 0.22),
    "small fragments of a text": (frame(TEXT, b"x", fin=False) + frame(CONTINUATION, b"x"), 0.28),
}

#: The greatest memory in KiB that these floods may take: less than a client that keeps them.
FLOODED = 20 * 1024

#: The floods that leave a gap.
AHEAD = ("more than the reorder buffer holds", "ones that wait for their turn")


def flood(client: Conversation, one: bytes, mebibytes: float) -> None:
    chunk = one * (65536 // len(one) + 1)
    for _ in range(int(mebibytes * MIB) // len(chunk)):
        client.send(chunk)


@pytest.mark.parametrize("case", FLOODS)
def test_flood_without_reading_the_answers_takes_bounded_memory(attach: Attach, case: str) -> None:
    def play(client: Conversation) -> None:
        client.accept()
        client.read_some()
        client.send(handshake(), output(2, b"good"))
        flood(client, *FLOODS[case])
        client.send(output(3, b"good"), CLOSED)

    verdict = attach(play).verdict(60)
    assert verdict.stdout == b"goodgood"
    if case in AHEAD:
        assert verdict.exit_code == 74
        assert "before all of its output had arrived" in verdict.stderr
    else:
        assert (verdict.exit_code, verdict.stderr) == (0, "")
    assert verdict.peak_kib < FLOODED


def test_small_fragments_are_joined_in_bounded_memory(attach: Attach) -> None:
    whole = AgentMessage("output_stream_data", bytes(MIB), 1, 2).encode()
    pieces = [frame(CONTINUATION, whole[at : at + 7], fin=False) for at in range(0, len(whole), 7)]
    nothing = frame(CONTINUATION, fin=False) * 300_000

    def play(client: Conversation) -> None:
        client.accept()
        client.read_some()
        client.send(handshake(), frame(BINARY, fin=False), *pieces, nothing, frame(CONTINUATION))
        client.send(CLOSED)

    verdict = attach(play).verdict(60)
    assert (verdict.exit_code, verdict.stderr) == (0, "")
    assert verdict.stdout == bytes(MIB)
    assert verdict.peak_kib < MEMORY


def test_unread_pongs_end_the_link(attach: Attach) -> None:
    """The client gives up a gateway that sends pings and reads no pongs, and does not reconnect."""

    def play(client: Conversation) -> None:
        client.accept()
        client.read_some()
        client.send(handshake(), output(2, b"good"))
        flood(client, frame(PING, bytes(125)), 1000)  # the client leaves long before

    verdict = attach(play).verdict(60)
    assert (verdict.exit_code, verdict.connections) == (76, 1), verdict
    words = "The gateway does not read the answers that it asks for"
    assert verdict.stderr == f"connector: {words}\n"
    assert verdict.stdout == b"good"
    assert verdict.peak_kib < MEMORY
