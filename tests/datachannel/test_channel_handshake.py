"""How a session opens: the handshake, and sessions without one."""

from __future__ import annotations

import json

import pytest

from connector.datachannel.events import (
    ChannelClosed,
    ChannelFailed,
    DataReceived,
    Event,
    SessionOpened,
)
from connector.datachannel.messages import AGENT_SESSION_STATE, CHANNEL_CLOSED, PayloadType
from connector.datachannel.phases import State
from connector.datachannel.progress import SILENT_START_GRACE
from connector.errors import ConnectorError, RemoteProtocolError, SessionEncrypted

from .helpers import (
    CLIENT_ID,
    Dialogue,
    ack,
    acked_numbers,
    after_first_output,
    after_handshake,
    handshake_complete,
    handshake_request,
    inputs,
    output,
    service,
    session_type_action,
    stream,
)

UNKNOWN_ACTION: dict[str, object] = {"ActionType": "Dance", "ActionParameters": {}}
KMS: dict[str, object] = {
    "ActionType": "KMSEncryption",
    "ActionParameters": {"KMSKeyId": "key", "Challenge": "c"},
}


def linked() -> Dialogue:
    dialogue = Dialogue()
    dialogue.link()
    return dialogue


def failure(events: list[Event], kind: type[ConnectorError] = RemoteProtocolError) -> str:
    """Return the message of the one failure, the last of these events."""
    assert [event for event in events if isinstance(event, ChannelFailed)] == events[-1:]
    assert isinstance(events[-1], ChannelFailed)
    assert isinstance(events[-1].error, kind)
    return str(events[-1].error)


def test_link_starts_with_the_open_frame() -> None:
    dialogue = Dialogue()
    assert dialogue.sent() == []
    document = json.loads(dialogue.link('se"cret'))
    assert document.pop("RequestId").count("-") == 4
    assert document == {
        "MessageSchemaVersion": "1.0",
        "TokenValue": 'se"cret',
        "ClientId": CLIENT_ID,
        "ClientVersion": "1.2.764.0",
    }
    assert dialogue.channel.linked
    assert dialogue.sent() == []


@pytest.mark.parametrize(
    "session_type", ["Port", "Standard_Stream", "InteractiveCommands", "NonInteractiveCommands"]
)
def test_handshake_request_is_acked_and_answered(session_type: str) -> None:
    dialogue = linked()
    assert dialogue.receive(handshake_request(session_type_action(session_type))) == []
    sent = dialogue.sent()
    assert [message.message_type for message in sent] == ["acknowledge", "input_stream_data"]
    assert acked_numbers(sent) == [0]
    ((number, kind, payload),) = inputs(sent)
    assert (number, kind) == (0, PayloadType.HANDSHAKE_RESPONSE)
    assert json.loads(payload) == {
        "ClientVersion": "1.2.764.0",
        "ProcessedClientActions": [
            {"ActionType": "SessionType", "ActionStatus": 1, "ActionResult": None, "Error": ""}
        ],
        "Errors": None,
    }
    assert dialogue.channel.state == State.OPENING


@pytest.mark.parametrize("together", [True, False])
@pytest.mark.parametrize("acknowledge_first", [True, False])
def test_ack_and_handshake_complete_come_in_either_order(
    acknowledge_first: bool, together: bool
) -> None:
    dialogue = linked()
    dialogue.receive(handshake_request())
    dialogue.sent()
    frames = [ack(0), handshake_complete(message="hello")]
    if not acknowledge_first:
        frames.reverse()
    if together:
        events = dialogue.receive(*frames)
    else:
        events = dialogue.receive(frames[0]) + dialogue.receive(frames[1])
    assert events == [SessionOpened("Port", "hello")]
    assert acked_numbers(dialogue.sent()) == [1]
    assert dialogue.channel.state == State.OPEN
    assert dialogue.channel.delivered


