"""Replay the published agent's side of recorded sessions into our channel.

The channel gets the input of the recorded client at the recorded times. It may hold that input for
longer, since input waits for the agent's first output.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field

import pytest

from connector.datachannel.agentmessage import AgentMessage
from connector.datachannel.events import (
    ChannelClosed,
    CommandExited,
    ErrorOutput,
    Event,
    SessionOpened,
)
from connector.datachannel.messages import ACKNOWLEDGE, PayloadType
from connector.datachannel.progress import FIRST_OUTPUT_GRACE

from .helpers import Dialogue, inputs, load, received

SESSIONS = {
    "ssh-true": "Port",
    "ssh-cmd-d10": "Port",
    "nic": "NonInteractiveCommands",
    "nicsep": "NonInteractiveCommands",
    "shell": None,  # no handshake
    "ic": None,
}
HEADER = 120


@dataclass
class Recording:
    """The messages of one recorded session."""

    rows: list[tuple[str, int, str, int, bytes]]
    from_client: dict[int, tuple[int, bytes]] = field(default_factory=dict)
    from_agent: dict[int, tuple[int, bytes]] = field(default_factory=dict)

    @classmethod
    def load(cls, name: str) -> Recording:
        recording = cls([(*row[:4], bytes.fromhex(row[4])) for row in load(name)])
        for side, number, kind, payload_type, frame in recording.rows:
            payload = frame[HEADER:]
            if kind == "output_stream_data":
                recording.from_agent[number] = (payload_type, payload)
            elif side == "client" and kind == "input_stream_data":
                recording.from_client[number] = (payload_type, payload)
        return recording

    def output(self, payload_type: int) -> bytes:
        return b"".join(
            p for _, (kind, p) in sorted(self.from_agent.items()) if kind == payload_type
        )

    def client_acks(self) -> list[bytes]:
        return [
            f[HEADER:]
            for side, _, kind, _, f in self.rows
            if (side, kind) == ("client", ACKNOWLEDGE)
        ]


@dataclass
class Replay:
    events: list[Event] = field(default_factory=list)
    sent: list[AgentMessage] = field(default_factory=list)


def replay(recording: Recording) -> Replay:
    dialogue, result = Dialogue(), Replay()
    dialogue.link()
    given: set[int] = set()
    for side, number, kind, payload_type, frame in recording.rows:
        if side == "client":
            if kind == "input_stream_data" and payload_type in (1, 3) and number not in given:
                given.add(number)
                if payload_type == PayloadType.SIZE:
                    size = json.loads(frame[HEADER:])
                    dialogue.channel.resize(size["cols"], size["rows"])
                    # The recorded client did not hold its size for the first output.
                    dialogue.now += FIRST_OUTPUT_GRACE
                else:
                    assert dialogue.send(frame[HEADER:]) == len(frame) - HEADER
        else:
            result.events += dialogue.receive(frame)
        dialogue.now += 0.001
        result.sent += dialogue.sent()
    return result


@pytest.mark.parametrize("name", SESSIONS)
def test_recorded_session_is_delivered_byte_for_byte(name: str) -> None:
    recording = Recording.load(name)
    result = replay(recording)
    assert received(result.events) == recording.output(PayloadType.OUTPUT) != b""


@pytest.mark.parametrize("name", SESSIONS)
def test_recorded_session_is_acked_as_by_the_recorded_client(name: str) -> None:
    recording = Recording.load(name)
    acks = [m for m in replay(recording).sent if m.message_type == ACKNOWLEDGE]
    numbers = [json.loads(m.payload)["AcknowledgedMessageSequenceNumber"] for m in acks]
    assert numbers == list(recording.from_agent)
    # The last acks are missing if the recorded client left before the agent.
    recorded = recording.client_acks()
    assert [m.payload for m in acks][: len(recorded)] == recorded
    assert {(m.sequence_number, m.flags, m.payload_type) for m in acks} == {(0, 3, 0)}


@pytest.mark.parametrize("name", SESSIONS)
def test_input_of_a_recorded_session_is_sent_as_recorded(name: str) -> None:
    recording = Recording.load(name)
    sent = {number: (kind, payload) for number, kind, payload in inputs(replay(recording).sent)}
    if SESSIONS[name]:
        (_, ours), (_, theirs) = sent.pop(0), recording.from_client.pop(0)
        assert json.loads(ours) | {"ClientVersion": ""} == json.loads(theirs) | {
            "ClientVersion": ""
        }
    assert sent == recording.from_client


@pytest.mark.parametrize("name", SESSIONS)
def test_recorded_session_opens_once_and_ends_as_recorded(name: str) -> None:
    events = replay(Recording.load(name)).events
    opened = [event for event in events if isinstance(event, SessionOpened)]
    assert [event.session_type for event in opened] == [SESSIONS[name]]
    assert events[0] == opened[0]
    assert events[-1] == ChannelClosed("")
    assert events.count(ChannelClosed("")) == 1


def test_recorded_command_reports_error_output_and_exit_status() -> None:
    recording = Recording.load("nicsep")
    events = replay(recording).events
    assert [e for e in events if isinstance(e, ErrorOutput)] == [ErrorOutput(b"ERR:err\n")]
    assert [e for e in events if isinstance(e, CommandExited)] == [CommandExited(3)]
    opened = events[0]
    assert isinstance(opened, SessionOpened)
    assert opened.customer_message.startswith("Please update session manager plugin version")


@pytest.mark.parametrize("name", ["ssh-true", "ssh-cmd-d10"])
def test_only_the_response_leaves_before_the_first_recorded_output(name: str) -> None:
    recording = Recording.load(name)
    first = next(i for i, row in enumerate(recording.rows) if row[2:4] == ("output_stream_data", 1))
    recording.rows = recording.rows[:first]
    assert [kind for _, kind, _ in inputs(replay(recording).sent)] == [
        PayloadType.HANDSHAKE_RESPONSE
    ]
