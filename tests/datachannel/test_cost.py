"""The CPU time of a message in the channel, compared with the least that any client needs.

The test compares a ratio of CPU times in one run. Only a change in complexity breaks its bound,
such as work that grows with the messages in flight. ``benchmarks`` has the figures.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from hashlib import sha256

import pytest

from connector.datachannel.channel import DataChannel
from connector.datachannel.messages import HEADER

from .helpers import ack, after_first_output, output, received

MESSAGES = 20_000  # of PAYLOAD bytes: 20 MB
PAYLOAD = bytes(1024)
BATCH = 64  # messages of one socket read
ACKNOWLEDGE_SIZE = 160

#: The greatest ratio of the channel's CPU time to the least. The usual ratio is 2.
BOUND = 8

#: The next sequence numbers after the first output.
FIRST_INPUT, FIRST_OUTPUT = 1, 3


class Stopwatch:
    """Counts the CPU seconds of its ``with`` blocks."""

    def __init__(self) -> None:
        self.seconds = 0.0

    def __enter__(self) -> None:
        self.seconds -= time.process_time()

    def __exit__(self, *details: object) -> None:
        self.seconds += time.process_time()


def least() -> float:
    """Return the CPU seconds to unpack and pack as many messages and acks."""
    frame = output(0, PAYLOAD)
    small = PAYLOAD[:ACKNOWLEDGE_SIZE]
    stopwatch = Stopwatch()
    with stopwatch:
        for _ in range(MESSAGES):
            for payload in (frame[HEADER.size :], small):
                fields = HEADER.unpack_from(frame)
                sha256(payload).digest()
                HEADER.pack(*fields)
    return stopwatch.seconds


def upload(channel: DataChannel, stopwatch: Stopwatch) -> None:
    data = PAYLOAD * BATCH
    answers = [ack(number) for number in range(FIRST_INPUT, FIRST_INPUT + MESSAGES)]
    for start in range(0, MESSAGES, BATCH):
        acks = answers[start : start + BATCH]
        with stopwatch:
            channel.send_data(data[: len(acks) * len(PAYLOAD)])
            frames = channel.messages_to_send(start / MESSAGES)
            channel.receive_messages(acks, start / MESSAGES)
        assert len(frames) == len(acks)
    assert channel.delivered


def download(channel: DataChannel, stopwatch: Stopwatch) -> None:
    frames = [output(number, PAYLOAD) for number in range(FIRST_OUTPUT, FIRST_OUTPUT + MESSAGES)]
    for start in range(0, MESSAGES, BATCH):
        batch = frames[start : start + BATCH]
        with stopwatch:
            events = channel.receive_messages(batch, start / MESSAGES)
            answers = channel.messages_to_send(start / MESSAGES)
        assert len(received(events)) == len(batch) * len(PAYLOAD)
        assert len(answers) == len(batch)


@pytest.mark.parametrize("move", [upload, download])
def test_cost_of_a_message_is_bounded(
    move: Callable[[DataChannel, Stopwatch], None],
) -> None:
    stopwatch = Stopwatch()
    before = least()
    move(after_first_output().channel, stopwatch)
    calibration = max(before, least())  # the machine's speed may have changed
    assert stopwatch.seconds < BOUND * calibration
