"""Each fault, at the place and the time of its plan."""

from __future__ import annotations

import asyncio
import itertools
import random
from collections.abc import Iterator
from dataclasses import replace

import pytest
from websockets.exceptions import ConnectionClosed, InvalidStatus

from connector.datachannel.agentmessage import AgentMessage
from connector.datachannel.messages import (
    ACKNOWLEDGE,
    INPUT_STREAM_DATA,
    OUTPUT_STREAM_DATA,
    PAUSE_PUBLICATION,
    START_PUBLICATION,
    MalformedMessage,
    PayloadType,
)
from connector.emulator.faults.interference import Frame, Interference, Log, Passage
from connector.emulator.faults.plans import (
    AgentCut,
    At,
    Close,
    Cut,
    Direction,
    Effect,
    Fault,
    FaultPlan,
    FrameFault,
    How,
    Pause,
    Restart,
    Scope,
    no_acks,
    random_cuts,
    slow_acks,
)
from connector.emulator.gateway.gateway import Rejoin
from connector.emulator.gateway.relay import Wire

from .client import dial
from .stages import FAST, Stage, assert_closed, eventually

TO_CLIENT, TO_AGENT = Direction.TO_CLIENT, Direction.TO_AGENT


def messages(count: int, kind: str = OUTPUT_STREAM_DATA) -> list[Frame]:
    return [
        AgentMessage(kind, b"payload %d" % number, sequence_number=number).encode()
        for number in range(count)
    ]


class Bench:
    """The faults of a session, without the session."""

    def __init__(self, *faults: Fault, seed: int = 1, number: int = 0) -> None:
        self.log: Log = Log()
        self.incidents: list[object] = []
        self.linked = True
        plan = FaultPlan(faults, seed=seed)
        self._interference = Interference(plan, "session", number, self._act, self.log)

    def disturb(self, frames: list[Frame], direction: Direction = TO_CLIENT) -> list[Passage]:
        return self._interference.disturb(direction, frames)

    def close(self) -> None:
        self._interference.close()

    def _act(self, incident: object) -> bool:
        if self.linked:
            self.incidents.append(incident)
        return self.linked


def frames_of(passages: list[Passage]) -> list[Frame]:
    return [frame for _, frame in passages]


# Frames


async def test_only_listed_frames_are_dropped() -> None:
    bench = Bench(FrameFault(Effect.DROP, TO_CLIENT, numbers=frozenset({1, 3})))
    sent = messages(5)
    assert frames_of(bench.disturb(sent)) == [sent[0], sent[2], sent[4]]
    assert [done.what for done in bench.log] == [
        "to client: dropped message 1",
        "to client: dropped message 3",
    ]


async def test_fault_applies_to_one_direction_and_one_scope() -> None:
    bench = Bench(FrameFault(Effect.DROP, TO_CLIENT, odds=1.0))
    acks = messages(3, ACKNOWLEDGE)
    assert frames_of(bench.disturb(acks)) == acks
    inputs = messages(3, INPUT_STREAM_DATA)
    assert frames_of(bench.disturb(inputs, TO_AGENT)) == inputs
    service = ["start_publication", *messages(1, PAUSE_PUBLICATION)]
    assert frames_of(bench.disturb(service)) == service
    assert bench.disturb(messages(3)) == []


async def test_duplicate_frame_arrives_twice_in_a_row() -> None:
    bench = Bench(FrameFault(Effect.DUPLICATE, TO_CLIENT, numbers=frozenset({0})))
    first, second = messages(2)
    assert frames_of(bench.disturb([first, second])) == [first, first, second]


async def test_corrupted_message_differs_by_one_bit_and_fails_its_digest() -> None:
    bench = Bench(FrameFault(Effect.CORRUPT, TO_CLIENT, odds=1.0))
    for sent, (_, got) in zip(messages(20), bench.disturb(messages(20)), strict=True):
        assert isinstance(sent, bytes)
        assert isinstance(got, bytes)
        difference = int.from_bytes(sent, "big") ^ int.from_bytes(got, "big")
        assert difference.bit_count() == 1
        with pytest.raises(MalformedMessage):
            AgentMessage.decode(got)