def test_output_in_one_burst_with_handshake_complete_follows_session_opened() -> None:
    dialogue = linked()
    dialogue.receive(handshake_request())
    dialogue.sent()
    events = dialogue.receive(handshake_complete(), output(2, b"SSH-"), output(3, b"2.0"), ack(0))
    assert events == [SessionOpened("Port", ""), DataReceived(b"SSH-2.0")]
    assert acked_numbers(dialogue.sent()) == [1, 2, 3]


def test_output_that_overtakes_handshake_complete_waits_for_it() -> None:
    dialogue = linked()
    dialogue.receive(handshake_request())
    dialogue.send(b"input")
    dialogue.sent()
    assert dialogue.receive(output(2, b"SSH-")) == []
    assert inputs(dialogue.sent()) == []
    assert dialogue.receive(handshake_complete()) == [
        SessionOpened("Port", ""),
        DataReceived(b"SSH-"),
    ]
    assert dialogue.sent_data() == b"input"


def test_handshake_in_reverse_order_opens_the_session() -> None:
    dialogue = linked()
    assert dialogue.receive(handshake_complete(), handshake_request()) == [
        SessionOpened("Port", "")
    ]
    assert acked_numbers(dialogue.sent()) == [1, 0]


def test_input_does_not_leave_before_handshake_complete() -> None:
    dialogue = Dialogue()
    assert dialogue.send(b"early") == 5
    dialogue.link()
    assert dialogue.sent() == []
    dialogue.receive(handshake_request())
    assert [kind for _, kind, _ in dialogue.sent_inputs()] == [PayloadType.HANDSHAKE_RESPONSE]
    dialogue.now = 10.0
    dialogue.receive(ack(0))
    assert dialogue.sent() == []
    assert dialogue.channel.get_timer() is None


def test_input_waits_for_the_first_output() -> None:
    dialogue = after_handshake()
    dialogue.send(b"SSH-2.0-client\r\n")
    dialogue.now = 0.2499
    assert dialogue.sent() == []
    dialogue.receive(output(2, b"SSH-2.0-server\r\n"))
    assert dialogue.sent_inputs() == [(1, PayloadType.OUTPUT, b"SSH-2.0-client\r\n")]


def test_only_the_first_output_releases_input() -> None:
    dialogue = after_handshake()
    dialogue.send(b"input")
    dialogue.receive(output(3, b"second"), stream(4, PayloadType.STDERR, b"error"))
    assert dialogue.sent_inputs() == []
    dialogue.receive(handshake_complete())  # a duplicate
    assert dialogue.sent_inputs() == []
    dialogue.receive(output(2, b"first"))
    assert dialogue.sent_data() == b"input"


def test_input_leaves_after_the_grace_without_output() -> None:
    dialogue = after_handshake()
    dialogue.send(b"GET / ")
    dialogue.send(b"HTTP/1.0\r\n")
    assert dialogue.expire() == pytest.approx(0.25)
    assert dialogue.sent_inputs() == [(1, PayloadType.OUTPUT, b"GET / HTTP/1.0\r\n")]
    dialogue.send(b"at once")
    assert dialogue.sent_data() == b"at once"


def test_input_given_after_the_grace_leaves_at_once() -> None:
    dialogue = after_handshake()
    dialogue.now = 0.25
    dialogue.send(b"late")
    assert dialogue.sent_data() == b"late"


def test_input_given_after_the_first_output_leaves_at_once() -> None:
    dialogue = after_first_output()
    dialogue.send(b"soon")
    assert dialogue.sent_data() == b"soon"


def test_grace_counts_from_handshake_complete() -> None:
    dialogue = linked()
    dialogue.now = 5.0
    dialogue.receive(handshake_request())
    dialogue.sent()
    dialogue.now = 7.0
    dialogue.receive(ack(0), handshake_complete())
    dialogue.send(b"input")
    assert dialogue.sent_inputs() == []
    assert dialogue.channel.get_timer() == pytest.approx(7.25)


def test_without_input_the_grace_needs_no_timer() -> None:
    assert after_handshake().channel.get_timer() is None


