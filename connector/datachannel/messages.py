"""The binary frames of the SSM data channel, each an AgentMessage: packed and unpacked.

A frame is one message: a header of 120 bytes, big-endian, and the payload. The layout
is that of the published agent and plugin; ``HeaderLength`` (116) is the offset of the
payload length, so the payload starts four bytes after it.
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

#: Writers pad with spaces, so the raw 32 bytes of a known type are one look-up away.
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
FLAGS_ACKNOWLEDGE = FLAG_SYN | FLAG_FIN  # what both published ends put on acknowledges


class PayloadType:
    """What the payload of a stream message is: the number on the wire."""

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
    """Build a frame. The digest and the lengths are computed here.

    :param message_id: 16 bytes as they travel: the halves of a UUID swapped.
    :param created_date: milliseconds since the epoch; 0 is refused by the far end.
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
    :raises MalformedMessage: when the frame is shorter than its header, the header
        length is 0 or points past the frame, the type is empty or no UTF-8, the creation
        date is 0, the payload length is not what is there, or the digest of a payload is
        wrong. ``start_publication`` and ``pause_publication`` need only a whole header.
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
    """The sequence number that a malformed frame claims, if it claims to be output.

    The digest covers the payload alone, so the number is what the agent wrote unless the
    header itself is damaged.
    """
    if len(frame) < HEADER.size:
        return None
    _, wire_type, _, _, sequence_number, *_ = HEADER.unpack_from(frame)
    is_output = _TYPES_BY_WIRE.get(wire_type) == OUTPUT_STREAM_DATA
    return sequence_number if is_output else None


def wire_id_to_text(message_id: bytes) -> str:
    """The UUID text of an id as it travels: its halves are swapped on the wire."""
    digits = message_id.hex()
    return f"{digits[16:24]}-{digits[24:28]}-{digits[28:32]}-{digits[:4]}-{digits[4:16]}"


def _read_type(wire_type: bytes) -> str:
    try:
        return wire_type.decode().strip("\0 ")
    except UnicodeDecodeError:
        raise MalformedMessage("the type of a message is not text") from None


def _payload_after(frame: bytes, header_length: int) -> tuple[int, bytes]:
    """The payload length and payload behind a header of another length than ours."""
    if header_length < HEADER_LENGTH or header_length + 4 > len(frame):
        raise MalformedMessage(
            f"a message of {len(frame)} bytes announces a header of {header_length}"
        )
    start = header_length + 4
    return int.from_bytes(frame[header_length:start], "big"), frame[start:]
