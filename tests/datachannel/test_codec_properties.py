"""Properties of the codec that hold for any input."""

from __future__ import annotations

import json
import struct
import uuid
from collections.abc import Callable
from contextlib import suppress
from hashlib import sha256
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from connector.datachannel.agentmessage import AgentMessage
from connector.datachannel.messages import (
    HEADER,
    OUTPUT_STREAM_DATA,
    MalformedMessage,
    PayloadType,
    unpack,
    wire_id_to_text,
)
from connector.datachannel.payloads import (
    MalformedPayload,
    acknowledge,
    acknowledged_sequence_number,
    channel_closed_output,
    parse_exit_code,
    parse_flag,
    parse_handshake_complete,
    parse_handshake_request,
    parse_handshake_response,
)

MANY = settings(max_examples=settings().max_examples * 5)
KEY = "AcknowledgedMessageSequenceNumber"
PARSERS: list[Callable[[bytes], object]] = [
    acknowledged_sequence_number,
    parse_handshake_request,
    parse_handshake_response,
    parse_handshake_complete,
    parse_flag,
    parse_exit_code,
]

types = st.sampled_from([OUTPUT_STREAM_DATA, "acknowledge", "channel_closed", "x", "ünbekannt"])
messages = st.builds(
    AgentMessage,
    message_type=types,
    payload=st.binary(max_size=3000),
    payload_type=st.integers(0, 2**32 - 1),
    sequence_number=st.integers(-(2**63), 2**63 - 1),
    flags=st.integers(0, 2**64 - 1),
    message_id=st.binary(min_size=16, max_size=16),
    created_date=st.integers(1, 2**64 - 1),
    schema_version=st.integers(0, 2**32 - 1),
)

known_keys = st.sampled_from(
    [
        "RequestedClientActions",
        "ProcessedClientActions",
        "ActionType",
        "ActionStatus",
        "ActionParameters",
        "AgentVersion",
        "CustomerMessage",
        "Error",
        "Output",
    ]
)
scalars = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.sampled_from([1, 2, 3, 0, -1, 2**63, 10**25])
    | st.floats()
    | st.text(max_size=8)
)
documents = st.recursive(
    scalars,
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(known_keys | st.text(max_size=5), inner, max_size=5)
    ),
    max_leaves=12,
)


@MANY
@given(messages)
def test_decode_reverses_encode(message: AgentMessage) -> None:
    assert AgentMessage.decode(message.encode()) == message


@MANY
@given(st.binary(max_size=400))
def test_arbitrary_bytes_decode_or_are_malformed(frame: bytes) -> None:
    with suppress(MalformedMessage):
        unpack(frame)


@MANY
@given(messages, st.integers(0, 119), st.binary(min_size=1, max_size=8), st.booleans())
def test_damaged_frame_decodes_or_is_malformed(
    message: AgentMessage, offset: int, damage: bytes, longer: bool
) -> None:
    frame = message.encode()
    frame = frame[:offset] + damage + frame[offset + (0 if longer else len(damage)) :]
    try:
        fields = unpack(frame)
    except MalformedMessage:
        return
    # If the frame is accepted, the payload matches its digest.
    header = HEADER.unpack_from(frame)
    if fields[0] not in ("start_publication", "pause_publication") and fields[5]:
        assert sha256(fields[5]).digest() == header[7]
        assert frame.endswith(fields[5])


@MANY
@given(st.binary(max_size=64), st.integers(0, 200))
def test_payload_follows_a_header_of_any_length(payload: bytes, extra: int) -> None:
    fields = HEADER.pack(
        116 + extra,
        OUTPUT_STREAM_DATA.encode().ljust(32),
        1,
        1,
        3,
        0,
        bytes(16),
        sha256(payload).digest(),
        PayloadType.OUTPUT,
        0,
    )
    frame = fields[:116] + bytes(extra) + struct.pack("!I", len(payload)) + payload
    assert unpack(frame)[5] == payload


@given(st.uuids())
def test_text_of_a_message_id_is_its_uuid(identity: uuid.UUID) -> None:
    assert wire_id_to_text(identity.bytes[8:] + identity.bytes[:8]) == str(identity)


@given(st.uuids(), st.integers(0, 2**63 - 1))
def test_ack_payload_is_compact_json(identity: uuid.UUID, number: int) -> None:
    document = {
        "AcknowledgedMessageType": OUTPUT_STREAM_DATA,
        "AcknowledgedMessageId": str(identity),
        KEY: number,
        "IsSequentialMessage": True,
    }
    built = acknowledge(OUTPUT_STREAM_DATA, identity.bytes[8:] + identity.bytes[:8], number)
    assert built == json.dumps(document, separators=(",", ":")).encode()
    assert acknowledged_sequence_number(built) == number


@MANY
@given(st.binary(max_size=200))
def test_arbitrary_bytes_parse_or_are_malformed(payload: bytes) -> None:
    for parse in PARSERS:
        with suppress(MalformedPayload):
            parse(payload)


@MANY
@given(documents)
def test_arbitrary_json_parses_or_is_malformed(document: Any) -> None:
    payload = json.dumps(document).encode()
    for parse in PARSERS:
        with suppress(MalformedPayload):
            parse(payload)


@MANY
@given(
    st.sampled_from(["RequestedClientActions", "ProcessedClientActions"]),
    st.lists(
        st.fixed_dictionaries(
            {"ActionType": documents | st.just("SessionType")},
            optional={
                "ActionStatus": scalars,
                "ActionParameters": documents,
                "ActionResult": documents,
                "Error": documents,
            },
        ),
        max_size=3,
    ),
)
def test_actions_of_any_shape_parse_or_are_malformed(key: str, actions: list[Any]) -> None:
    payload = json.dumps({key: actions}).encode()
    for parse in (parse_handshake_request, parse_handshake_response):
        with suppress(MalformedPayload):
            parse(payload)


@MANY
@given(st.binary(max_size=100) | documents.map(lambda value: json.dumps(value).encode()))
def test_reason_of_channel_closed_is_always_text(payload: bytes) -> None:
    assert isinstance(channel_closed_output(payload), str)


def number_by_json_alone(payload: bytes) -> int | None:
    """Return the number as a plain JSON parser finds it."""
    try:
        document = json.loads(payload)
    except (ValueError, RecursionError):
        return None
    number = document.get(KEY) if isinstance(document, dict) else None
    return number if type(number) is int and number >= 0 else None


def compare_with_json(payload: bytes) -> None:
    expected = number_by_json_alone(payload)
    try:
        number = acknowledged_sequence_number(payload)
    except MalformedPayload:
        assert expected is None
    else:
        assert expected in (None, number)  # the fast parser may also accept text that is not JSON


@MANY
@given(
    st.dictionaries(st.text(max_size=5), documents, max_size=3),
    st.integers(-3, 2**70) | scalars,
    st.sampled_from([(",", ":"), (", ", ": "), (" , ", " : ")]),
    st.integers(0, 3),
)
def test_fast_ack_parser_agrees_with_json(
    others: dict[str, Any], number: Any, separators: tuple[str, str], place: int
) -> None:
    items = list(others.items())
    items.insert(place, (KEY, number))
    compare_with_json(json.dumps(dict(items), separators=separators).encode())
