"""The agent's plugins for shells and commands, compared with recordings of the real agent."""

from __future__ import annotations

import json
import random
from dataclasses import dataclass, replace

import pytest

from connector.datachannel.agentmessage import AgentMessage
from connector.datachannel.messages import (
    ACKNOWLEDGE,
    AGENT_SESSION_STATE,
    CHANNEL_CLOSED,
    OUTPUT_STREAM_DATA,
    PAUSE_PUBLICATION,
    Flag,
    PayloadType,
)
from connector.datachannel.payloads import flag
from connector.emulator.agent.agent import Agent
from connector.emulator.agent.behaviour import REAL, ExecuteAs
from connector.emulator.agent.farend import (
    CloseFarEnd,
    InputReceived,
    OpenFarEnd,
    Resized,
    SessionEnded,
    Signalled,
)
from connector.emulator.agent.handshakes import HANDSHAKE_ERROR, NO_DATA_KEY
from connector.emulator.agent.plugins import (
    ERROR_TITLE,
    UPDATE_PLUGIN,
    InteractiveCommand,
    NonInteractiveCommand,
    Plugin,
    Port,
    Shell,
    command_plugin,
)

from ..datachannel.helpers import load
from .agents import (
    PLAIN,
    RESPONSE,
    ack,
    acks_sent,
    connected,
    control,
    output_sent,
    recorded,
    run_timers,
    sent,
    stream,
)

LINE = InteractiveCommand("true")
JOINED = NonInteractiveCommand(("true",))
SEPARATE = NonInteractiveCommand(("true",), separate=True)
ON_TERMINAL = pytest.mark.parametrize("kind", [Shell(), LINE], ids=["shell", "line"])
KINDS = pytest.mark.parametrize(
    "kind", [Shell(), LINE, JOINED, SEPARATE], ids=["shell", "line", "joined", "separate"]
)


# Recordings

RECORDED = {
    "shell": (Shell(), None),
    "ic": (InteractiveCommand("echo out; echo err >&2"), None),
    "nic": (JOINED, 3),
    "nicsep": (SEPARATE, 3),
}


@dataclass(frozen=True)
class Sent:
    """Return a message without its id, date and digest."""

    type: str
    number: int
    flags: int
    payload_type: int
    payload: bytes

    @classmethod
    def of(cls, frame: bytes) -> Sent:
        message = AgentMessage.decode(frame)
        payload = message.payload
        if message.payload_type == PayloadType.HANDSHAKE_COMPLETE:
            document = json.loads(payload)
            assert document.pop("HandshakeTimeToComplete") > 0
            payload = json.dumps(document).encode()
        return cls(
            message.message_type,
            message.sequence_number,
            message.flags,
            message.payload_type,
            payload,
        )


@pytest.mark.parametrize("name", RECORDED)
def test_recorded_session_is_repeated_exactly(name: str) -> None:
    kind, exit_status = RECORDED[name]
    rows = [(*row[:4], bytes.fromhex(row[4])) for row in load(name)]
    response_at = next((i for i, row in enumerate(rows) if row[3] == 6), len(rows))
    following = next((row for row in rows[response_at + 1 :] if row[0] == "agent"), None)
    behaviour = replace(
        PLAIN,
        complete_before_ack=following is not None and following[2] != ACKNOWLEDGE,
        first_output_delay=1.0,
    )
    agent = Agent(f"{name}.rec.s1", kind, behaviour, rng=random.Random(1))
    now, ours, theirs = 0.0, [], []
    for side, _, message_type, payload_type, frame in rows:
        now += 0.001
        if side == "client":
            agent.receive_frames([frame], now)
        elif side == "agent":
            theirs.append(Sent.of(frame))
            if message_type == OUTPUT_STREAM_DATA and payload_type in (
                PayloadType.OUTPUT,
                PayloadType.STDERR,
            ):
                if agent.output_capacity == 0:
                    now += 1.0  # a terminal is read only after a delay
                    agent.handle_timer(now)
                assert agent.output_capacity > 0
                agent.send_output(frame[120:], payload_type)
            elif payload_type == PayloadType.EXIT_CODE or (
                message_type == AGENT_SESSION_STATE and len(theirs) > 1
            ):
                agent.closed(now, exit_status)
        timer = agent.get_timer()
        if timer is not None and timer <= now and OpenFarEnd() in agent.handle_timer(now):
            agent.opened(now)
        ours += [Sent.of(frame) for frame in agent.frames_to_send(now)]
    # The recorded client of "nicsep" left before it sent the last acks.
    ended = run_timers(agent, now + 9.0)
    ours += [Sent.of(f) for f in agent.frames_to_send(now) if b"Terminating" in f]
    assert ours == theirs
    assert [event for _, event in ended] == [SessionEnded("")]


