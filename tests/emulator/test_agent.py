"""The emulated agent: recordings of the real one, and each of its habits."""

from __future__ import annotations

import json
import random
from dataclasses import replace

import pytest

from connector.datachannel.agentmessage import AgentMessage
from connector.datachannel.messages import (
    ACKNOWLEDGE,
    HEADER,
    INPUT_STREAM_DATA,
    OUTPUT_STREAM_DATA,
    PayloadType,
)
from connector.datachannel.payloads import (
    ClientAction,
)
from connector.emulator.agent.agent import Agent
from connector.emulator.agent.farend import (
    InputReceived,
    OpenFarEnd,
    SessionEnded,
)
from connector.emulator.agent.handshakes import HANDSHAKE_ERROR, HANDSHAKE_TIMED_OUT
from connector.emulator.agent.plugins import (
    PORT_REFUSED,
    WORKER_DIED,
    NonInteractiveCommand,
    Port,
    Shell,
)

from .agents import (
    PLAIN,
    RESPONSE,
    acks_sent,
    connected,
    output_sent,
    recorded,
    recorded_agent,
    run_timers,
    sent,
    stream,
    undated,
)

# Recordings


def test_port_session_starts_as_recorded() -> None:
    agent = recorded_agent(
        "port_connected_state",
        "port_handshake_request",
        session_id="port.2222.rec.1183259776030",
    )
    frames = agent.frames_to_send(0.0)
    assert frames[0] == recorded("port_connected_state")
    # A millisecond lies between the recorded messages.
    request, expected = AgentMessage.decode(frames[1]), recorded("port_handshake_request")
    assert replace(request, created_date=0) == replace(
        AgentMessage.decode(expected), created_date=0
    )


def test_handshake_ends_as_recorded() -> None:
    agent = recorded_agent(
        "port_handshake_complete",
        "port_handshake_complete",
        "port_handshake_complete",
        "port_handshake_response_ack",
        session_id="s",
    )
    agent.frames_to_send(0.0)
    agent._rng.ids = [  # type: ignore[attr-defined]
        AgentMessage.decode(recorded(name)).message_id
        for name in ("port_handshake_complete", "port_handshake_response_ack")
    ]
    agent.receive_frames([recorded("port_handshake_request_ack")], 0.0005)
    agent.receive_frames([recorded("port_handshake_response")], 0.001006643)
    acknowledged, complete = map(undated, agent.frames_to_send(0.001006643))
    assert complete == undated(recorded("port_handshake_complete"))
    assert acknowledged == undated(recorded("port_handshake_response_ack"))


def test_command_session_announces_its_type_as_recorded() -> None:
    name = "commands_handshake_request"
    agent = recorded_agent(name, name, session_id="s", kind=NonInteractiveCommand(("true",)))
    assert agent.frames_to_send(0.0)[1] == recorded(name)


def test_shell_without_handshake_starts_as_recorded() -> None:
    name = "shell_first_output"
    agent = recorded_agent(name, name, session_id="s", kind=Shell())
    agent.frames_to_send(0.0)
    agent._rng.ids = [AgentMessage.decode(recorded(name)).message_id]  # type: ignore[attr-defined]
    assert agent.handle_timer(0.0) == [OpenFarEnd()]
    agent.opened(0.0)
    agent.send_output(b"# ")
    assert agent.frames_to_send(0.0) == [recorded(name)]


def test_shell_terminates_as_recorded() -> None:
    agent = connected(kind=Shell())
    agent._session_id = "shell.rec.s1"
    agent.closed(0.0)
    (frame,) = agent.frames_to_send(0.0)
    expected = replace(undated(recorded("shell_terminating_state")), message_id=b"")
    assert replace(undated(frame), message_id=b"") == expected


# The handshake


def test_handshake_timeout_ends_the_session_with_the_real_text() -> None:
    agent = Agent("s", Port(), PLAIN, now=10.0)
    happened = run_timers(agent, until=40.0)
    assert happened == [(25.004, SessionEnded(HANDSHAKE_ERROR + HANDSHAKE_TIMED_OUT))]
    assert agent.get_timer() is None


def test_failed_action_ends_the_session_with_the_real_text() -> None:
    behaviour = replace(PLAIN, extra_actions=(ClientAction("KMSEncryption", {"KMSKeyId": "k"}),))
    agent = Agent("s", Port(), behaviour)
    (request,) = (payload for number, payload in output_sent(agent))
    assert [action["ActionType"] for action in json.loads(request)["RequestedClientActions"]] == [
        "SessionType",
        "KMSEncryption",
    ]
    response = (
        b'{"ProcessedClientActions":[{"ActionType":"SessionType","ActionStatus":1},'
        b'{"ActionType":"KMSEncryption","ActionStatus":3,"Error":"unsupported"}]}'
    )
    assert agent.receive_frames([stream(0, response, PayloadType.HANDSHAKE_RESPONSE)], 1.0) == []
    assert acks_sent(agent) == [0]
    text = "KMSEncryption failed on client with status 3 error: unsupported"
    assert run_timers(agent, 9.0) == [(1.004, SessionEnded(HANDSHAKE_ERROR + text))]