def test_grace_is_an_option() -> None:
    dialogue = after_handshake(first_output_grace=0.0)
    dialogue.send(b"at once")
    assert dialogue.sent_data() == b"at once"


def test_session_without_handshake_opens_with_its_first_output() -> None:
    dialogue = linked()
    dialogue.send(b"ls\n")
    assert dialogue.sent() == []
    assert dialogue.receive(output(0, b"# ")) == [SessionOpened(None, ""), DataReceived(b"# ")]
    sent = dialogue.sent()
    assert acked_numbers(sent) == [0]
    assert inputs(sent) == [(0, PayloadType.OUTPUT, b"ls\n")]


TERMINATING = service(AGENT_SESSION_STATE, b'{"SessionState":"Terminating"}')


def test_session_without_handshake_opens_when_its_agent_leaves_in_silence() -> None:
    dialogue = linked()
    assert dialogue.receive(TERMINATING, service(CHANNEL_CLOSED)) == [
        SessionOpened(None, ""),
        ChannelClosed(""),
    ]


@pytest.mark.parametrize(
    "payload",
    [b'{"SessionState":"Connected"}', b'{"SessionState":["Terminating"]}', b"[]", b"{}", b"\xff"],
)
def test_other_state_of_the_agent_opens_no_session(payload: bytes) -> None:
    assert linked().receive(service(AGENT_SESSION_STATE, payload)) == []


def test_agent_that_leaves_within_a_handshake_opens_no_session() -> None:
    dialogue = linked()
    assert dialogue.receive(handshake_request()) == []
    assert dialogue.receive(TERMINATING) == []


def test_idle_handshake_opens_a_session_without_type() -> None:
    dialogue = linked()
    dialogue.receive(stream(0, PayloadType.HANDSHAKE_REQUEST, b'{"AgentVersion":"3"}'))
    ((_, _, payload),) = dialogue.sent_inputs()
    assert json.loads(payload)["ProcessedClientActions"] == []
    assert dialogue.receive(handshake_complete()) == [SessionOpened(None, "")]


IDLE_REQUEST = stream(0, PayloadType.HANDSHAKE_REQUEST, b'{"RequestedClientActions":[]}')


def after_idle_request() -> Dialogue:
    dialogue = linked()
    dialogue.receive(IDLE_REQUEST)
    dialogue.send(b"input")
    assert [kind for _, kind, _ in dialogue.sent_inputs()] == [PayloadType.HANDSHAKE_RESPONSE]
    return dialogue


def test_ack_of_the_response_completes_an_idle_handshake() -> None:
    dialogue = after_idle_request()
    assert dialogue.receive(ack(0)) == [SessionOpened(None, "")]
    assert dialogue.sent_inputs() == []  # HandshakeComplete may still come
    assert dialogue.expire() == pytest.approx(SILENT_START_GRACE)
    assert dialogue.sent_data() == b"input"


def test_handshake_complete_may_follow_the_ack_of_an_idle_response() -> None:
    dialogue = after_idle_request()
    dialogue.receive(ack(0))
    assert dialogue.receive(handshake_complete(message="hello")) == [SessionOpened(None, "hello")]
    assert dialogue.expire() == pytest.approx(0.25)
    assert dialogue.sent_data() == b"input"


def test_ack_of_the_response_does_not_complete_a_handshake_with_actions() -> None:
    dialogue = linked()
    dialogue.receive(handshake_request())
    dialogue.sent()
    assert dialogue.receive(ack(0)) == []
    assert dialogue.channel.state == State.OPENING
    assert dialogue.channel.handshake_begun


@pytest.mark.parametrize("frame", [IDLE_REQUEST, handshake_request()], ids=["nothing", "type"])
def test_output_opens_a_session_without_handshake_complete(frame: bytes) -> None:
    dialogue = linked()
    dialogue.receive(frame)
    dialogue.sent()
    dialogue.send(b"input")
    opened, data = dialogue.receive(output(1, b"SSH-"))
    assert opened == SessionOpened(None if frame == IDLE_REQUEST else "Port", "")
    assert data == DataReceived(b"SSH-")
    assert dialogue.sent_data() == b"input"


