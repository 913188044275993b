"""The dialogue: one line for each frame of a channel, for the log.

A line begins with ``<`` for a frame that arrived, or ``>`` for one that left::

    > open_data_channel
    < output_stream_data 0 flags=syn payload=handshake_request 312 B
    > acknowledge 0
    > input_stream_data 0 payload=handshake_response 181 B
    < acknowledge 0
    < pause_publication

The type comes first, then the sequence number. The number of an ack is that of the message that it
acks. A line never contains a payload or a token, so users may show a recorded dialogue to others.
"""

from __future__ import annotations

import re

from ..fast.records import NamedTuple
from . import messages
from .messages import Flag, MalformedMessage, PayloadType
from .payloads import MalformedPayload, acknowledged_sequence_number, parse_flag

RECEIVED, SENT = "<", ">"

#: The name of the first text frame on a link, which contains the token.
OPEN = "open_data_channel"

#: The name of a malformed frame.
MALFORMED = "malformed"

#: The service messages that may be the whole of a text frame.
_SERVICE_TEXTS = frozenset(
    {messages.START_PUBLICATION, messages.PAUSE_PUBLICATION, messages.CHANNEL_CLOSED}
)

_STREAM_TYPES = frozenset({messages.INPUT_STREAM_DATA, messages.OUTPUT_STREAM_DATA})
_FLAG_BITS = ((messages.FLAG_SYN, "syn"), (messages.FLAG_FIN, "fin"))
_LINE = re.compile(
    r"(?P<direction>[<>]) (?P<kind>\S+)(?: (?P<number>-?\d+)(?!\d| B))?"
    r"(?: flags=\S+)?(?: payload=(?P<payload>\S+))?(?: (?P<size>\d+) B)?"
)


def _names(constants: type) -> dict[int, str]:
    return {value: name.lower() for name, value in vars(constants).items() if name.isupper()}


_PAYLOAD_NAMES = _names(PayloadType)
_FLAG_NAMES = _names(Flag)


def describe(direction: str, frame: bytes) -> str:
    """Return the line of a binary frame."""
    try:
        kind, number, flags, _, payload_type, payload = messages.unpack(frame)
    except MalformedMessage as error:
        return f"{direction} {MALFORMED} {len(frame)} B: {error.message}"
    words = [direction, _word(kind)]
    if kind == messages.ACKNOWLEDGE:
        words.append(_acked(payload))
    elif kind in _STREAM_TYPES:
        words.append(str(number))
        names = [name for bit, name in _FLAG_BITS if flags & bit]
        if names:
            words.append(f"flags={'+'.join(names)}")
        words.append(f"payload={_payload_name(payload_type, payload)}")
        words.append(f"{len(payload)} B")
    elif payload:
        words.append(f"{len(payload)} B")
    return " ".join(words)


def describe_text(direction: str, text: str) -> str:
    """Return the line of a text frame. The only one that a client sends opens the channel."""
    if direction == SENT:
        return f"{SENT} {OPEN}"
    name = text.strip()
    return f"{direction} text {name if name in _SERVICE_TEXTS else f'{len(text.encode())} B'}"


class Line(NamedTuple):
    """A parsed line of a dialogue.

    :param number: the sequence number of a stream message, or the one that an ack names.
    :param payload: the name of the payload's type; empty if the message is not a stream message.
    :param size: bytes of the payload.
    """

    direction: str
    kind: str
    number: int | None
    payload: str
    size: int


def parse(text: str) -> Line | None:
    """Parse a line; return ``None`` if it does not belong to a dialogue."""
    match = _LINE.match(text)
    if not match:
        return None
    number, size = match["number"], match["size"]
    return Line(
        match["direction"],
        match["kind"],
        int(number) if number else None,
        match["payload"] or "",
        int(size or 0),
    )


def _word(kind: str) -> str:
    """Return a message type as one word. An unknown type may contain any character."""
    return re.sub(r"[^A-Za-z0-9_]", "?", kind)


def _payload_name(payload_type: int, payload: bytes) -> str:
    name = _PAYLOAD_NAMES.get(payload_type, str(payload_type))
    if payload_type != PayloadType.FLAG:
        return name
    try:
        value = parse_flag(payload)
    except MalformedPayload:
        return name
    return f"{name}:{_FLAG_NAMES.get(value, value)}"


def _acked(payload: bytes) -> str:
    try:
        return str(acknowledged_sequence_number(payload))
    except MalformedPayload:
        return f"without number {len(payload)} B"
