"""The codec of frames: which frames it accepts, and which rule refuses the others."""

from __future__ import annotations

import struct
import uuid
from hashlib import sha256

import pytest

from connector.datachannel.agentmessage import AgentMessage
from connector.datachannel.messages import (
    ACKNOWLEDGE,
    CHANNEL_CLOSED,
    INPUT_STREAM_DATA,
    OUTPUT_STREAM_DATA,
    PAUSE_PUBLICATION,
    START_PUBLICATION,
    Flag,
    MalformedMessage,
    PayloadType,
    unpack,
    wire_id_to_text,
)
from connector.datachannel.payloads import flag
from connector.errors import RemoteProtocolError

MESSAGES = [
    AgentMessage(OUTPUT_STREAM_DATA, b"SSH-2.0-OpenSSH_9.6\r\n", PayloadType.OUTPUT, 7, 1),
    AgentMessage(INPUT_STREAM_DATA, b"", PayloadType.OUTPUT, 2**63 - 1),
    AgentMessage(INPUT_STREAM_DATA, b'{"cols":80,"rows":24}', PayloadType.SIZE, 1),
    AgentMessage(OUTPUT_STREAM_DATA, b"{}", PayloadType.HANDSHAKE_REQUEST, 0, 1),
    AgentMessage(INPUT_STREAM_DATA, flag(Flag.TERMINATE_SESSION), PayloadType.FLAG, 3),
    AgentMessage(OUTPUT_STREAM_DATA, b"EXIT_CODE: 3", PayloadType.EXIT_CODE, 4),
    AgentMessage(ACKNOWLEDGE, b"{}", flags=3, message_id=bytes(range(16))),
    AgentMessage(CHANNEL_CLOSED, b"{}", created_date=2**64 - 1, schema_version=2),
    AgentMessage("agent_session_state", b"{}", flags=3),
    AgentMessage(OUTPUT_STREAM_DATA, b"x", 2**32 - 1, -(2**63), 2**64 - 1),
]
EXEMPT = (START_PUBLICATION, PAUSE_PUBLICATION)

GOOD = AgentMessage(OUTPUT_STREAM_DATA, b"payload", PayloadType.OUTPUT, 5).encode()


def patched(offset: int, value: bytes, frame: bytes = GOOD) -> bytes:
    return frame[:offset] + value + frame[offset + len(value) :]


def with_type(wire_type: bytes, frame: bytes = GOOD) -> bytes:
    assert len(wire_type) == 32
    return patched(4, wire_type, frame)


def with_longer_header(extra: int, payload: bytes, announced: int | None = None) -> bytes:
    """Return a frame whose header has ``extra`` more bytes before the payload length."""
    length = len(payload) if announced is None else announced
    fields = patched(80, sha256(payload).digest(), patched(0, struct.pack("!I", 116 + extra)))
    return fields[:116] + b"\xa5" * extra + struct.pack("!I", length) + payload


@pytest.mark.parametrize("message", MESSAGES, ids=str)
def test_decode_reverses_encode(message: AgentMessage) -> None:
    assert AgentMessage.decode(message.encode()) == message


@pytest.mark.parametrize("message", MESSAGES, ids=str)
def test_truncated_frame_is_malformed(message: AgentMessage) -> None:
    frame = message.encode()
    for length in range(len(frame)):
        with pytest.raises(MalformedMessage):
            unpack(frame[:length])


@pytest.mark.parametrize("name", EXEMPT)
def test_start_and_pause_with_a_truncated_header_are_malformed(name: str) -> None:
    frame = AgentMessage(name, b"{}").encode()
    for length in range(120):
        with pytest.raises(MalformedMessage):
            unpack(frame[:length])
    for length in (120, 121, 122):
        assert unpack(frame[:length])[0] == name


def test_malformed_message_is_a_remote_protocol_error() -> None:
    with pytest.raises(RemoteProtocolError):
        unpack(b"")


@pytest.mark.parametrize("length", [0, 1, 115, 117, 120, 124, 0x7FFFFFFF, 0xFFFFFFFC, 0xFFFFFFFF])
def test_header_length_beyond_the_frame_is_malformed(length: int) -> None:
    with pytest.raises(MalformedMessage):
        unpack(patched(0, struct.pack("!I", length)))


def test_header_length_below_the_fields_is_malformed() -> None:
    payload = b"seems so"
    frame = patched(0, struct.pack("!I", 112), patched(80, sha256(payload).digest()))
    frame = frame[:112] + struct.pack("!I", len(payload)) + payload
    with pytest.raises(MalformedMessage, match="header"):
        unpack(frame)


@pytest.mark.parametrize("payload", [b"", b"more"])
@pytest.mark.parametrize("extra", [1, 4, 16, 1000])
def test_payload_follows_a_longer_header(extra: int, payload: bytes) -> None:
    fields = unpack(with_longer_header(extra, payload))
    assert fields == (OUTPUT_STREAM_DATA, 5, 0, bytes(16), PayloadType.OUTPUT, payload)
    assert AgentMessage.decode(with_longer_header(extra, payload)).payload == payload


@pytest.mark.parametrize("announced", [0, 3, 5, 2**32 - 1])
def test_longer_header_does_not_hide_a_wrong_payload_length(announced: int) -> None:
    with pytest.raises(MalformedMessage):
        unpack(with_longer_header(4, b"more", announced))


def test_longer_header_does_not_hide_a_wrong_digest() -> None:
    with pytest.raises(MalformedMessage, match="digest"):
        unpack(with_longer_header(4, b"more")[:-1] + b"E")


