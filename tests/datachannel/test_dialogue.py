"""The lines of a dialogue: what they show, and what they never show."""

from __future__ import annotations

import pytest

from connector.datachannel.agentmessage import AgentMessage
from connector.datachannel.dialogue import RECEIVED, SENT, Line, describe, describe_text, parse
from connector.datachannel.messages import ACKNOWLEDGE, INPUT_STREAM_DATA, PayloadType
from connector.datachannel.payloads import flag

from .helpers import ack, after_handshake, handshake_request, load, output, service, stream
from .recording import last_lines

SECRET = b"pa55word"

#: A frame -> its line.
LINES = {
    "output": (output(7, b"x" * 1024), "< output_stream_data 7 payload=output 1024 B"),
    "negative number": (output(-1, b""), "< output_stream_data -1 payload=output 0 B"),
    "unknown payload": (stream(3, 99, b"x"), "< output_stream_data 3 payload=99 1 B"),
    "flag": (
        stream(3, PayloadType.FLAG, flag(2)),
        "< output_stream_data 3 payload=flag:terminate_session 4 B",
    ),
    "unknown flag": (
        stream(3, PayloadType.FLAG, flag(9)),
        "< output_stream_data 3 payload=flag:9 4 B",
    ),
    "malformed flag": (
        stream(3, PayloadType.FLAG, b"x"),
        "< output_stream_data 3 payload=flag 1 B",
    ),
    "first message": (
        AgentMessage("output_stream_data", b"{}", 5, flags=1).encode(),
        "< output_stream_data 0 flags=syn payload=handshake_request 2 B",
    ),
    "ack": (ack(12), "< acknowledge 12"),
    "malformed ack": (
        AgentMessage(ACKNOWLEDGE, b"{}").encode(),
        "< acknowledge without number 2 B",
    ),
    "service message": (service("pause_publication"), "< pause_publication"),
    "channel_closed": (service("channel_closed", b"{}"), "< channel_closed 2 B"),
    "unknown type": (service("a b\x1b[31m", b"xyz"), "< a?b??31m 3 B"),
    "truncated": (
        output(1, b"")[:60],
        "< malformed 60 B: a message of 60 bytes is shorter than its header",
    ),
    "damaged": (
        output(1, b"ab")[:-1] + b"x",
        "< malformed 122 B: the payload of a message does not match its digest",
    ),
}


@pytest.mark.parametrize("case", LINES)
def test_frame_is_one_line(case: str) -> None:
    frame, line = LINES[case]
    assert describe(RECEIVED, frame) == line


def test_handshake_is_a_dialogue_of_few_lines() -> None:
    dialogue = after_handshake()
    dialogue.send(b"input")
    dialogue.receive(output(2, b"banner"))
    frames = dialogue.channel.messages_to_send(dialogue.now)
    assert [describe(SENT, frame) for frame in frames] == [
        "> acknowledge 2",
        "> input_stream_data 1 payload=output 5 B",
    ]
    assert describe(RECEIVED, handshake_request()).startswith(
        "< output_stream_data 0 payload=handshake_request "
    )


def test_failing_test_has_the_last_lines_of_its_dialogue() -> None:
    dialogue = after_handshake()
    dialogue.now = 1.5
    dialogue.receive(output(2, b"banner"))
    dialogue.channel.receive_text("channel_closed")
    dialogue.sent()
    lines = last_lines()
    assert lines[0] == "    0.000  > open_data_channel"
    assert lines[-3:] == [
        "    1.500  < output_stream_data 2 payload=output 6 B",
        "    1.500  < text channel_closed",
        "    1.500  > acknowledge 2",
    ]


@pytest.mark.parametrize(
    ("text", "line"),
    [
        (" pause_publication\n", "< text pause_publication"),
        ("channel_closed", "< text channel_closed"),
        ("hello ü", "< text 8 B"),
    ],
)
def test_text_frame_is_one_line(text: str, line: str) -> None:
    assert describe_text(RECEIVED, text) == line


def test_opening_frame_shows_no_token() -> None:
    assert describe_text(SENT, '{"TokenValue":"secret"}') == "> open_data_channel"


@pytest.mark.parametrize("payload_type", range(14))
def test_line_shows_no_payload(payload_type: int) -> None:
    for kind in (INPUT_STREAM_DATA, "output_stream_data", ACKNOWLEDGE, "whatever"):
        frame = AgentMessage(kind, SECRET, payload_type).encode()
        for line in (describe(SENT, frame), describe(SENT, frame[:-1])):
            assert SECRET.decode() not in line


def test_recorded_frames_are_lines() -> None:
    for recorded in load("frames"):
        line = describe(RECEIVED, bytes.fromhex(recorded["hex"]))
        assert line.startswith(f"< {recorded['message_type']}")
        assert line.isprintable()


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("> open_data_channel", Line(">", "open_data_channel", None, "", 0)),
        (
            "< output_stream_data 7 flags=syn payload=output 1024 B",
            Line("<", "output_stream_data", 7, "output", 1024),
        ),
        ("< acknowledge 12", Line("<", "acknowledge", 12, "", 0)),
        ("< channel_closed 45 B", Line("<", "channel_closed", None, "", 45)),
        ("< text pause_publication", Line("<", "text", None, "", 0)),
        ("< malformed 60 B: a message of 1 bytes", Line("<", "malformed", None, "", 60)),
        ("reconnected after 1.0 s", None),
        ("", None),
    ],
)
def test_line_is_parsed(text: str, line: Line | None) -> None:
    assert parse(text) == line


@pytest.mark.parametrize("case", LINES)
def test_parsed_line_has_the_size_of_the_payload(case: str) -> None:
    frame, text = LINES[case]
    line = parse(text)
    assert line is not None
    if line.payload:
        assert line.size == len(AgentMessage.decode(frame).payload)