def test_response_without_json_ends_the_session() -> None:
    agent = Agent("s", Port(), PLAIN)
    agent.receive_frames([stream(0, b"{", PayloadType.HANDSHAKE_RESPONSE)], 1.0)
    ((_, event),) = run_timers(agent, 2.0)
    assert isinstance(event, SessionEnded)
    assert event.output.startswith(HANDSHAKE_ERROR)


@pytest.mark.parametrize("complete_first", [False, True])
def test_handshake_complete_comes_before_or_after_the_ack(complete_first: bool) -> None:
    behaviour = replace(PLAIN, complete_before_ack=complete_first, customer_message="mind the gap")
    agent = Agent("s", Port(), behaviour)
    agent.frames_to_send(0.0)
    agent.receive_frames([stream(0, RESPONSE, PayloadType.HANDSHAKE_RESPONSE)], 0.25)
    messages = sent(agent, 0.25)
    assert [message_type for message_type, _, _ in messages] == (
        [OUTPUT_STREAM_DATA, ACKNOWLEDGE] if complete_first else [ACKNOWLEDGE, OUTPUT_STREAM_DATA]
    )
    complete = next(payload for kind, _, payload in messages if kind == OUTPUT_STREAM_DATA)
    assert json.loads(complete) == {
        "HandshakeTimeToComplete": 250_000_000,
        "CustomerMessage": "mind the gap",
    }


def test_input_before_the_response_is_acked_and_dropped() -> None:
    agent = Agent("s", Port(), PLAIN)
    agent.frames_to_send(0.0)
    assert agent.receive_frames([stream(0, b"lost")], 0.0) == []
    assert acks_sent(agent) == [0]
    agent.receive_frames([stream(1, RESPONSE, PayloadType.HANDSHAKE_RESPONSE)], 0.0)
    assert agent.handle_timer(0.0) == [OpenFarEnd()]
    agent.opened(0.0)
    assert agent.receive_frames([stream(2, b"kept")], 0.0) == [InputReceived(b"kept")]


def test_input_in_the_gap_after_handshake_complete_is_acked_and_dropped() -> None:
    agent = Agent("s", Port(), replace(PLAIN, complete_gap=0.0005))
    agent.frames_to_send(0.0)
    agent.receive_frames([stream(0, RESPONSE, PayloadType.HANDSHAKE_RESPONSE)], 1.0)
    agent.frames_to_send(1.0)
    assert agent.receive_frames([stream(1, b"SSH-2.0-lost\r\n")], 1.0003) == []
    assert acks_sent(agent, 1.0003) == [1]
    assert agent.handle_timer(1.0005) == []
    assert agent.handle_timer(1.0005) == [OpenFarEnd()]
    agent.opened(0.0)
    assert agent.receive_frames([stream(2, b"rest")], 1.01) == [InputReceived(b"rest")]


def test_late_timer_does_not_lengthen_the_gap() -> None:
    agent = Agent("s", Port(), replace(PLAIN, complete_gap=0.005))
    agent.frames_to_send(0.0)
    agent.receive_frames([stream(0, RESPONSE, PayloadType.HANDSHAKE_RESPONSE)], 1.0)
    agent.frames_to_send(1.0)
    agent.receive_frames([stream(1, b"in time")], 1.25)
    assert acks_sent(agent, 1.25) == []


@pytest.mark.parametrize("answered", [False, True])
def test_early_input_can_stay_without_an_ack(answered: bool) -> None:
    agent = Agent("s", Port(), replace(PLAIN, complete_gap=0.5, drops_early_input=False))
    agent.frames_to_send(0.0)
    if answered:
        agent.receive_frames([stream(0, RESPONSE, PayloadType.HANDSHAKE_RESPONSE)], 0.0)
        agent.frames_to_send(0.0)
    agent.receive_frames([stream(int(answered), b"early")], 0.1)
    assert acks_sent(agent, 0.1) == []


def test_expected_input_gets_no_ack_while_dialling_and_later_input_is_held() -> None:
    agent = Agent("s", Port(), replace(PLAIN, dial_delay=(0.005, 0.005)))
    agent.frames_to_send(0.0)
    agent.receive_frames([stream(0, RESPONSE, PayloadType.HANDSHAKE_RESPONSE)], 0.0)
    agent.frames_to_send(0.0)
    agent.receive_frames([stream(1, b"a"), stream(2, b"b"), stream(3, b"c")], 0.001)
    assert acks_sent(agent, 0.001) == [2, 3]
    assert agent.handle_timer(0.0049) == []
    assert agent.handle_timer(0.005) == [OpenFarEnd()]
    agent.opened(0.0)
    assert agent.receive_frames([stream(1, b"a")], 0.3) == [InputReceived(b"abc")]
    assert acks_sent(agent, 0.3) == [1]


