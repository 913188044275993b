"""Payloads that are documents: how they are built, parsed and refused."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from connector.datachannel.payloads import (
    MAX_DOCUMENT,
    ActionStatus,
    ClientAction,
    HandshakeRequest,
    MalformedPayload,
    ProcessedAction,
    acknowledged_sequence_number,
    channel_closed_output,
    flag,
    handshake_complete,
    handshake_request,
    handshake_response,
    open_data_channel,
    parse_exit_code,
    parse_flag,
    parse_handshake_complete,
    parse_handshake_request,
    parse_handshake_response,
)

KEY = "AcknowledgedMessageSequenceNumber"
PARSERS: list[Callable[[bytes], object]] = [
    acknowledged_sequence_number,
    parse_handshake_request,
    parse_handshake_response,
    parse_handshake_complete,
]


def test_opening_frame_is_the_published_document() -> None:
    assert json.loads(open_data_channel('tok"en', "client", "request", "1.2.764.0")) == {
        "MessageSchemaVersion": "1.0",
        "RequestId": "request",
        "TokenValue": 'tok"en',
        "ClientId": "client",
        "ClientVersion": "1.2.764.0",
    }


@pytest.mark.parametrize(
    ("text", "number"),
    [
        (f'{{"{KEY}":0,"IsSequentialMessage":true}}', 0),
        (f'{{"{KEY}":7,"IsSequentialMessage":true}}', 7),
        (f'{{"{KEY}":5,"{KEY}":6}}', 6),
        (f'{{"x":{{"{KEY}":5,"y":1}},"{KEY}":6}}', 6),
        (f'{{"x\\"{KEY}":5,"{KEY}":6}}', 6),
        (f'{{"{KEY}":9223372036854775807,"IsSequentialMessage":true}}', 2**63 - 1),
        (f'{{"{KEY}":7}}', 7),
        (f'{{"{KEY}" : 7 , "x": 1}}', 7),
        (f'{{"{KEY}":7 ,"x": 1}}', 7),
        (f'{{"{KEY}":\n7\n}}', 7),
        (f'{{"x":"y","{KEY}":12345}}', 12345),
        (f'{{"{KEY[:-1]}\\u0072":7,"x":1}}', 7),
        (f'{{"x":"\\"{KEY}\\":5,","{KEY}":6}}', 6),
    ],
)
def test_acked_number_is_found_in_any_json_form(text: str, number: int) -> None:
    assert acknowledged_sequence_number(text.encode()) == number


def refuses(parse: Callable[[bytes], object], document: bytes) -> bool:
    try:
        parse(document)
    except MalformedPayload:
        return True
    return False


def test_ack_without_an_integer_is_refused() -> None:
    texts = [
        "",
        "{}",
        "[]",
        "null",
        "7",
        f'{{"{KEY}":}}',
        f'{{"{KEY}":-1,"x":1}}',
        f'{{"{KEY}":-1}}',
        f'{{"{KEY}":1.0,"x":1}}',
        f'{{"{KEY}":1e3,"x":1}}',
        f'{{"{KEY}":"1","x":1}}',
        f'{{"{KEY}":true,"x":1}}',
        f'{{"{KEY}":null,"x":1}}',
        f'{{"{KEY}":[1],"x":1}}',
        f'{{"{KEY}":007,"x":1}}',
        f'{{"{KEY}":+7,"x":1}}',
        f'{{"{KEY}":1_0,"x":1}}',
        f'{{"{KEY}":٣,"x":1}}',
        f'{{"{KEY}":',
        f'{{"{KEY}":12',
        f'"{KEY}":',
    ]
    refused = [text for text in texts if refuses(acknowledged_sequence_number, text.encode())]
    assert refused == texts


@pytest.mark.parametrize("digits", [20, 100, 4000, 5000, 200_000])
def test_huge_acked_number_is_parsed_or_refused(digits: int) -> None:
    document = f'{{"{KEY}":{"9" * digits},"x":1}}'.encode()
    try:
        assert acknowledged_sequence_number(document) == int("9" * digits)
    except MalformedPayload:
        assert digits > 4300  # the most that Python converts


def test_malformed_document_is_refused() -> None:
    documents = [
        b"[" * 100_000,
        b"[" * 100_000 + b"]" * 100_000,
        b'{"a":' * 40_000 + b"1" + b"}" * 40_000,
        b'{"x":' + b"[" * 100_000 + b"]" * 100_000 + b"}",
        b'{"x":"' + b"a" * MAX_DOCUMENT + b'"}',
        b" " * (MAX_DOCUMENT + 1),
        b"\xff\xfe",
        b"\x00\x00\xfe\xff",
        b'{"a":"\x01"}',
        b"\xef\xbb\xbf",
        b"nan",
    ]
    accepted = [
        (parse.__name__, number)
        for number, document in enumerate(documents)
        for parse in PARSERS
        if not refuses(parse, document)
    ]
    assert accepted == []


def test_largest_document_is_parsed() -> None:
    frame = b'{"CustomerMessage":""'
    document = frame + b" " * (MAX_DOCUMENT - len(frame) - 1) + b"}"
    assert parse_handshake_complete(document).customer_message == ""
    with pytest.raises(MalformedPayload):
        parse_handshake_complete(document + b" ")


def test_handshake_request_is_parsed_as_built() -> None:
    request = HandshakeRequest(
        "3.3.0.0",
        (
            ClientAction("SessionType", {"SessionType": "Port", "Properties": {"type": ""}}),
            ClientAction("KMSEncryption", {"KMSKeyId": "key"}),
        ),
    )
    assert parse_handshake_request(handshake_request(request)) == request


@pytest.mark.parametrize(
    "actions", [{}, {"RequestedClientActions": None}, {"RequestedClientActions": []}]
)
def test_handshake_request_may_have_no_actions(actions: dict[str, Any]) -> None:
    assert parse_handshake_request(json.dumps(actions).encode()) == HandshakeRequest("", ())


@pytest.mark.parametrize("parameters", [None, [], "x", 1])
def test_malformed_parameters_are_ignored(parameters: object) -> None:
    document = {"RequestedClientActions": [{"ActionType": "x", "ActionParameters": parameters}]}
    request = parse_handshake_request(json.dumps(document).encode())
    assert request.actions == (ClientAction("x", {}),)


@pytest.mark.parametrize(
    "actions",
    [{"a": 1}, "x", 1, True, [None], [[]], [{}], [{"ActionType": None}], [{"ActionType": 1}]],
)
def test_malformed_actions_are_refused(actions: object) -> None:
    with pytest.raises(MalformedPayload):
        parse_handshake_request(json.dumps({"RequestedClientActions": actions}).encode())


def test_handshake_response_is_the_published_document() -> None:
    done = ProcessedAction("SessionType", ActionStatus.SUCCESS)
    assert handshake_response("1.2.764.0", [done]) == (
        b'{"ClientVersion":"1.2.764.0","ProcessedClientActions":[{"ActionType":"SessionType",'
        b'"ActionStatus":1,"ActionResult":null,"Error":""}],"Errors":null}'
    )


def test_handshake_response_lists_its_errors_again() -> None:
    processed = [
        ProcessedAction("SessionType", ActionStatus.FAILED, "no"),
        ProcessedAction("Other", ActionStatus.UNSUPPORTED, "never", {"a": 1}),
        ProcessedAction("Fine", ActionStatus.SUCCESS),
    ]
    response = handshake_response("v", processed)
    document = json.loads(response)
    assert document["Errors"] == ["no", "never"]
    assert [action["ActionStatus"] for action in document["ProcessedClientActions"]] == [2, 3, 1]
    assert parse_handshake_response(response) == processed


@pytest.mark.parametrize("status", [0, 4, -1, None, "1", 1.5, 1.0, True, 2**70, [], {}])
def test_response_without_a_known_status_is_refused(status: object) -> None:
    document = {"ProcessedClientActions": [{"ActionType": "x", "ActionStatus": status}]}
    with pytest.raises(MalformedPayload):
        parse_handshake_response(json.dumps(document).encode())


@pytest.mark.parametrize("actions", [{"a": 1}, "x", 1, [None], [[]], [{}]])
def test_malformed_processed_actions_are_refused(actions: object) -> None:
    with pytest.raises(MalformedPayload):
        parse_handshake_response(json.dumps({"ProcessedClientActions": actions}).encode())


def test_handshake_complete_is_parsed_as_built() -> None:
    written = handshake_complete("Grüße\n", 12)
    assert parse_handshake_complete(written).customer_message == "Grüße\n"
    assert json.loads(written)["HandshakeTimeToComplete"] == 12


@pytest.mark.parametrize("message", [None, 1, [], {}, True])
def test_malformed_customer_message_is_empty(message: object) -> None:
    document = json.dumps({"CustomerMessage": message}).encode()
    assert parse_handshake_complete(document).customer_message == ""


@pytest.mark.parametrize(
    ("payload", "reason"),
    [
        (b'{"Output":"gone"}', "gone"),
        (b'{"Output":""}', ""),
        (b'{"Output":null}', ""),
        (b'{"Output":7}', ""),
        (b"{}", ""),
        (b"", ""),
        (b"\xff\x00garbage", ""),
        (b"[" * 100_000, ""),
        (b"x" * (MAX_DOCUMENT + 1), ""),
    ],
    ids=range(9),
)
def test_reason_of_channel_closed_is_its_output_if_readable(payload: bytes, reason: str) -> None:
    assert channel_closed_output(payload) == reason


@pytest.mark.parametrize("value", [0, 1, 2, 3, 2**32 - 1])
def test_flag_is_four_bytes_big_endian(value: int) -> None:
    assert flag(value) == value.to_bytes(4, "big")
    assert parse_flag(flag(value)) == value


@pytest.mark.parametrize("payload", [b"", b"\0", b"\0\0\3", b"\0\0\0\0\3"])
def test_flag_of_another_length_is_refused(payload: bytes) -> None:
    with pytest.raises(MalformedPayload):
        parse_flag(payload)


@pytest.mark.parametrize(
    ("payload", "status"),
    [
        (b"EXIT_CODE: 0", 0),
        (b"EXIT_CODE: 255", 255),
        (b"EXIT_CODE:-1\r\n", -1),
        (b" EXIT_CODE: 3 ", 3),
    ],
)
def test_exit_code_is_parsed(payload: bytes, status: int) -> None:
    assert parse_exit_code(payload) == status


@pytest.mark.parametrize(
    "payload",
    [
        b"",
        b"3",
        b"EXIT_CODE",
        b"EXIT_CODE: ",
        b"EXIT_CODE: x",
        b"EXIT_CODE: 3 4",
        b"EXIT_CODE: " + b"9" * 11,
        b"EXIT_CODE: \xd9\xa3",
        b"exit_code: 3",
    ],
)
def test_malformed_exit_code_is_refused(payload: bytes) -> None:
    with pytest.raises(MalformedPayload):
        parse_exit_code(payload)