async def test_reordered_message_is_the_only_late_one() -> None:
    bench = Bench(FrameFault(Effect.REORDER, TO_CLIENT, numbers=frozenset({0}), seconds=0.5))
    assert [late for late, _ in bench.disturb(messages(3))] == [0.5, 0.0, 0.0]


async def test_delayed_message_delays_later_ones() -> None:
    bench = Bench(FrameFault(Effect.DELAY, TO_CLIENT, numbers=frozenset({1}), seconds=0.5))
    lates = [late for late, _ in bench.disturb(messages(3))]
    assert lates[0] == 0.0
    assert lates[1:] == pytest.approx([0.5, 0.5], abs=0.1)


async def test_acks_can_be_slow_or_missing() -> None:
    both = [*messages(1), *messages(1, ACKNOWLEDGE)]
    slow = Bench(slow_acks(TO_CLIENT, 0.3))
    assert [late for late, _ in slow.disturb(both)] == [0.0, 0.3]
    missing = Bench(no_acks(TO_CLIENT, (0.0, 60.0)))
    assert frames_of(missing.disturb(both)) == both[:1]
    later = Bench(no_acks(TO_CLIENT, (60.0, 61.0)))
    assert frames_of(later.disturb(both)) == both


async def test_seed_repeats_the_faults_and_sessions_differ() -> None:
    fault = FrameFault(Effect.DROP, TO_CLIENT, odds=0.5)
    runs = [
        frames_of(Bench(fault, seed=seed, number=number).disturb(messages(200)))
        for seed, number in ((1, 0), (1, 0), (1, 1), (2, 0))
    ]
    assert runs[0] == runs[1]
    assert runs[1] != runs[2] != runs[3] != runs[1]
    assert 50 < len(runs[0]) < 150


async def test_union_of_plans_has_the_faults_of_both() -> None:
    drop = FaultPlan((FrameFault(Effect.DROP, TO_CLIENT),), seed=5)
    cut = FaultPlan((Cut(How.FIN, At(seconds=1.0)),), seed=6)
    assert (drop | cut) == FaultPlan((*drop.faults, *cut.faults), seed=5)


def test_moment_is_a_time_or_a_byte() -> None:
    for wrong in ({}, {"seconds": 1.0, "bytes": 1}):
        with pytest.raises(ValueError, match="moment"):
            At(**wrong)  # type: ignore[arg-type]


# Incidents


async def test_byte_of_a_cut_is_the_last_that_passes() -> None:
    sent = messages(5)
    cut = Cut(How.RESET, At(bytes=2 * len(sent[0]), direction=TO_CLIENT))
    bench = Bench(cut)
    assert frames_of(bench.disturb(sent)) == sent[:2]
    assert bench.disturb(sent) == []
    assert len(bench.disturb(messages(2, INPUT_STREAM_DATA), TO_AGENT)) == 2
    assert bench.incidents == []
    await asyncio.sleep(0)
    assert bench.incidents == [cut]
    assert frames_of(bench.disturb(sent)) == sent


async def test_break_of_the_agents_link_drops_no_frames() -> None:
    sent = messages(5)
    bench = Bench(AgentCut(At(bytes=2 * len(sent[0]), direction=TO_CLIENT)))
    assert frames_of(bench.disturb(sent)) == sent
    await asyncio.sleep(0)
    assert len(bench.incidents) == 1


async def test_bytes_of_both_directions_count_by_default() -> None:
    (there,), (back,) = messages(1, INPUT_STREAM_DATA), messages(1)
    bench = Bench(Cut(How.RESET, At(bytes=len(there) + len(back))))
    bench.disturb([there], TO_AGENT)
    await asyncio.sleep(0)
    assert not bench.incidents
    bench.disturb([back])
    await asyncio.sleep(0)
    assert len(bench.incidents) == 1