def test_truncated_longer_header_is_malformed() -> None:
    frame = with_longer_header(16, b"")
    assert len(frame) == 136
    for length in range(120, 136):
        with pytest.raises(MalformedMessage):
            unpack(frame[:length])


def test_message_without_a_creation_date_is_malformed() -> None:
    with pytest.raises(MalformedMessage, match="creation date"):
        unpack(patched(40, bytes(8)))


@pytest.mark.parametrize("wire_type", [bytes(32), b" " * 32, b"\0 " * 16])
def test_message_without_a_type_is_malformed(wire_type: bytes) -> None:
    with pytest.raises(MalformedMessage, match="no type"):
        unpack(with_type(wire_type))


@pytest.mark.parametrize(
    "wire_type",
    [
        OUTPUT_STREAM_DATA.encode().ljust(32),
        OUTPUT_STREAM_DATA.encode().ljust(32, b"\0"),
        OUTPUT_STREAM_DATA.encode().rjust(32),
        OUTPUT_STREAM_DATA.encode().rjust(32, b"\0"),
        OUTPUT_STREAM_DATA.encode().center(32),
        (OUTPUT_STREAM_DATA.encode() + b"\0").ljust(32),
    ],
)
def test_type_is_known_with_any_padding(wire_type: bytes) -> None:
    assert unpack(with_type(wire_type))[0] == OUTPUT_STREAM_DATA


@pytest.mark.parametrize("name", ["agent_session_state", "output_stream_datum", "é", "x" * 32])
def test_unknown_type_is_returned_as_text(name: str) -> None:
    assert unpack(with_type(name.encode().ljust(32)))[0] == name


@pytest.mark.parametrize(
    "wire_type", [b"\xff" * 32, b"output_stream_data\xc3".ljust(32), b"\xed\xa0\x80".ljust(32)]
)
def test_type_that_is_not_utf8_is_malformed(wire_type: bytes) -> None:
    with pytest.raises(MalformedMessage, match="text"):
        unpack(with_type(wire_type))


def refusal(frame: bytes) -> str:
    """Return why a frame is malformed, or nothing if it is not."""
    try:
        unpack(frame)
    except MalformedMessage as error:
        return str(error)
    return ""


def test_bit_flipped_in_digest_or_payload_is_malformed() -> None:
    offsets = (*range(80, 112), *range(120, 127))
    refusals = {offset: refusal(patched(offset, bytes([GOOD[offset] ^ 1]))) for offset in offsets}
    assert {offset: text for offset, text in refusals.items() if "digest" not in text} == {}


@pytest.mark.parametrize("announced", [0, 6, 8, 2**31, 2**32 - 1])
def test_payload_length_that_differs_from_the_payload_is_malformed(announced: int) -> None:
    with pytest.raises(MalformedMessage, match="announces"):
        unpack(patched(116, struct.pack("!I", announced)))


def test_bytes_after_the_payload_are_malformed() -> None:
    with pytest.raises(MalformedMessage, match="announces"):
        unpack(GOOD + b"\0")


def test_empty_payload_needs_no_digest() -> None:
    frame = AgentMessage(OUTPUT_STREAM_DATA, b"", PayloadType.OUTPUT, 5).encode()
    assert unpack(patched(80, b"\xff" * 32, frame))[5] == b""


@pytest.mark.parametrize("name", EXEMPT)
@pytest.mark.parametrize(
    ("offset", "value"),
    [
        (0, bytes(4)),  # header length
        (0, b"\x7f\xff\xff\xff"),
        (40, bytes(8)),  # creation date
        (80, b"\xff" * 32),  # digest
        (116, b"\xff" * 4),  # payload length
    ],
)
def test_start_and_pause_need_only_a_complete_header(name: str, offset: int, value: bytes) -> None:
    frame = patched(offset, value, AgentMessage(name, b"{}").encode())
    assert unpack(frame)[0] == name
    padded = with_type(name.encode().ljust(32, b"\0"), frame)
    assert unpack(padded)[0] == name


@pytest.mark.parametrize(
    ("field", "offset", "size"),
    [
        ("schema_version", 36, 4),
        ("created_date", 40, 8),
        ("sequence_number", 48, 8),
        ("flags", 56, 8),
        ("payload_type", 112, 4),
    ],
)
def test_number_is_big_endian_at_its_offset(field: str, offset: int, size: int) -> None:
    value = int.from_bytes(bytes(range(1, size + 1)), "big")
    message = AgentMessage(OUTPUT_STREAM_DATA)
    setattr(message, field, value)
    frame = message.encode()
    assert frame[offset : offset + size] == bytes(range(1, size + 1))
    assert getattr(AgentMessage.decode(frame), field) == value


def test_fixed_fields_are_at_their_offsets() -> None:
    frame = AgentMessage(ACKNOWLEDGE, b"12345", message_id=bytes(range(16))).encode()
    assert frame[:4] == b"\x00\x00\x00\x74"
    assert frame[4:36] == b"acknowledge                     "
    assert frame[64:80] == bytes(range(16))
    assert frame[80:112] == sha256(b"12345").digest()
    assert frame[116:120] == b"\x00\x00\x00\x05"
    assert frame[120:] == b"12345"


@pytest.mark.parametrize(
    "text",
    [
        "00000000-0000-0000-0000-000000000000",
        "00112233-4455-6677-8899-aabbccddeeff",
        "a6539a7a-4db9-4803-bde2-8b020b94d2a8",
        "ffffffff-ffff-ffff-ffff-ffffffffffff",
    ],
)
def test_message_id_has_its_halves_swapped_on_the_wire(text: str) -> None:
    identity = uuid.UUID(text)
    assert wire_id_to_text(identity.bytes[8:16] + identity.bytes[0:8]) == str(identity)
