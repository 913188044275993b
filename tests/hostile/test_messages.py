"""Messages that are malformed, absurd or out of turn, in valid WebSocket frames."""

from __future__ import annotations

import json

import pytest

from connector.datachannel.agentmessage import AgentMessage
from connector.datachannel.messages import (
    CHANNEL_CLOSED,
    OUTPUT_STREAM_DATA,
    START_PUBLICATION,
    PayloadType,
)
from connector.datachannel.payloads import ClientAction

from .conftest import MEMORY, Attach, Verdict
from .gateway import (
    BINARY,
    Conversation,
    ack,
    complete,
    frame,
    handshake,
    output,
    request,
    stream,
)

MIB = 1 << 20
WHOLE = AgentMessage(OUTPUT_STREAM_DATA, b"never", PayloadType.OUTPUT, 2).encode()
VALID = frame(BINARY, AgentMessage(START_PUBLICATION).encode())


def patched(at: int, new: bytes) -> bytes:
    """Return a frame with a message that is valid except for these bytes."""
    return frame(BINARY, WHOLE[:at] + new + WHOLE[at + len(new) :])


def closed(output: str = "") -> bytes:
    payload = json.dumps({"Output": output}).encode()
    return frame(BINARY, AgentMessage(CHANNEL_CLOSED, payload).encode())


def talk(attach: Attach, *frames: bytes) -> Verdict:
    def play(client: Conversation) -> None:
        client.accept()
        client.read_some()
        client.send(*frames)

    return attach(play).verdict()


#: Malformed messages. The client drops each of them, and the session goes on.
MALFORMED = {
    "truncated": [frame(BINARY, WHOLE[:length]) for length in range(len(WHOLE))],
    "header beyond the frame": [
        patched(0, length.to_bytes(4, "big")) for length in (117, 125, 126, 2**31, 2**32 - 1)
    ],
    "short header": [patched(0, length.to_bytes(4, "big")) for length in (0, 1, 4, 36, 115)],
    "wrong digest": [patched(80 + place, b"\xff") for place in range(32)],
    "absurd length": [
        patched(116, length.to_bytes(4, "big")) for length in (0, 1, 4, 6, 2**31, 2**32 - 1)
    ],
    "no type": [patched(4, bytes(32)), patched(4, b" " * 32), patched(4, b"\xff" * 32)],
    "no date": [patched(40, bytes(8))],
}


@pytest.mark.parametrize("case", MALFORMED)
def test_malformed_message_is_dropped_and_its_retransmission_delivered(
    attach: Attach, case: str
) -> None:
    bad = b"".join(VALID + one for one in MALFORMED[case])
    verdict = talk(attach, handshake(), bad, output(2, b"good"), closed())
    assert (verdict.exit_code, verdict.stdout, verdict.stderr) == (0, b"good", "")


