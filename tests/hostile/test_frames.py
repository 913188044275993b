"""WebSocket frames that break the protocol, and unusual ones that do not."""

from __future__ import annotations

from itertools import repeat

import pytest

from connector.datachannel.agentmessage import AgentMessage
from connector.datachannel.messages import CHANNEL_CLOSED

from .conftest import MEMORY, Attach
from .gateway import (
    BINARY,
    CLOSE,
    CONTINUATION,
    PING,
    RSV1,
    TEXT,
    Conversation,
    frame,
    handshake,
    head,
    output,
)

MIB = 1 << 20
GOOD_END = frame(BINARY, AgentMessage(CHANNEL_CLOSED, b"{}").encode())

#: Name of a violation -> its bytes, and words of the error.
BROKEN = {
    "64 MiB": (head(BINARY, 64 * MIB) + bytes(MIB), "a frame of more than 4198400 bytes"),
    "exabytes": (head(BINARY, 2**63 - 1), "a frame of more than"),
    "more than 2^63": (b"\x82\x7f" + b"\xff" * 8, "a frame of more than"),
    "64 MiB of text": (head(TEXT, 64 * MIB), "a frame of more than"),
    "compressed": (frame(BINARY, b"\0" * 40, bits=RSV1), "broke the WebSocket protocol"),
    "all reserved bits": (frame(BINARY, b"", bits=0x70), "broke the WebSocket protocol"),
    "unknown opcode": (frame(3, b"x"), "broke the WebSocket protocol"),
    "unknown control frame": (frame(11, b"x"), "broke the WebSocket protocol"),
    "masked": (b"\x82\x81\0\0\0\0x", "broke the WebSocket protocol"),
    "fragmented ping": (frame(PING, b"x", fin=False), "broke the WebSocket protocol"),
    "long ping": (frame(PING, bytes(126)), "broke the WebSocket protocol"),
    "continuation without a start": (frame(CONTINUATION, b"x"), "broke the WebSocket protocol"),
    "message within a message": (
        frame(BINARY, b"x", fin=False) + frame(BINARY, b"x"),
        "broke the WebSocket protocol",
    ),
    "fragments of 5 MiB": (
        frame(BINARY, bytes(1000), fin=False) + frame(CONTINUATION, bytes(1000), fin=False) * 5000,
        "a frame of more than",
    ),
    "close without a code": (frame(CLOSE, b"x"), "broke the WebSocket protocol"),
    "close with an invalid code": (frame(CLOSE, b"\0\1bye"), "broke the WebSocket protocol"),
}


@pytest.mark.parametrize(
    ("case", "good"),
    [
        *((case, handshake() + output(2, b"good")) for case in BROKEN),
        # In one read with the response to the upgrade.
        *((case, b"") for case in ("64 MiB", "compressed", "close without a code")),
    ],
    ids=[*BROKEN, "64 MiB at once", "compressed at once", "close at once"],
)
def test_broken_frame_ends_the_session_after_the_output_before_it(
    attach: Attach, case: str, good: bytes
) -> None:
    data, words = BROKEN[case]

    def play(client: Conversation) -> None:
        client.accept()
        client.send(good + data)

    verdict = attach(play).verdict()
    assert verdict.exit_code == 76, verdict
    (line,) = verdict.stderr.splitlines()
    assert line.startswith("connector: The gateway ")
    assert words in line
    assert verdict.stdout == (b"good" if good else b"")
    assert verdict.connections == 1
    assert verdict.peak_kib < MEMORY


def test_long_close_reason_is_one_short_line(attach: Attach) -> None:
    reason = ("\x1b[31mno\r\n" * 20).encode()[:123]

    def play(client: Conversation) -> None:
        client.accept()
        client.send(frame(CLOSE, b"\x0f\xa0" + reason))

    verdict = attach(play).verdict()
    assert verdict.exit_code == 76
    (line,) = verdict.stderr.splitlines()
    assert line.isprintable()


def test_fragments_are_joined_and_pings_between_them_answered(attach: Attach) -> None:
    """The protocol allows this, although no known gateway does it."""
    payload = bytes(range(256)) * 40
    whole = AgentMessage("output_stream_data", payload, 1, 2).encode()
    pieces = [whole[at : at + 97] for at in range(0, len(whole), 97)]

    def play(client: Conversation) -> None:
        client.accept()
        client.send(handshake(), frame(BINARY, b"", fin=False))
        for piece in pieces:
            client.send(frame(CONTINUATION, piece, fin=False), frame(PING, b"?"))
        client.send(frame(CONTINUATION, b""))
        client.send(frame(TEXT, b"channel_", fin=False), frame(CONTINUATION, b"closed"))

    verdict = attach(play).verdict()
    assert (verdict.exit_code, verdict.stderr) == (0, "")
    assert verdict.stdout == payload


def test_text_frame_that_is_not_utf8_is_ignored(attach: Attach) -> None:
    def play(client: Conversation) -> None:
        client.accept()
        client.send(frame(TEXT, b"\xff\xfe"), handshake(), output(2, b"good"), GOOD_END)

    verdict = attach(play).verdict()
    assert (verdict.exit_code, verdict.stdout, verdict.stderr) == (0, b"good", "")


def test_garbage_instead_of_frames_ends_the_session(attach: Attach) -> None:
    def play(client: Conversation) -> None:
        client.accept()
        client.send_for_ever(repeat(b"HTTP/1.1 200 OK\r\n\r\n" * 500))

    verdict = attach(play).verdict()
    assert verdict.exit_code == 76
    assert "broke the WebSocket protocol" in verdict.stderr


def test_gateway_that_leaves_within_a_frame_ends_the_session(attach: Attach) -> None:
    def play(client: Conversation) -> None:
        client.accept()
        client.read_some()
        client.send(head(BINARY, 1000), bytes(500))
        raise ConnectionError("the gateway leaves")

    verdict = attach(play).verdict()
    assert verdict.exit_code == 76
    assert "closed the connection without a message" in verdict.stderr
