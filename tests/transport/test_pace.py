"""Rests between reads, on a simulated clock."""

from __future__ import annotations

import itertools
import random
from collections import deque
from dataclasses import replace

import pytest

from connector.datachannel.messages import (
    ACKNOWLEDGE,
    FLAGS_ACKNOWLEDGE,
    HEADER,
    OUTPUT_STREAM_DATA,
    PayloadType,
    pack,
)
from connector.datachannel.payloads import acknowledge
from connector.emulator.agent.behaviour import REAL, AgentBehaviour
from connector.emulator.agent.outbox import RESEND_TICK, Outbox
from connector.transport.pace import FIRST_REST, LONGEST_REST, RUN, STEP, Pace

Arrivals = list[tuple[float, bytes]]  # when a message arrives, and the message

ID = bytes(16)
INTERVAL = 0.001  # seconds between two messages of the published agent
BEGIN = 10.0


def output(size: int) -> bytes:
    return pack(OUTPUT_STREAM_DATA, 0, 0, ID, PayloadType.OUTPUT, bytes(size), 1)


FULL, HALF, ECHO = output(1024), output(512), output(1)
ACK = pack(ACKNOWLEDGE, 0, FLAGS_ACKNOWLEDGE, ID, 0, acknowledge("input_stream_data", ID, 7), 1)
RUN_MESSAGES = RUN // len(FULL)


class Reader:
    """Reads what has arrived, except while it rests.

    :ivar reads: how many messages each read brought.
    :ivar rests: the seconds of each rest.
    :ivar waits: the seconds that each message waited to be read.
    """

    def __init__(self, *, may_rest: bool = True, calm: int = 0) -> None:
        self.reads: list[int] = []
        self.rests: list[float] = []
        self.waits: list[float] = []
        self.rests_until = 0.0
        self._may_rest = may_rest
        self._pace = Pace(calm)

    def read(self, arrived: deque[tuple[float, bytes]], now: float) -> list[bytes]:
        """Take the messages that have arrived by now, unless the reader rests."""
        messages: list[bytes] = []
        if now < self.rests_until:
            return messages
        while arrived and arrived[0][0] <= now:
            when, message = arrived.popleft()
            self.waits.append(now - when)
            messages.append(message)
        if messages:
            self.reads.append(len(messages))
            rest = self._pace.rest(messages, now)
            if rest and self._may_rest:
                self.rests.append(rest)
                self.rests_until = now + rest
        return messages

    def read_all(self, arrivals: Arrivals) -> None:
        waiting = deque(arrivals)
        while waiting:
            self.read(waiting, max(waiting[0][0], self.rests_until))


def stream(*messages: bytes, interval: float = INTERVAL, begin: float = BEGIN) -> Arrivals:
    return [(begin + interval * number, message) for number, message in enumerate(messages)]


def read(arrivals: Arrivals) -> Reader:
    reader = Reader()
    reader.read_all(arrivals)
    return reader


def test_rests_begin_after_a_run_and_grow_to_the_longest() -> None:
    reader = read(stream(*[FULL] * 1000))

    assert reader.rests[:3] == pytest.approx([FIRST_REST, FIRST_REST + STEP, FIRST_REST + 2 * STEP])
    assert reader.rests[-1] == max(reader.rests) == LONGEST_REST
    assert set(reader.reads[: RUN_MESSAGES - 1]) == {1}
    assert min(reader.reads[-10:-1]) >= 18
    assert max(reader.waits) <= LONGEST_REST


@pytest.mark.parametrize(("interval", "least"), [(0.001, 15), (0.003, 5), (0.008, 2)])
def test_rests_bring_several_messages_at_once_at_any_pace(interval: float, least: int) -> None:
    reader = read(stream(*[FULL] * 1000, interval=interval))

    rested = reader.reads[RUN_MESSAGES + 30 : -1]
    assert sum(rested) / len(rested) >= least


def test_first_rest_waits_for_the_bytes_of_a_calm_link() -> None:
    calm = 100
    reader = Reader(calm=calm * len(FULL))
    reader.read_all(stream(*[FULL] * 1000))

    assert reader.rests[:2] == pytest.approx([FIRST_REST, FIRST_REST + STEP])
    assert set(reader.reads[: calm + RUN_MESSAGES - 1]) == {1}


def test_hiccups_of_the_sender_do_not_end_a_run() -> None:
    """A busy machine delays a few messages now and then, which come together."""
    hiccup, every = 0.012, 0.08
    uneven = [
        (when + max(0.0, hiccup - (when - BEGIN) % every), message)
        for when, message in stream(*[FULL] * 1000)
    ]

    assert sum(read(uneven).rests) > 0.8


@pytest.mark.parametrize(
    "arrivals",
    [
        pytest.param(stream(*[ECHO] * 1000), id="echoes"),
        pytest.param(stream(*[HALF] * 1000), id="messages that are not full"),
        pytest.param(stream(*([FULL] * (RUN_MESSAGES - 10) + [HALF]) * 20), id="small files"),
        pytest.param(stream(*[FULL] * 1000, interval=0.02), id="a slow source"),
        pytest.param(stream(*[FULL] * 1000, interval=0.0001), id="an agent without pauses"),
        pytest.param(stream(*[output(16_384)] * 1000), id="large messages at full speed"),
        pytest.param(stream(*[ACK] * 1000), id="acks"),
    ],
)
def test_nothing_waits_outside_of_a_run(arrivals: Arrivals) -> None:
    reader = read(arrivals)

    assert reader.rests == []
    assert max(reader.waits) == 0