@pytest.mark.parametrize("case", ["truncated", "wrong digest", "absurd length"])
def test_hundred_malformed_messages_in_a_row_end_the_session(attach: Attach, case: str) -> None:
    bad = MALFORMED[case]
    verdict = talk(attach, handshake(), output(2, b"good"), *(bad * (100 // len(bad) + 1)))
    assert (verdict.exit_code, verdict.stdout) == (76, b"good")
    (line,) = verdict.stderr.splitlines()
    assert "message" in line


DEEP = b'{"a":' * 40_000 + b"1" + b"}" * 40_000
HUGE = b'{"a":"' + b"x" * MIB + b'"}'
WIDE = b"[" + b"{}," * 80_000 + b"{}]"
NUMBER = b'{"AgentVersion":' + b"9" * 200_000 + b"}"


def kms() -> bytes:
    return request(ClientAction("KMSEncryption", {"KMSKeyId": "key"}))


#: Name of a violation -> its frames, the exit code, and words of the error.
FATAL = {
    "negative number": (output(-1, b"x"), 76, "sent message -1 where 0 is due"),
    "least number": (output(-(2**63), b"x"), 76, "is due"),
    "jump": (output(2_000_000, b"x"), 76, "sent message 2000000 where 0 is due"),
    "greatest number": (output(2**63 - 1, b"x"), 76, "is due"),
    "ack of an unsent message": (ack(7), 76, "acknowledged message 7, never sent"),
    "second handshake": (
        request() + stream(1, PayloadType.HANDSHAKE_REQUEST, b"{}"),
        76,
        "second handshake",
    ),
    "handshake complete without a request": (
        stream(0, PayloadType.HANDSHAKE_COMPLETE, b"{}"),
        76,
        "handshake that it had not begun",
    ),
    "no JSON": (stream(0, PayloadType.HANDSHAKE_REQUEST, b"\xff{"), 76, "is not JSON"),
    "no object": (stream(0, PayloadType.HANDSHAKE_REQUEST, b"[]"), 76, "not a JSON object"),
    "deep JSON": (stream(0, PayloadType.HANDSHAKE_REQUEST, DEEP), 76, "handshake request"),
    "huge JSON": (stream(0, PayloadType.HANDSHAKE_REQUEST, HUGE), 76, "handshake request of"),
    "wide JSON": (stream(0, PayloadType.HANDSHAKE_REQUEST, WIDE), 76, "not a JSON object"),
    "huge number": (stream(0, PayloadType.HANDSHAKE_REQUEST, NUMBER), 76, "is not JSON"),
    "unknown session type": (
        request(ClientAction("SessionType", {"SessionType": "\x1b[31m" * 1000})),
        76,
        "session type",
    ),
    "unknown action": (request(ClientAction("\x1b[31m" * 1000, {})), 76, "action"),
    "encryption": (kms(), 76, "must be encrypted with a KMS key"),
    "malformed flag": (stream(0, PayloadType.FLAG, b"\3"), 76, "flag of 1 bytes"),
    "port refused": (stream(0, PayloadType.FLAG, b"\0\0\0\3"), 69, "could not connect to its SSH"),
    "malformed exit code": (stream(0, PayloadType.EXIT_CODE, b"soon"), 76, "exit code"),
    "closed at once": (closed(), 69, "closed the session before the first byte of output"),
    "closed with a book": (closed("why " * MIB), 69, "closed the session"),
    "closed with a long reason": (closed("why " * 9999), 69, "closed the session: why why"),
    "closed with escape sequences": (closed("\x1b[2J\x9b31m\r\n\0why"), 69, "why"),
}


@pytest.mark.parametrize("case", FATAL)
def test_protocol_violation_ends_the_session_with_one_line(attach: Attach, case: str) -> None:
    frames, exit_code, words = FATAL[case]
    verdict = talk(attach, frames)
    assert verdict.exit_code == exit_code, verdict
    (line,) = verdict.stderr.splitlines()
    assert line.startswith("connector: ")
    assert words in line
    assert line.isprintable()
    assert len(line) < 1000
    assert verdict.stdout == b""
    assert verdict.connections == 1
    assert verdict.peak_kib < MEMORY


def test_customer_message_cannot_command_the_terminal(attach: Attach) -> None:
    welcome = complete("\x1b]0;title\x07Wel\x9bcome\r\n\u202eevil")
    verdict = talk(attach, request(), welcome, output(2, b"good"), closed())
    assert (verdict.exit_code, verdict.stdout) == (0, b"good")
    (line,) = verdict.stderr.splitlines()
    assert line.isprintable()
    assert "Wel" in line


def test_long_customer_message_is_one_line(attach: Attach) -> None:
    verdict = talk(attach, request(), complete("book " * 50_000), output(2, b"good"), closed())
    assert (verdict.exit_code, verdict.stdout) == (0, b"good")
    assert len(verdict.stderr.splitlines()) == 1
    assert len(verdict.stderr) <= 4096
    assert verdict.stderr.endswith("\n")


def test_idle_handshake_without_complete_opens_the_session(attach: Attach) -> None:
    nothing = stream(0, PayloadType.HANDSHAKE_REQUEST, b'{"RequestedClientActions":[]}')

    def play(client: Conversation) -> None:
        client.accept()
        client.read_some()
        client.send(nothing)
        client.read_some()  # the HandshakeResponse
        client.send(ack(0), output(1, b"good"), closed())

    verdict = attach(play).verdict()
    assert (verdict.exit_code, verdict.stdout, verdict.stderr) == (0, b"good", "")


def test_messages_far_ahead_are_kept_within_bounds(attach: Attach) -> None:
    """100 MiB arrive ahead of a message that never comes; the client keeps 16 MiB."""
    ahead = [output(number, bytes(4 * MIB)) for number in range(3, 28)]
    verdict = talk(attach, handshake(), *ahead, output(2, b"good"), closed())
    kept = verdict.stdout.removeprefix(b"good")
    assert verdict.exit_code == 74  # the rest is missing
    assert "before all of its output had arrived" in verdict.stderr
    assert len(kept) == 16 * MIB
    assert verdict.peak_kib < MEMORY + 5 * 4 * 1024


def test_one_message_of_four_mebibytes_is_delivered(attach: Attach) -> None:
    data = bytes(range(256)) * 4 * 4096
    verdict = talk(attach, handshake(), output(2, data), closed())
    assert (verdict.exit_code, verdict.stdout) == (0, data)
    assert verdict.peak_kib < MEMORY
