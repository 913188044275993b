"""The codec with recorded frames of every kind that the published client and agent send."""

from __future__ import annotations

import json
import uuid
from typing import Any

import pytest

from connector.datachannel.agentmessage import AgentMessage
from connector.datachannel.messages import (
    ACKNOWLEDGE,
    INPUT_STREAM_DATA,
    PAUSE_PUBLICATION,
    Flag,
    PayloadType,
    wire_id_to_text,
)
from connector.datachannel.payloads import (
    ActionStatus,
    HandshakeComplete,
    acknowledge,
    acknowledged_sequence_number,
    channel_closed_output,
    parse_exit_code,
    parse_handshake_complete,
    parse_handshake_request,
    parse_handshake_response,
)

from .helpers import load

FRAMES: list[dict[str, Any]] = load("frames")


def name(frame: dict[str, Any]) -> str:
    kind = f"{frame['message_type']}-{frame['payload_type']}"
    return f"{frame['capture']}-{frame['from'].replace(' ', '-')}-{kind}"


def payloads_of(message_type: str, payload_type: int = 0, side: str = "") -> list[bytes]:
    return [
        bytes.fromhex(frame["payload"])
        for frame in FRAMES
        if frame["message_type"] == message_type
        and frame["payload_type"] == payload_type
        and frame["from"].startswith(side)
    ]


def wire_id(text: str) -> bytes:
    identity = uuid.UUID(text).bytes
    return identity[8:] + identity[:8]


def message_of(frame: dict[str, Any], payload: bytes) -> AgentMessage:
    return AgentMessage(
        message_type=frame["message_type"],
        payload=payload,
        payload_type=frame["payload_type"],
        sequence_number=frame["sequence_number"],
        flags=frame["flags"],
        message_id=wire_id(frame["message_id"]),
        created_date=frame["created_date"],
        schema_version=frame["schema_version"],
    )


def is_decoded(frame: dict[str, Any]) -> bool:
    payload = bytes.fromhex(frame["payload"])
    if frame["message_type"] == PAUSE_PUBLICATION:
        payload = b""  # only the header of these two types is read
    return AgentMessage.decode(bytes.fromhex(frame["hex"])) == message_of(frame, payload)


def test_decode_returns_the_recorded_fields() -> None:
    assert [name(frame) for frame in FRAMES if not is_decoded(frame)] == []


def test_encode_returns_the_recorded_bytes() -> None:
    def encoded(frame: dict[str, Any]) -> str:
        return message_of(frame, bytes.fromhex(frame["payload"])).encode().hex()

    assert [name(frame) for frame in FRAMES if encoded(frame) != frame["hex"]] == []


def test_recordings_contain_every_kind_of_frame() -> None:
    kinds = {(frame["message_type"], frame["payload_type"]) for frame in FRAMES}
    assert kinds == {
        ("agent_session_state", 0),
        ("acknowledge", 0),
        ("channel_closed", 0),
        ("pause_publication", 0),
        *(("output_stream_data", kind) for kind in (1, 5, 7, 8, 11, 12)),
        *(("input_stream_data", kind) for kind in (1, 3, 6, 9)),
    }


@pytest.mark.parametrize("recorded", payloads_of(ACKNOWLEDGE))
def test_ack_is_built_and_parsed_as_recorded(recorded: bytes) -> None:
    document = json.loads(recorded)
    number = document["AcknowledgedMessageSequenceNumber"]
    message_id = wire_id(document["AcknowledgedMessageId"])

    built = acknowledge(document["AcknowledgedMessageType"], message_id, number)

    assert built == recorded
    assert built == json.dumps(document, separators=(",", ":")).encode()
    assert acknowledged_sequence_number(recorded) == number


def test_text_of_a_recorded_message_id_is_its_uuid() -> None:
    def text(frame: dict[str, Any]) -> str:
        return wire_id_to_text(bytes.fromhex(frame["hex"])[64:80])

    assert [name(frame) for frame in FRAMES if text(frame) != frame["message_id"]] == []


def test_recorded_handshake_requests_are_parsed() -> None:
    requests = [parse_handshake_request(p) for p in payloads_of("output_stream_data", 5)]
    assert {request.agent_version for request in requests} == {"3.3.0.0"}
    assert [
        [action.parameters.get("SessionType", action.action_type) for action in request.actions]
        for request in requests
    ] == [
        ["Standard_Stream", "KMSEncryption"],
        ["NonInteractiveCommands"],
        ["NonInteractiveCommands"],
        ["Port"],
        ["Port"],
        ["Port"],
    ]
    assert requests[-1].actions[0].parameters["Properties"] == {"portNumber": "2222", "type": ""}


def test_recorded_handshake_responses_are_parsed() -> None:
    responses = [parse_handshake_response(p) for p in payloads_of(INPUT_STREAM_DATA, 6)]
    assert [[action.action_type for action in actions] for actions in responses] == [
        ["SessionType", "KMSEncryption"],
        *([["SessionType"]] * 5),
    ]
    assert {action.status for actions in responses for action in actions} == {ActionStatus.SUCCESS}


def test_recorded_handshake_completes_are_parsed() -> None:
    documents = payloads_of("output_stream_data", 7)
    assert {parse_handshake_complete(p) for p in documents} == {
        HandshakeComplete(""),
        HandshakeComplete("This session is encrypted using AWS KMS."),
        HandshakeComplete(
            "Please update session manager plugin version (minimum required version 1.2.312.0) "
            "for fully support of separate StdOut/StdErr output.\r\n"
        ),
    }


def test_recorded_exit_code_is_parsed() -> None:
    assert [parse_exit_code(p) for p in payloads_of("output_stream_data", 12)] == [3]


def test_recorded_channel_closed_has_no_reason() -> None:
    assert {channel_closed_output(p) for p in payloads_of("channel_closed")} == {""}


def numbers(kinds: type) -> dict[int, str]:
    return {number: name for name, number in vars(kinds).items() if name.isupper()}


def test_constants_have_the_numbers_of_the_protocol() -> None:
    assert sorted(numbers(PayloadType).items()) == [
        *enumerate(
            (
                "OUTPUT",
                "ERROR",
                "SIZE",
                "PARAMETER",
                "HANDSHAKE_REQUEST",
                "HANDSHAKE_RESPONSE",
                "HANDSHAKE_COMPLETE",
                "ENC_CHALLENGE_REQUEST",
                "ENC_CHALLENGE_RESPONSE",
                "FLAG",
                "STDERR",
                "EXIT_CODE",
            ),
            1,
        )
    ]
    assert numbers(Flag) == {
        1: "DISCONNECT_TO_PORT",
        2: "TERMINATE_SESSION",
        3: "CONNECT_TO_PORT_ERROR",
    }