def test_refused_port_kills_the_worker() -> None:
    agent = Agent("s", Port(), PLAIN)
    agent.frames_to_send(0.0)
    agent.receive_frames([stream(0, RESPONSE, PayloadType.HANDSHAKE_RESPONSE)], 0.0)
    assert agent.handle_timer(0.0) == [OpenFarEnd()]
    agent.refused("", 0.5)
    assert run_timers(agent, 9.0) == [(0.503, SessionEnded(WORKER_DIED))]


def test_refused_port_can_be_reported() -> None:
    agent = Agent("s", Port(), replace(PLAIN, dies_of_refused_port=False))
    agent.frames_to_send(0.0)
    agent.receive_frames([stream(0, RESPONSE, PayloadType.HANDSHAKE_RESPONSE)], 0.0)
    agent.handle_timer(0.0)
    agent.refused("", 0.5)
    assert run_timers(agent, 9.0) == [(0.503, SessionEnded(PORT_REFUSED))]


# Input


def test_batch_of_input_is_one_event_and_every_message_is_acked() -> None:
    agent = connected()
    events = agent.receive_frames([stream(1, b"a"), stream(2, b"b"), stream(3, b"")], 0.0)
    assert events == [InputReceived(b"ab")]
    assert acks_sent(agent) == [1, 2, 3]


def test_input_is_reordered_and_duplicates_are_acked_again() -> None:
    agent = connected()
    order = [3, 2, 2, 1, 1, 5, 4]
    events = agent.receive_frames([stream(number, b"%d" % number) for number in order], 0.0)
    assert events == [InputReceived(b"12345")]
    assert acks_sent(agent) == order


def test_input_is_delivered_twice_if_the_agents_link_breaks_before_the_ack() -> None:
    agent = connected()
    agent.lose_next_ack()
    assert agent.receive_frames([stream(1, b"twice"), stream(2, b"next")], 0.0) == [
        InputReceived(b"twice")
    ]
    assert acks_sent(agent) == [2]  # it is held until the expected one arrives
    assert agent.receive_frames([stream(1, b"twice")], 0.0) == [InputReceived(b"twicenext")]
    assert acks_sent(agent) == [1]
    assert agent.receive_frames([stream(1, b"twice")], 0.0) == []


def test_full_reorder_buffer_sends_no_ack() -> None:
    agent = connected(replace(PLAIN, reorder_capacity=2))
    agent.receive_frames([stream(number, b"%d" % number) for number in (2, 3, 4)], 0.0)
    assert acks_sent(agent) == [2, 3]
    assert agent.receive_frames([stream(1, b"1")], 0.0) == [InputReceived(b"123")]


def test_large_input_arrives_whole() -> None:
    agent = connected()
    data = random.Random(5).randbytes(4 * 1024 * 1024)
    assert agent.receive_frames([stream(1, data)], 0.0) == [InputReceived(data)]


def test_digest_length_and_padding_of_input_are_ignored() -> None:
    agent = connected()
    fields = list(HEADER.unpack_from(stream(1, b"abc")))
    fields[1] = INPUT_STREAM_DATA.encode().ljust(32, b"\0")
    fields[7], fields[9] = b"?" * 32, 77
    assert agent.receive_frames([HEADER.pack(*fields) + b"abc"], 0.0) == [InputReceived(b"abc")]


def test_other_payload_types_are_acked_and_dropped() -> None:
    agent = connected()
    size = stream(1, b'{"cols":80,"rows":24}', PayloadType.SIZE)
    events = agent.receive_frames([size, stream(2, b"x")], 0.0)
    assert events == [InputReceived(b"x")]
    assert acks_sent(agent) == [1, 2]


@pytest.mark.parametrize(
    "frame",
    [
        b"",
        b"\0" * 119,
        replace(AgentMessage.decode(stream(1, b"x")), created_date=0).encode(),
        b"\0\0\0\0" + stream(1, b"x")[4:],
        AgentMessage(ACKNOWLEDGE, b"no json").encode(),
        AgentMessage("a_new_type", b"{}").encode(),
        AgentMessage("\N{LATIN SMALL LETTER E WITH ACUTE}", b"{}").encode(),
    ],
    ids=["empty", "short", "no date", "no header", "bad ack", "unknown type", "no ascii"],
)
def test_malformed_frames_are_ignored(frame: bytes) -> None:
    agent = connected()
    assert agent.receive_frames([frame, stream(1, b"on")], 0.0) == [InputReceived(b"on")]


def test_header_length_beyond_the_frame_stops_the_agents_listener() -> None:
    agent = connected()
    assert agent.receive_frames([b"\x7f\xff\xff\xff" + stream(1, b"x")[4:]], 0.0) == []
    assert agent.receive_frames([stream(1, b"x")], 0.0) == []
    assert sent(agent) == []
