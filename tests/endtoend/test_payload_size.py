"""Larger messages: the connector uses them where the gateway accepts them, and loses no byte."""

from __future__ import annotations

import random
import socket
from dataclasses import replace

import pytest

from connector.datachannel.agentmessage import AgentMessage
from connector.datachannel.messages import ACKNOWLEDGE, INPUT_STREAM_DATA, PayloadType
from connector.datachannel.payloads import acknowledged_sequence_number
from connector.emulator.agent.behaviour import REAL
from connector.emulator.faults.plans import Direction
from connector.errors import LinkLost

from .cloud import Cloud
from .commands import Commands, Process
from .targets import GREETING, TcpService, greeting_echo
from .waiting import eventually

SIZE = 16 * 1024
DATA = random.Random(9).randbytes(300_000)
USUAL = 1024 + 120  # bytes of a frame


def data_sizes(cloud: Cloud) -> set[int]:
    """Return the payload sizes of the input messages that the gateway has seen."""
    messages = [
        AgentMessage.decode(frame)
        for frame in cloud.frames(Direction.TO_AGENT)
        if isinstance(frame, bytes)
    ]
    return {
        len(message.payload)
        for message in messages
        if message.message_type == INPUT_STREAM_DATA and message.payload_type == PayloadType.OUTPUT
    }


def probed(cloud: Cloud) -> bool:
    """Return whether the agent has acked a message that probes a size."""
    messages = {
        direction: [
            AgentMessage.decode(frame)
            for frame in cloud.frames(direction)
            if isinstance(frame, bytes)
        ]
        for direction in Direction
    }
    tried = {
        message.sequence_number
        for message in messages[Direction.TO_AGENT]
        if message.payload_type == PayloadType.PARAMETER
    }
    acknowledged = {
        acknowledged_sequence_number(message.payload)
        for message in messages[Direction.TO_CLIENT]
        if message.message_type == ACKNOWLEDGE
    }
    return bool(tried & acknowledged)


def echoed(process: Process) -> bytes:
    process.reader.until(GREETING)
    process.send(DATA)
    return process.reader.exactly(len(DATA))


@pytest.mark.parametrize("by", ["option", "variable"])
def test_requested_size_is_used(cloud: Cloud, commands: Commands, by: str) -> None:
    options = ("--payload-size", str(SIZE)) if by == "option" else ()
    variables = {"CONNECTOR_PAYLOAD_SIZE": str(SIZE)} if by == "variable" else {}
    cloud.unpaced()
    with TcpService(greeting_echo) as service:
        cloud.port = service.port
        process = commands.proxy(*options, environ={**commands.environ, **variables})
        process.reader.until(GREETING)
        process.send(b"?")
        assert process.reader.exactly(1) == b"?"  # and with it the ack of the probe
        process.send(DATA)
        assert process.reader.exactly(len(DATA)) == DATA
        process.hang_up()
        assert process.wait() == 0
    assert max(data_sizes(cloud)) == SIZE


def test_gateway_that_closes_on_large_messages_loses_no_byte(
    cloud: Cloud, commands: Commands
) -> None:
    cloud.behave(replace(REAL, message_interval=0.0), largest_frame=USUAL)
    with TcpService(greeting_echo) as service:
        cloud.port = service.port
        process = commands.proxy("--payload-size", str(SIZE))
        assert echoed(process) == DATA
        process.hang_up()
        assert process.wait() == 0
        assert process.stderr() == ""
    assert max(data_sizes(cloud)) <= 1024


def test_gateway_that_refuses_every_message_ends_the_session(
    cloud: Cloud, commands: Commands
) -> None:
    cloud.behave(REAL, largest_frame=500)
    with TcpService(greeting_echo) as service:
        cloud.port = service.port
        process = commands.proxy()
        process.reader.until(GREETING)
        process.send(bytes(2000))
        assert process.wait() == LinkLost("").exit_code
    assert "too large for this gateway" in process.stderr()
    assert process.stderr().count("\n") == 1


@pytest.mark.parametrize("size", ["0", "-1", "x", "1.5", "65537", "9" * 30])
def test_size_out_of_range_is_wrong_usage(commands: Commands, size: str) -> None:
    process = commands.proxy(f"--payload-size={size}")
    assert process.wait() == 2
    assert "is no number of bytes from 1 to 65536" in process.stderr()


def test_upload_to_a_silent_port_uses_the_size(cloud: Cloud, commands: Commands) -> None:
    arrived = bytearray()

    def swallow(connection: socket.socket) -> None:
        while data := connection.recv(1 << 18):
            arrived.extend(data)

    cloud.unpaced()
    with TcpService(swallow) as service:
        cloud.port = service.port
        process = commands.proxy("--payload-size", str(SIZE))
        process.send(DATA[:1000])
        eventually(lambda: len(arrived) == 1000, "the first input")
        eventually(lambda: probed(cloud), "the probe")
        process.send(DATA[1000:100_000])
        eventually(lambda: len(arrived) == 100_000, "the input")
        process.send(DATA[100_000:])  # the client has received the ack
        eventually(lambda: len(arrived) == len(DATA), "all input")
        process.hang_up()
        assert process.wait() == 0
    assert bytes(arrived) == DATA
    assert max(data_sizes(cloud)) == SIZE
