"""After stdin ends, its data is delivered and the answer is still written."""

from __future__ import annotations

import socket
import time

import pytest

from connector.emulator.agent.behaviour import REAL

from .cloud import START, Cloud
from .commands import END, Commands
from .targets import GREETING, TcpService, echo, greeting_echo, receive_exactly

DATA = bytes(range(256)) * 100


def test_input_that_ends_at_once_is_delivered_and_answered(
    commands: Commands, cloud: Cloud
) -> None:
    cloud.misbehaviours.delay(START, 0.5)
    with TcpService(greeting_echo) as service:
        cloud.port = service.port
        process = commands.proxy()
        process.send(DATA)
        process.end_input()
        assert process.reader.rest() == GREETING + DATA
        assert process.wait(END) == 0
    assert process.stderr() == ""
    assert cloud.stops(cloud.session()) == 1


def test_input_that_ends_before_the_greeting_is_delivered(commands: Commands, cloud: Cloud) -> None:
    with TcpService(echo) as service:
        cloud.port = service.port
        process = commands.attach()
        process.send(DATA)
        process.end_input()
        assert process.reader.rest() == DATA
        assert process.wait(END) == 0


def test_empty_input_ends_the_connector(commands: Commands, cloud: Cloud) -> None:
    with TcpService(greeting_echo) as service:
        cloud.port = service.port
        process = commands.proxy()
        process.reader.until(GREETING)
        process.end_input()
        assert process.wait(END) == 0
    assert process.reader.rest() == b""
    assert cloud.stops(cloud.session()) == 1


def test_answer_half_a_second_after_the_end_of_input_is_written(
    commands: Commands, cloud: Cloud
) -> None:
    def think_it_over(connection: socket.socket) -> None:
        connection.sendall(GREETING)
        question = receive_exactly(connection, len(DATA))
        time.sleep(0.5)
        connection.sendall(question[::-1])
        receive_exactly(connection, 1)

    with TcpService(think_it_over) as service:
        cloud.port = service.port
        process = commands.proxy()
        process.send(DATA)
        process.end_input()
        assert process.reader.rest() == GREETING + DATA[::-1]
        assert process.wait(END) == 0


@pytest.mark.parametrize("pace", [REAL.message_interval, 0.0], ids=["paced", "unpaced"])
def test_long_answer_is_written_whole(commands: Commands, cloud: Cloud, pace: float) -> None:
    size = 1_500_000 if pace else 8_000_000

    def answer(connection: socket.socket) -> None:
        receive_exactly(connection, 3)
        connection.sendall(bytes(size))

    if not pace:
        cloud.unpaced()
    with TcpService(answer) as service:
        cloud.port = service.port
        process = commands.proxy()
        process.send(b"go\n")
        process.end_input()
        assert process.reader.rest() == bytes(size)
        assert process.wait(END) == 0