def test_pause_of_the_sender_ends_a_run() -> None:
    before = stream(*[FULL] * 500)
    after = stream(*[FULL] * (RUN_MESSAGES - 10), begin=before[-1][0] + 0.5)
    reader = read(before)
    rested = len(reader.rests)

    reader.read_all(after)

    assert rested > 0
    assert len(reader.rests) == rested
    assert max(reader.waits[len(before) :]) == 0


def test_echo_ends_a_run() -> None:
    reader = read(stream(*[FULL] * 500, ECHO))
    rested = len(reader.rests)

    reader.read_all(stream(*[FULL] * (RUN_MESSAGES - 10), begin=BEGIN + 0.6))

    assert len(reader.rests) == rested
    assert max(reader.waits[501:]) == 0


def test_rest_that_is_cut_short_does_not_end_a_run() -> None:
    """The caller reads early when an ack seems to be overdue."""
    pace = Pace()
    for when, message in stream(*[FULL] * RUN_MESSAGES):
        rest = pace.rest([message], when)

    assert rest == FIRST_REST
    assert pace.rest([ACK], when + INTERVAL / 2) > FIRST_REST
    assert pace.rest([FULL] * 9, when + 9 * INTERVAL) > FIRST_REST


def test_acks_among_output_do_not_end_a_run() -> None:
    without = stream(*[FULL] * 500)
    acks = [(when + INTERVAL / 2, ACK) for when, _ in without[::20]]

    assert sum(read(without).rests) == pytest.approx(sum(read(sorted(without + acks)).rests), 0.1)


def transfer(
    agent: AgentBehaviour, delay: float, reader: Reader, count: int, tick: float = 0.0
) -> tuple[float, int]:
    """Let an agent send so many messages.

    :param delay: seconds from the agent to the reader, and back.
    :param tick: when the agent first looks for overdue messages, which it does every 100 ms.
    :returns: how many seconds it took, and how many messages were retransmitted.
    """
    outbox = Outbox(agent, random.Random(1), tick - RESEND_TICK, 1.0)
    arriving: deque[tuple[float, bytes]] = deque()
    acks: deque[tuple[float, int]] = deque()
    received = retransmitted = 0
    for step in itertools.count():
        now = step * INTERVAL / 4
        while acks and acks[0][0] <= now:
            outbox.acknowledged(acks.popleft()[1], now)
        again = outbox.overdue(now)
        retransmitted += len(again)
        outbox.append(bytes(outbox.capacity))
        arriving += [(now + delay, frame) for frame in again + outbox.messages(now)]
        messages = reader.read(arriving, now)
        acks += [(now + delay, HEADER.unpack_from(frame)[4]) for frame in messages]
        received += len(messages)
        if received >= count:
            return now, retransmitted
    raise AssertionError("the count has no end")


#: An agent that records what it sends at once, and so retransmits only what is overdue.
PUNCTUAL = replace(REAL, late_record_probability=0.0)


@pytest.mark.parametrize(
    ("interval", "delay"),
    [(INTERVAL, 0.0005), (INTERVAL, 0.02), (INTERVAL, 0.1), (8 * INTERVAL, 0.0005)],
)
def test_agent_retransmits_nothing_because_of_a_rest(interval: float, delay: float) -> None:
    """Not even at the first rests, whenever the agent looks for overdue messages."""
    agent = replace(PUNCTUAL, message_interval=interval)
    count = 400 if interval == INTERVAL else 120
    retransmitted = [
        transfer(agent, delay, Reader(), count, RESEND_TICK * tick / 40)[1] for tick in range(40)
    ]

    assert retransmitted == [0] * 40


@pytest.mark.parametrize("delay", [0.0005, 0.02, 0.1])
def test_rests_bring_messages_in_batches_and_cost_no_time(delay: float) -> None:
    reader, restless = Reader(), Reader(may_rest=False)
    seconds, _ = transfer(PUNCTUAL, delay, reader, 3000)
    least, _ = transfer(PUNCTUAL, delay, restless, 3000)

    assert seconds <= least + LONGEST_REST
    assert len(reader.reads) < len(restless.reads) / 10


@pytest.mark.parametrize("interval", [0.0, INTERVAL])
@pytest.mark.parametrize(
    ("window", "round_trip"), [(4, 0.002), (8, 0.005), (16, 0.01), (16, 0.02), (32, 0.03)]
)
def test_sender_that_waits_for_acks_keeps_most_of_its_speed(
    window: int, round_trip: float, interval: float
) -> None:
    agent = replace(PUNCTUAL, message_interval=interval, window=window)
    seconds, _ = transfer(agent, round_trip / 2, Reader(), 3000)
    least, _ = transfer(agent, round_trip / 2, Reader(may_rest=False), 3000)

    assert seconds <= 1.35 * least