def test_encryption_is_requested_as_recorded() -> None:
    request = recorded("kms_handshake_request")
    agent = Agent("kms.rec.s1", Shell(), replace(PLAIN, kms_key_id="arn:lab:key"))
    (ours,) = (m for m in map(Sent.of, agent.frames_to_send(0.0)) if m.payload_type == 5)
    theirs = Sent.of(request)
    documents = [json.loads(message.payload) for message in (ours, theirs)]
    lengths = [
        len(document["RequestedClientActions"][1]["ActionParameters"].pop("Challenge"))
        for document in documents
    ]
    assert documents[0] == documents[1]
    assert lengths[0] == lengths[1]
    assert replace(ours, payload=b"") == replace(theirs, payload=b"")


# The handshake


@pytest.mark.parametrize(
    ("kind", "shakes_hands"),
    [(Port(), True), (Shell(), False), (LINE, False), (JOINED, True), (SEPARATE, True)],
    ids=["port", "shell", "line", "joined", "separate"],
)
def test_plugin_decides_on_the_handshake(kind: Plugin, shakes_hands: bool) -> None:
    def first_payload_types(**changes: object) -> list[int]:
        agent = Agent("s", kind, replace(PLAIN, **changes))  # type: ignore[arg-type]
        return [AgentMessage.decode(f).payload_type for f in agent.frames_to_send(0.0)[1:]]

    asks = [PayloadType.HANDSHAKE_REQUEST]
    assert first_payload_types() == (asks if shakes_hands else [])
    assert first_payload_types(always_shakes_hands=True) == asks
    assert first_payload_types(kms_key_id="k") == asks


@KINDS
def test_refused_encryption_ends_the_session(kind: Plugin) -> None:
    agent = Agent("s", kind, replace(PLAIN, kms_key_id="k"))
    output_sent(agent)
    response = (
        b'{"ProcessedClientActions":[{"ActionType":"SessionType","ActionStatus":1},'
        b'{"ActionType":"KMSEncryption","ActionStatus":3,"Error":"unsupported"}]}'
    )
    assert agent.receive_frames([stream(0, response, PayloadType.HANDSHAKE_RESPONSE)], 1.0) == []
    assert acks_sent(agent) == [0]
    text = "KMSEncryption failed on client with status 3 error: unsupported"
    assert [event for _, event in run_timers(agent, 9.0)] == [SessionEnded(HANDSHAKE_ERROR + text)]


def test_accepted_encryption_fails_without_kms() -> None:
    agent = Agent("s", Shell(), replace(PLAIN, kms_key_id="arn:lab:key"))
    output_sent(agent)
    agent.receive_frames([ack(0), recorded("kms_handshake_response")], 1.0)
    assert run_timers(agent, 9.0) == [(1.004, SessionEnded(HANDSHAKE_ERROR + NO_DATA_KEY))]


def test_port_session_is_never_encrypted() -> None:
    agent = Agent("s", Port(), replace(PLAIN, kms_key_id="k"))
    (request,) = (payload for _, payload in output_sent(agent))
    assert len(json.loads(request)["RequestedClientActions"]) == 1


@pytest.mark.parametrize(
    ("version", "message"),
    [
        ("1.2.0.0", UPDATE_PLUGIN),
        ("1.2.295", UPDATE_PLUGIN),
        ("", UPDATE_PLUGIN),
        ("1.2.295.1", ""),
        ("1.2.764.0", ""),
    ],
)
def test_old_client_of_separate_streams_is_asked_to_update(version: str, message: str) -> None:
    for kind, expected in ((SEPARATE, message), (JOINED, "")):
        agent = Agent("s", kind, PLAIN)
        output_sent(agent)
        response = RESPONSE.replace(b"1.2.764.0", version.encode())
        agent.receive_frames([stream(0, response, PayloadType.HANDSHAKE_RESPONSE)], 0.0)
        ((_, complete),) = output_sent(agent)
        assert json.loads(complete)["CustomerMessage"] == expected


# Input


@ON_TERMINAL
def test_terminal_gets_keys_and_sizes_in_order(kind: Plugin) -> None:
    agent = connected(kind=kind)
    frames = [
        stream(0, b"a"),
        stream(1, b'{"cols":300,"rows":100}', PayloadType.SIZE),
        stream(2, b"\x03"),
        stream(3, b"b"),
    ]
    assert agent.receive_frames(frames, 0.0) == [
        InputReceived(b"a"),
        Resized(300, 100),
        InputReceived(b"\x03b"),
    ]
    assert acks_sent(agent) == [0, 1, 2, 3]


