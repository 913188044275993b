"""Pack and unpack the binary frames of the SSM data channel. A frame is one AgentMessage.

A frame has a header of 120 bytes, big-endian, and a payload. The layout is that of the published
agent and plugin. ``HeaderLength`` (116) is the offset of the payload length, so the payload
starts four bytes after that offset.
"""

from __future__ import annotations

import struct
from hashlib import sha256

from ..errors import RemoteProtocolError

HEADER = struct.Struct("!I32sIQqQ16s32sII")
HEADER_LENGTH = 116
SCHEMA_VERSION = 1

INPUT_STREAM_DATA = "input_stream_data"  # client -> agent
OUTPUT_STREAM_DATA = "output_stream_data"  # agent -> client
ACKNOWLEDGE = "acknowledge"  # both ways
CHANNEL_CLOSED = "channel_closed"  # service -> either end
AGENT_SESSION_STATE = "agent_session_state"  # agent -> service
PAUSE_PUBLICATION = "pause_publication"
START_PUBLICATION = "start_publication"

#: Types whose headers the published plugin does not validate.
_UNCHECKED_TYPES = frozenset({PAUSE_PUBLICATION, START_PUBLICATION})

#: Senders pad with spaces, so one look-up finds a known type by its raw 32 bytes.
_TYPES_BY_WIRE = {
    name.encode().ljust(32): name
    for name in (
        INPUT_STREAM_DATA,
        OUTPUT_STREAM_DATA,
        ACKNOWLEDGE,
        CHANNEL_CLOSED,
        PAUSE_PUBLICATION,
        START_PUBLICATION,
    )
}
_WIRE_BY_TYPE = {name: wire for wire, name in _TYPES_BY_WIRE.items()}

FLAG_SYN = 1  # the agent sets it on its sequence number 0
FLAG_FIN = 2
FLAGS_ACKNOWLEDGE = FLAG_SYN | FLAG_FIN  # what both published ends set on acks


class PayloadType:
    """The type of a stream message's payload, as its number on the wire."""

    OUTPUT = 1
    ERROR = 2
    SIZE = 3
    PARAMETER = 4
    HANDSHAKE_REQUEST = 5
    HANDSHAKE_RESPONSE = 6
    HANDSHAKE_COMPLETE = 7
    ENC_CHALLENGE_REQUEST = 8
    ENC_CHALLENGE_RESPONSE = 9
    FLAG = 10
    STDERR = 11
    EXIT_CODE = 12


class Flag:
    """The value of a payload of type ``FLAG``."""

    DISCONNECT_TO_PORT = 1
    TERMINATE_SESSION = 2
    CONNECT_TO_PORT_ERROR = 3


class MalformedMessage(RemoteProtocolError):
    """A frame that is not a valid AgentMessage."""


def pack(
    message_type: str,
    sequence_number: int,
    flags: int,
    message_id: bytes,
    payload_type: int,
    payload: bytes,
    created_date: int,
    schema_version: int = SCHEMA_VERSION,
) -> bytes:
    """Return a frame; compute its digest and its lengths.

    :param message_id: 16 bytes in the order of the wire: the halves of a UUID, swapped.
    :param created_date: milliseconds since the epoch. The peer refuses 0.
    """
    wire_type = _WIRE_BY_TYPE.get(message_type) or message_type.encode().ljust(32)
    return (
        HEADER.pack(
            HEADER_LENGTH,
            wire_type,
            schema_version,
            created_date,
            sequence_number,
            flags,
            message_id,
            sha256(payload).digest(),
            payload_type,
            len(payload),
        )
        + payload
    )


def unpack(frame: bytes) -> tuple[str, int, int, bytes, int, bytes]:
    """Read and verify a frame.

    :returns: message type, sequence number, flags, message id, payload type, payload.
    :raises MalformedMessage: if the frame is shorter than its header, the header length is 0 or
        points past the frame, the type is empty or not UTF-8, the creation date is 0, the payload
        has another length than announced, or its digest is wrong. ``start_publication`` and
        ``pause_publication`` need only a complete header.
    """
    try:
        (
            header_length,
            wire_type,
            _schema_version,
            created_date,
            sequence_number,
            flags,
            message_id,
            digest,
            payload_type,
            payload_length,
        ) = HEADER.unpack_from(frame)
    except struct.error:
        raise MalformedMessage(
            f"a message of {len(frame)} bytes is shorter than its header"
        ) from None

    message_type = _TYPES_BY_WIRE.get(wire_type) or _read_type(wire_type)
    if message_type in _UNCHECKED_TYPES:
        return message_type, sequence_number, flags, message_id, payload_type, b""

    if header_length == HEADER_LENGTH:
        payload = frame[HEADER_LENGTH + 4 :]
    else:
        payload_length, payload = _payload_after(frame, header_length)
    if not message_type:
        raise MalformedMessage("a message has no type")
    if not created_date:
        raise MalformedMessage("a message has no creation date")
    if len(payload) != payload_length:
        raise MalformedMessage(
            f"a message announces {payload_length} bytes of payload and carries {len(payload)}"
        )
    if payload_length and sha256(payload).digest() != digest:
        raise MalformedMessage("the payload of a message does not match its digest")
    return message_type, sequence_number, flags, message_id, payload_type, payload


def damaged_output_number(frame: bytes) -> int | None:
    """Return the sequence number of a malformed frame that claims to be output, else ``None``.

    The digest covers the payload only. So the number is what the agent wrote, unless the header
    itself is damaged.
    """
    if len(frame) < HEADER.size:
        return None
    _, wire_type, _, _, sequence_number, *_ = HEADER.unpack_from(frame)
    is_output = _TYPES_BY_WIRE.get(wire_type) == OUTPUT_STREAM_DATA
    return sequence_number if is_output else None


def wire_id_to_text(message_id: bytes) -> str:
    """Return the UUID text of a message id. The wire has the two halves of a UUID swapped."""
    digits = message_id.hex()
    return f"{digits[16:24]}-{digits[24:28]}-{digits[28:32]}-{digits[:4]}-{digits[4:16]}"


def random_uuid(random: bytes) -> str:
    """Return the text of a UUID of version 4 (RFC 9562, section 5.4).

    The module ``uuid`` takes 1 ms to import.

    :param random: 16 random bytes.
    """
    digits = f"{int.from_bytes(random, 'big') & ~(0xF << 76 | 3 << 62) | 4 << 76 | 2 << 62:032x}"
    return f"{digits[:8]}-{digits[8:12]}-{digits[12:16]}-{digits[16:20]}-{digits[20:]}"


def _read_type(wire_type: bytes) -> str:
    try:
        return wire_type.decode().strip("\0 ")
    except UnicodeDecodeError:
        raise MalformedMessage("the type of a message is not text") from None


def _payload_after(frame: bytes, header_length: int) -> tuple[int, bytes]:
    """Return payload length and payload after a header of another length than ours."""
    if header_length < HEADER_LENGTH or header_length + 4 > len(frame):
        raise MalformedMessage(
            f"a message of {len(frame)} bytes announces a header of {header_length}"
        )
    start = header_length + 4
    return int.from_bytes(frame[header_length:start], "big"), frame[start:]
