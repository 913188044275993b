"""What a message costs the channel, against the least that any client does for its bytes.

A ratio of CPU times in one run, with a bound that only a change of kind can break, such as
work that grows with what is in flight. ``benchmarks`` has the figures.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from hashlib import sha256

import pytest

from connector.datachannel.channel import DataChannel
from connector.datachannel.messages import HEADER

from .helpers import ack, flowing, output, received

MESSAGES = 20_000  # of PAYLOAD bytes: 20 MB
PAYLOAD = bytes(1024)
BATCH = 64  # messages of one socket read
ACKNOWLEDGE_SIZE = 160

#: CPU of the channel over CPU of the least, at most. Seen: 2.
BOUND = 8

#: The next numbers of a channel that flows.
FIRST_INPUT, FIRST_OUTPUT = 1, 3


class Stopwatch:
    """CPU seconds of the blocks that it is ``with``."""

    def __init__(self) -> None:
        self.seconds = 0.0

    def __enter__(self) -> None:
        self.seconds -= time.process_time()

    def __exit__(self, *details: object) -> None:
        self.seconds += time.process_time()


def least() -> float:
    """CPU seconds to read or write as many messages, and one that acknowledges each."""
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
        acknowledges = answers[start : start + BATCH]
        with stopwatch:
            channel.send_data(data[: len(acknowledges) * len(PAYLOAD)])
            frames = channel.messages_to_send(start / MESSAGES)
            channel.receive_messages(acknowledges, start / MESSAGES)
        assert len(frames) == len(acknowledges)
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
def test_a_message_costs_a_few_times_the_least(
    move: Callable[[DataChannel, Stopwatch], None],
) -> None:
    stopwatch = Stopwatch()
    before = least()
    move(flowing().channel, stopwatch)
    calibration = max(before, least())  # the machine may have changed its pace meanwhile
    assert stopwatch.seconds < BOUND * calibration