@pytest.mark.parametrize(
    "size", [b"{", b"[]", b'{"cols":-1,"rows":2}', b'{"cols":"8","rows":2}', b'{"cols":true}']
)
def test_malformed_size_gets_no_ack(size: bytes) -> None:
    agent = connected(kind=Shell())
    assert agent.receive_frames([stream(0, size, PayloadType.SIZE)], 0.0) == []
    assert acks_sent(agent) == []


def test_input_before_the_terminal_gets_no_ack() -> None:
    agent = Agent("s", Shell(), replace(PLAIN, dial_delay=(0.01, 0.01)))
    agent.frames_to_send(0.0)
    size = stream(0, b'{"cols":3,"rows":2}', PayloadType.SIZE)
    assert agent.receive_frames([size, stream(1, b"x")], 0.0) == []
    assert acks_sent(agent) == [1]
    assert agent.handle_timer(0.01) == [OpenFarEnd()]
    agent.opened(0.012)
    assert agent.receive_frames([size], 0.3) == [Resized(3, 2), InputReceived(b"x")]


@pytest.mark.parametrize("kind", [JOINED, SEPARATE], ids=["joined", "separate"])
def test_command_without_terminal_gets_control_keys_as_signals_only(
    kind: Plugin,
) -> None:
    agent = connected(kind=kind)
    frames = [
        stream(1, b"ls\r"),
        stream(2, b'{"cols":3,"rows":2}', PayloadType.SIZE),
        stream(3, b"x\x03\x1c"),
        stream(4, b"\x1c"),
    ]
    assert agent.receive_frames(frames, 0.0) == [Signalled(2), Signalled(3)]
    assert acks_sent(agent) == [1, 2, 3, 4]


@KINDS
def test_terminate_flag_is_ignored_without_a_port(kind: Plugin) -> None:
    agent = connected(kind=kind)
    first = int(kind.shakes_hands)
    frame = stream(first, flag(Flag.TERMINATE_SESSION), PayloadType.FLAG)
    assert agent.receive_frames([frame], 1.0) == []
    assert acks_sent(agent, 1.0) == [first]


@KINDS
def test_terminate_flag_can_end_every_session(kind: Plugin) -> None:
    agent = connected(replace(PLAIN, always_obeys_flags=True), kind=kind)
    frame = stream(int(kind.shakes_hands), flag(Flag.TERMINATE_SESSION), PayloadType.FLAG)
    assert agent.receive_frames([frame], 1.0) == [CloseFarEnd()]
    assert run_timers(agent, 9.0) == [(1.004, SessionEnded(""))]


@KINDS
def test_service_ends_a_session(kind: Plugin) -> None:
    agent = connected(kind=kind)
    agent.send_output(b"unread")
    assert agent.receive_frames([control(CHANNEL_CLOSED)], 1.0) == [CloseFarEnd(), SessionEnded("")]


# Output


@ON_TERMINAL
def test_terminal_is_written_at_once_and_read_a_second_later(kind: Plugin) -> None:
    agent = connected(replace(PLAIN, first_output_delay=REAL.first_output_delay), 5.0, kind=kind)
    assert agent.output_capacity == 0
    assert agent.receive_frames([stream(0, b"x")], 5.5) == [InputReceived(b"x")]
    assert agent.get_timer() == 6.0
    assert agent.handle_timer(6.0) == []
    assert agent.output_capacity > 0


def test_separate_streams_keep_their_order_and_end_with_the_exit_code() -> None:
    agent = connected(replace(PLAIN, message_size=4), kind=SEPARATE)
    agent.send_output(b"out", PayloadType.OUTPUT)
    agent.send_output(b"put", PayloadType.OUTPUT)
    agent.send_output(b"error", PayloadType.STDERR)
    agent.send_output(b"more", PayloadType.OUTPUT)
    agent.closed(1.0, 3)
    messages = [AgentMessage.decode(frame) for frame in agent.frames_to_send(1.0)]
    assert [(m.sequence_number, m.payload_type, m.payload) for m in messages] == [
        (2, PayloadType.OUTPUT, b"outp"),
        (3, PayloadType.OUTPUT, b"ut"),
        (4, PayloadType.STDERR, b"erro"),
        (5, PayloadType.STDERR, b"r"),
        (6, PayloadType.OUTPUT, b"more"),
        (7, PayloadType.EXIT_CODE, b"EXIT"),
        (8, PayloadType.EXIT_CODE, b"_COD"),
        (9, PayloadType.EXIT_CODE, b"E: 3"),
    ]