async def test_cut_without_a_link_waits_for_the_next_one() -> None:
    bench = Bench(Cut(How.RESET, At(bytes=1)))
    bench.linked = False
    bench.disturb(messages(1))
    await asyncio.sleep(0)
    bench.linked = True
    bench.disturb(messages(1))
    await asyncio.sleep(0)
    assert len(bench.incidents) == 1


async def test_no_fault_happens_after_the_end() -> None:
    bench = Bench(Cut(How.RESET, At(seconds=0.01)), Cut(How.RESET, At(bytes=10_000)))
    bench.close()
    await asyncio.sleep(0.02)
    bench.disturb(messages(100))
    await asyncio.sleep(0)
    assert not bench.incidents


def test_random_cuts_keep_their_distance() -> None:
    plan = random_cuts(random.Random(1), 200, 1_000_000, TO_AGENT)
    places = [cut.at.bytes or 0 for cut in plan.incidents]
    assert len(places) == 200
    assert places[0] > 0
    assert places[-1] < 1_000_000
    assert all(later - earlier > 2_500 for earlier, later in itertools.pairwise(places))
    assert plan == random_cuts(random.Random(1), 200, 1_000_000, TO_AGENT)


# On a wire


async def test_wire_delivers_frames_in_the_order_of_their_arrival_times() -> None:
    delivered: list[Frame] = []
    lates: Iterator[float] = iter([0.04, 0.0, 0.02, 0.0])
    wire = Wire(delivered.extend, disturb=lambda frames: [(next(lates), one) for one in frames])
    first, second, third, fourth = messages(4)
    wire.send([first, second, third, fourth])
    assert delivered == [second, fourth]
    await eventually(lambda: len(delivered) == 4)
    assert delivered[2:] == [third, first]


# In a gateway


def trouble(stage: Stage, *faults: Fault, rejoin: Rejoin = Rejoin.SAME_TOKEN) -> None:
    stage.gateway.behaviour = replace(FAST, faults=FaultPlan(faults), rejoin=rejoin)


async def test_agent_retransmits_dropped_frames(stage: Stage) -> None:
    # The last of five data messages after two of the handshake, and the ack of the one before.
    trouble(
        stage,
        FrameFault(Effect.DROP, TO_CLIENT, numbers=frozenset({6})),
        FrameFault(Effect.DROP, TO_AGENT, numbers=frozenset({5}), scope=Scope.ACKS),
    )
    client, _, writer = await stage.connect()
    writer.write(b"x" * 5000)
    assert await asyncio.wait_for(client.read(5000), 10) == b"x" * 5000
    assert {done.what for done in stage.gateway.fault_log} == {
        "to client: dropped message 6",
        "to agent: dropped an ack",
    }


@pytest.mark.parametrize("how", [How.RESET, How.FIN, How.CLOSE])
async def test_cut_ends_the_link_and_not_the_session(stage: Stage, how: How) -> None:
    trouble(stage, Cut(how, At(bytes=1500, direction=TO_CLIENT), code=1012))
    client, _, writer = await stage.connect()
    writer.write(b"x" * 5000)
    with pytest.raises(ConnectionClosed) as info:
        await asyncio.wait_for(client.read(5000), 10)
    assert (info.value.rcvd and info.value.rcvd.code) == (1012 if how is How.CLOSE else None)
    await stage.open(client)
    assert await asyncio.wait_for(client.read(5000), 10) == b"x" * 5000
    assert how.value in str(stage.gateway.fault_log[-1])


async def test_silence_keeps_tcp_up_and_answers_nothing(stage: Stage) -> None:
    trouble(stage, Cut(How.SILENCE, At(bytes=1000, direction=TO_CLIENT)))
    client, _, writer = await stage.connect()
    writer.write(b"x" * 5000)
    with pytest.raises(asyncio.TimeoutError):
        await asyncio.wait_for(client.read(5000), 0.2)
    assert client.connection is not None
    pong = await client.connection.ping()
    with pytest.raises(asyncio.TimeoutError):
        await asyncio.wait_for(pong, 0.1)
    client.connection.transport.abort()
    await stage.open(client)
    assert await asyncio.wait_for(client.read(5000), 10) == b"x" * 5000


