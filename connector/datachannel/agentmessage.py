"""A message as an object with all its fields, for code that is not latency-critical.

The channel itself uses :func:`~.messages.pack` and :func:`~.messages.unpack`.
"""

from __future__ import annotations

from dataclasses import dataclass

from .messages import HEADER, SCHEMA_VERSION, pack, unpack


@dataclass(slots=True)
class AgentMessage:
    """One message.

    ``created_date`` is in milliseconds since the epoch. ``message_id`` is in the byte order of
    the wire, see :func:`~.messages.wire_id_to_text`.
    """

    message_type: str
    payload: bytes = b""
    payload_type: int = 0
    sequence_number: int = 0
    flags: int = 0
    message_id: bytes = bytes(16)
    created_date: int = 1
    schema_version: int = SCHEMA_VERSION

    def encode(self) -> bytes:
        """Return the frame of this message."""
        return pack(
            self.message_type,
            self.sequence_number,
            self.flags,
            self.message_id,
            self.payload_type,
            self.payload,
            self.created_date,
            self.schema_version,
        )

    @classmethod
    def decode(cls, frame: bytes) -> AgentMessage:
        """Read a frame.

        :raises MalformedMessage: if the frame breaks a rule of :func:`~.messages.unpack`.
        """
        message_type, sequence_number, flags, message_id, payload_type, payload = unpack(frame)
        _, _, schema_version, created_date, *_ = HEADER.unpack_from(frame)
        return cls(
            message_type,
            payload,
            payload_type,
            sequence_number,
            flags,
            message_id,
            created_date,
            schema_version,
        )