@KINDS
def test_only_separate_streams_report_the_exit_status(kind: Plugin) -> None:
    agent = connected(kind=kind)
    agent.closed(1.0, 7)
    told = [payload for message_type, _, payload in sent(agent, 1.0) if b"EXIT" in payload]
    assert told == ([b"EXIT_CODE: 7"] if kind is SEPARATE else [])


def test_output_of_every_type_is_paced() -> None:
    agent = connected(replace(PLAIN, message_interval=0.001), kind=SEPARATE)
    agent.handle_timer(1.0)
    agent.send_output(b"o", PayloadType.OUTPUT)
    agent.send_output(b"e", PayloadType.STDERR)
    assert output_sent(agent, 1.0) == [(2, b"o")]
    assert output_sent(agent, 1.0005) == []
    assert output_sent(agent, 1.001) == [(3, b"e")]


@KINDS
def test_far_end_is_not_read_while_the_client_is_away(kind: Plugin) -> None:
    agent = connected(kind=kind)
    agent.receive_frames([control(PAUSE_PUBLICATION)], 1.0)
    assert agent.output_capacity == 0
    agent.receive_frames([ack(99)], 2.0)
    assert agent.output_capacity > 0


@KINDS
def test_incomplete_character_at_the_end_is_lost(kind: Plugin) -> None:
    agent = connected(kind=kind)
    agent.send_output(b"1\xff2345\xff")
    agent.closed(1.0)
    assert [payload for _, payload in output_sent(agent, 1.0)] == [b"1\xff2345"]


@KINDS
def test_output_can_pass_unchanged(kind: Plugin) -> None:
    agent = connected(replace(PLAIN, treats_output_as_text=False), kind=kind)
    agent.send_output(b"12345\xff")
    assert [payload for _, payload in output_sent(agent)] == [b"12345\xff"]


# The end


@KINDS
def test_shell_with_missing_acks_waits_twice(kind: Plugin) -> None:
    agent = connected(kind=kind)
    agent.send_output(b"bye")
    agent.closed(1.0, 0)
    output_sent(agent, 1.0)
    assert run_timers(agent, 9.0) == [(5.004, SessionEnded(""))]


def test_ended_terminal_acks_sizes_and_no_keys() -> None:
    agent = connected(kind=Shell())
    agent.send_output(b"bye")
    agent.closed(1.0)
    size = stream(0, b'{"cols":3,"rows":2}', PayloadType.SIZE)
    assert agent.receive_frames([size, stream(1, b"x")], 1.0) == []
    assert acks_sent(agent, 1.0) == [0]


def test_missing_terminal_ends_the_session_with_the_real_text() -> None:
    agent = Agent("s", Shell(), PLAIN)
    assert agent.handle_timer(0.0) == [OpenFarEnd()]
    agent.refused("out of ptys", 0.0)
    ((at, event),) = run_timers(agent, 9.0)
    assert at == 2.0
    assert isinstance(event, SessionEnded)
    assert event.output.startswith(ERROR_TITLE + "Unable to start command: Failed to start pty: ")


def test_failed_start_of_a_command_is_reported_as_the_real_agent_does() -> None:
    for kind in (JOINED, SEPARATE):
        agent = Agent("s", kind, PLAIN)
        agent.frames_to_send(0.0)
        agent.receive_frames([ack(0), stream(0, RESPONSE, PayloadType.HANDSHAKE_RESPONSE)], 0.0)
        output_sent(agent)
        agent.receive_frames([ack(1)], 0.0)
        assert agent.handle_timer(0.0) == [OpenFarEnd()]
        agent.refused("no such thing", 0.0)
        text = b"Error occurred starting the command: no such thing\n"
        status = [b"EXIT_CODE: 1"] if kind is SEPARATE else []
        assert [payload for _, payload in output_sent(agent, 0.0)] == status
        agent.receive_frames([ack(2)], 0.0)
        assert agent.handle_timer(1.0) == []
        ((number, told),) = output_sent(agent, 1.0)
        assert told == text
        agent.receive_frames([ack(number)], 1.0)
        assert run_timers(agent, 9.0) == [(1.004, SessionEnded(ERROR_TITLE + text.decode()))]


def test_command_becomes_a_line_or_a_program() -> None:
    command, arguments = "sh", ("-c", "test -d 'a b' && echo true")
    assert command_plugin((command, *arguments), ExecuteAs.INTERACTIVE) == InteractiveCommand(
        """sh -c 'test -d '"'"'a b'"'"' && echo true'"""
    )
    program = (command, *arguments)
    assert command_plugin((command, *arguments), ExecuteAs.JOINED) == NonInteractiveCommand(program)
    assert command_plugin((command, *arguments), ExecuteAs.SEPARATE) == NonInteractiveCommand(
        program, True
    )