@pytest.mark.parametrize("text", [False, True], ids=["messages", "texts"])
async def test_client_is_paused_and_resumed(stage: Stage, text: bool) -> None:
    trouble(stage, Pause(At(seconds=0.01), 0.01, text=text))
    client = await stage.open()

    def told() -> list[str]:
        kinds = [one if isinstance(one, str) else one.message_type for one in client.received]
        return [kind for kind in kinds if kind in (PAUSE_PUBLICATION, START_PUBLICATION)]

    while len(told()) < 3:
        await asyncio.wait_for(client.receive(), 10)
    # The first one comes with the link.
    assert told() == [START_PUBLICATION, PAUSE_PUBLICATION, START_PUBLICATION]


async def test_restart_cuts_all_links_and_refuses_new_ones_for_a_time(stage: Stage) -> None:
    trouble(stage, Restart(At(bytes=100, direction=TO_CLIENT), 0.3))
    client = await stage.open()
    with pytest.raises(ConnectionClosed):
        await asyncio.wait_for(client.receive_until(PayloadType.OUTPUT), 10)
    with pytest.raises(OSError, match=r"refused|Connect call failed"):
        await dial(stage.url, stage.certificates.ca_file)

    await eventually(lambda: stage.gateway.listening)
    await stage.open(client)
    await eventually(lambda: stage.gateway.relay(stage.session.id).link is not None)


async def test_gateway_stops_during_its_restart(stage: Stage) -> None:
    assert stage.gateway.restart(60.0)
    assert not stage.gateway.restart(60.0)
    await stage.gateway.stop()
    await stage.gateway.start()
    assert stage.gateway.listening
    assert stage.gateway.restart(60.0)


# Reconnection


async def test_reconnection_can_need_a_fresh_token(stage: Stage) -> None:
    trouble(stage, rejoin=Rejoin.FRESH_TOKEN)
    client = await stage.open()
    await client.shake_hands()
    await client.close()
    await assert_closed(await stage.open())
    stage.model.sessions.renew_token(stage.session)
    again = await stage.open()
    await eventually(lambda: stage.gateway.relay(stage.session.id).link is not None)
    assert again.connection is not None
    await again.connection.ping()


async def test_reconnection_can_be_forbidden(stage: Stage) -> None:
    trouble(stage, rejoin=Rejoin.FORBIDDEN)
    client = await stage.open()
    await client.shake_hands()
    await client.close()
    with pytest.raises(InvalidStatus) as info:
        await stage.open()
    assert info.value.response.status_code == 403


async def test_agent_with_a_broken_link_delivers_a_message_twice(stage: Stage) -> None:
    trouble(stage, AgentCut(At(bytes=1, direction=TO_AGENT)))
    client, reader, _ = await stage.connect()
    await client.send(b"once,")
    assert await asyncio.wait_for(reader.readexactly(5), 10) == b"once,"
    client.next_seq -= 1  # it retransmits what got no ack
    await client.send(b"once,")
    await client.send(b"then this")
    assert await asyncio.wait_for(reader.readexactly(14), 10) == b"once,then this"


async def test_session_can_be_closed_with_messages_missing(stage: Stage) -> None:
    lost = frozenset(range(3, 10_000))
    trouble(
        stage,
        FrameFault(Effect.DROP, TO_CLIENT, numbers=lost),
        Close(At(bytes=8000, direction=TO_CLIENT), "Maintenance"),
    )
    client, _, writer = await stage.connect()
    writer.write(b"x" * 20_000)
    closed = await client.wait_closed()
    assert b"Maintenance" in closed.payload
    assert bytes(client.output) == b"x" * 1024
    assert stage.session.end_reason == "Maintenance"