def test_second_handshake_complete_fails_the_channel() -> None:
    dialogue = after_handshake()
    assert failure(dialogue.receive(handshake_complete(2)))


# Handshakes that fail.


@pytest.mark.parametrize(
    ("actions", "statuses", "word"),
    [
        ([session_type_action(), UNKNOWN_ACTION], [1, 3], "Dance"),
        ([session_type_action(), KMS], [1, 3], "KMS"),
        ([session_type_action("Telepathy")], [2], "Telepathy"),
        ([session_type_action(None)], [2], "session type"),
        ([session_type_action(["Port"])], [2], "session type"),
        ([session_type_action("port")], [2], "port"),
        ([session_type_action("Port", {"type": "LocalPortForwarding"})], [2], "multiplexed"),
        ([{"ActionType": "SessionType"}], [2], "session type"),
        ([UNKNOWN_ACTION, session_type_action("Telepathy"), KMS], [3, 2, 3], "Dance"),
    ],
)
def test_unsupported_action_is_answered_and_reported(
    actions: list[dict[str, object]], statuses: list[int], word: str
) -> None:
    dialogue = linked()
    dialogue.send(b"input")
    kind = SessionEncrypted if word == "KMS" else RemoteProtocolError
    assert word in failure(dialogue.receive(handshake_request(*actions)), kind)
    sent = dialogue.sent()
    assert acked_numbers(sent) == [0]
    ((number, payload_type, payload),) = inputs(sent)
    assert (number, payload_type) == (0, PayloadType.HANDSHAKE_RESPONSE)
    processed = json.loads(payload)["ProcessedClientActions"]
    assert [action["ActionStatus"] for action in processed] == statuses
    errors = [action["Error"] for action in processed if action["ActionStatus"] != 1]
    assert all(errors)
    assert json.loads(payload)["Errors"] == errors
    assert dialogue.channel.state == State.CLOSED
    assert dialogue.sent() == []


@pytest.mark.parametrize("kind", [None, "", "SomethingElse"])
def test_port_session_of_any_type_but_multiplexed_is_a_stream(kind: str | None) -> None:
    dialogue = linked()
    properties = {"portNumber": "22", "type": kind}
    assert dialogue.receive(handshake_request(session_type_action("Port", properties))) == []


@pytest.mark.parametrize(
    "frame",
    [
        handshake_request(number=1),
        stream(1, PayloadType.HANDSHAKE_REQUEST, b"garbage"),
    ],
)
def test_second_handshake_request_fails_the_channel(frame: bytes) -> None:
    dialogue = linked()
    dialogue.receive(handshake_request())
    assert failure(dialogue.receive(frame))


@pytest.mark.parametrize("frame", [handshake_request(number=3), handshake_complete(3)])
def test_handshake_in_an_open_session_fails_the_channel(frame: bytes) -> None:
    dialogue = after_first_output()
    assert failure(dialogue.receive(frame))


def test_handshake_after_output_fails_the_channel() -> None:
    dialogue = linked()
    dialogue.receive(output(0, b"# "))
    assert failure(dialogue.receive(handshake_request(number=1)))


def test_handshake_complete_without_a_request_fails_the_channel() -> None:
    assert failure(linked().receive(handshake_complete(0)))


@pytest.mark.parametrize(
    "payload", [b"", b"garbage", b"[]", b'{"RequestedClientActions":7}', b"[" * 100_000]
)
def test_malformed_handshake_request_fails_the_channel(payload: bytes) -> None:
    assert failure(linked().receive(stream(0, PayloadType.HANDSHAKE_REQUEST, payload)))


def test_duplicate_handshake_request_is_acked_again_and_not_answered_again() -> None:
    dialogue = linked()
    dialogue.receive(handshake_request())
    dialogue.sent()
    assert dialogue.receive(handshake_request()) == []
    sent = dialogue.sent()
    assert acked_numbers(sent) == [0]
    assert inputs(sent) == []
