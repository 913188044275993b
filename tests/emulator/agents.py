"""An agent on a clock of the test, frames of its client, and recordings."""

from __future__ import annotations

import json
import random
from dataclasses import replace
from pathlib import Path

from connector.datachannel.agentmessage import AgentMessage
from connector.datachannel.messages import (
    ACKNOWLEDGE,
    INPUT_STREAM_DATA,
    OUTPUT_STREAM_DATA,
    PayloadType,
)
from connector.datachannel.payloads import acknowledge, acknowledged_sequence_number
from connector.emulator.agent.agent import Agent
from connector.emulator.agent.behaviour import REAL, AgentBehaviour
from connector.emulator.agent.farend import Event, OpenFarEnd
from connector.emulator.agent.plugins import Plugin, Port

RECORDED: dict[str, str] = json.loads(
    (Path(__file__).parent / "data" / "agent_frames.json").read_text()
)

#: The real agent without pacing, chance and waits, so that a test controls all times.
PLAIN = replace(
    REAL,
    message_interval=0.0,
    complete_gap=0.0,
    dial_delay=(0.0, 0.0),
    late_record_probability=0.0,
    first_output_delay=0.0,
)

RESPONSE = (
    b'{"ClientVersion":"1.2.764.0","ProcessedClientActions":[{"ActionType":"SessionType",'
    b'"ActionStatus":1,"ActionResult":null,"Error":""}],"Errors":null}'
)


def recorded(name: str) -> bytes:
    return bytes.fromhex(RECORDED[name])


def undated(frame: bytes) -> AgentMessage:
    return replace(AgentMessage.decode(frame), created_date=0)


class RecordedIds(random.Random):
    """A random source that returns the message ids of recorded frames, then zeros."""

    def __init__(self, names: tuple[str, ...]) -> None:
        super().__init__(0)
        self.ids = [AgentMessage.decode(recorded(name)).message_id for name in names]

    def randbytes(self, n: int) -> bytes:
        return self.ids.pop(0) if self.ids else bytes(n)


def recorded_agent(*names: str, session_id: str, kind: Plugin | None = None) -> Agent:
    """Return an agent with the ids and the clock of recorded frames."""
    created = AgentMessage.decode(recorded(names[0])).created_date
    return Agent(
        session_id,
        kind or Port(2222),
        PLAIN,
        epoch=created / 1000 + 0.0005,
        rng=RecordedIds(names),
    )


def stream(number: int, payload: bytes, kind: int = PayloadType.OUTPUT) -> bytes:
    """Return a frame of the client."""
    return AgentMessage(INPUT_STREAM_DATA, payload, kind, number, message_id=b"i" * 16).encode()


def ack(number: int) -> bytes:
    payload = acknowledge(OUTPUT_STREAM_DATA, b"o" * 16, number)
    return AgentMessage(ACKNOWLEDGE, payload, flags=3).encode()


def control(message_type: str) -> bytes:
    return AgentMessage(message_type, b"{}").encode()


def sent(agent: Agent, now: float = 0.0) -> list[tuple[str, int, bytes]]:
    """Return what the agent sends now: (type, sequence number, payload)."""
    messages = [AgentMessage.decode(frame) for frame in agent.frames_to_send(now)]
    return [(m.message_type, m.sequence_number, m.payload) for m in messages]


def acks_sent(agent: Agent, now: float = 0.0) -> list[int]:
    return [
        acknowledged_sequence_number(payload)
        for message_type, _, payload in sent(agent, now)
        if message_type == ACKNOWLEDGE
    ]


def output_sent(agent: Agent, now: float = 0.0) -> list[tuple[int, bytes]]:
    return [
        (number, payload)
        for message_type, number, payload in sent(agent, now)
        if message_type == OUTPUT_STREAM_DATA
    ]


def connected(
    behaviour: AgentBehaviour = PLAIN, now: float = 0.0, seed: int = 1, kind: Plugin | None = None
) -> Agent:
    """Return an agent with an open far end and an acked handshake."""
    kind = kind or Port()
    agent = Agent("s", kind, behaviour, now=now, rng=random.Random(seed))
    agent.frames_to_send(now)
    events: list[Event] = []
    if kind.shakes_hands:
        agent.receive_frames([ack(0), stream(0, RESPONSE, PayloadType.HANDSHAKE_RESPONSE)], now)
        agent.frames_to_send(now)
    while OpenFarEnd() not in events:
        timer = agent.get_timer()
        assert timer is not None
        events = agent.handle_timer(max(now, timer))
        agent.frames_to_send(now)
    agent.opened(now)
    if kind.shakes_hands:
        agent.receive_frames([ack(1)], now)
    return agent


def run_timers(agent: Agent, until: float) -> list[tuple[float, Event]]:
    """Fire all timers until this time. Return the events with their times."""
    happened = []
    while (timer := agent.get_timer()) is not None and timer <= until:
        happened += [(round(timer, 6), event) for event in agent.handle_timer(timer)]
    return happened
