"""The service closes a session with messages missing: no such end is a success."""

from __future__ import annotations

import asyncio
import random
import re
import socket
from dataclasses import replace
from pathlib import Path

import pytest

import connector
from connector.cli.attach import GivenSession
from connector.emulator.agent.behaviour import REAL, ExecuteAs
from connector.emulator.faults.plans import (
    At,
    Close,
    Direction,
    Effect,
    FaultPlan,
    FrameFault,
    Restart,
    Scope,
)
from connector.errors import LinkLost
from connector.sessions import SessionAccess
from connector.transport import lifecycle

from .cloud import Cloud
from .commands import CONNECTOR, END, Commands, Ssh
from .matrix import LOGIN
from .resuming import TunnelThread
from .targets import GREETING, TcpService, greeting_echo, receive_exactly

TO_AGENT, TO_CLIENT = Direction.TO_AGENT, Direction.TO_CLIENT

DATA = random.Random(10).randbytes(100_000)

#: The number of messages lost in a row. The agent repairs one of them in 100 ms at best.
GAP = 20

#: The first lost message. The first two messages are the handshake's request and end.
LOST = 12

#: The bytes before the gap.
WHOLE = (LOST - 2) * REAL.message_size

NO_ACKS = FrameFault(Effect.DROP, TO_CLIENT, odds=1.0, scope=Scope.ACKS)

#: The beginning of the line on stderr when output is missing.
MISSING = "connector: The session ended before all of its output had arrived"


def close_with_a_gap(cloud: Cloud, *, after: int, lost: int, output: str = "") -> None:
    """Drop messages to the client, from number ``lost`` on, and close after ``after`` bytes."""
    plan = FaultPlan(
        (
            FrameFault(Effect.DROP, TO_CLIENT, numbers=frozenset(range(lost, lost + GAP))),
            Close(At(bytes=after, direction=TO_CLIENT), output),
        )
    )
    cloud.gateway.behaviour = replace(cloud.gateway.behaviour, faults=plan)


def assert_ends_in_the_gap(data: bytes | bytearray) -> None:
    """Assert that the data is a prefix. A slow machine lets the agent repair some of the gap."""
    assert DATA.startswith(data)
    assert len(data) in range(WHOLE, WHOLE + GAP * REAL.message_size, REAL.message_size)


def send_data(connection: socket.socket) -> None:
    connection.sendall(DATA)
    connection.recv(1)  # stay


@pytest.mark.parametrize(
    ("output", "told"), [("", ""), ("Maintenance", ": Maintenance")], ids=["no reason", "reason"]
)
def test_gap_at_the_end_of_the_output_fails_after_the_prefix(
    commands: Commands, cloud: Cloud, output: str, told: str
) -> None:
    close_with_a_gap(cloud, after=40_000, lost=LOST, output=output)
    with TcpService(send_data) as service:
        cloud.port = service.port
        process = commands.proxy()
        assert process.wait() == LinkLost.exit_code == 74
        assert_ends_in_the_gap(process.reader.rest())
    hint = "The output is complete up to the gap: try again"
    assert process.stderr() == f"{MISSING}{told}. {hint}\n"
    assert cloud.stops(cloud.session()) == 1


@pytest.mark.parametrize("fdpass", ["yes", "no"])
def test_truncated_scp_download_fails_with_the_reason(ssh: Ssh, cloud: Cloud, fdpass: str) -> None:
    there, here = (ssh.commands.directory / name for name in ("there", "here"))
    there.write_bytes(DATA)
    lost = (LOGIN + 30_000) // REAL.message_size
    close_with_a_gap(cloud, after=LOGIN + 80_000, lost=lost)
    answer = ssh.commands.run(*ssh.command("scp", "-q", f"{ssh.host}:{there}", str(here)))
    assert answer.returncode != 0
    if fdpass == "yes":  # the log has the reason: the connector has given up scp's stderr
        ssh.commands.wait_for_log(MISSING.removeprefix("connector: "))
    else:
        assert MISSING in answer.stderr.decode()
    assert len(_read(here)) < len(DATA)
    assert DATA.startswith(_read(here))


def _read(file: Path) -> bytes:
    return file.read_bytes() if file.exists() else b""


def test_upload_without_ack_is_an_error(commands: Commands, cloud: Cloud) -> None:
    plan = FaultPlan((NO_ACKS, Close(At(bytes=30_000, direction=TO_AGENT))))
    cloud.gateway.behaviour = replace(cloud.gateway.behaviour, faults=plan)
    with TcpService(greeting_echo) as service:
        cloud.port = service.port
        process = commands.proxy()
        process.reader.until(GREETING)
        process.send(DATA)
        process.end_input()
        assert process.wait() == 74
    # The input up to that time; the rest was not read.
    words = r"connector: The session ended before [0-9,]+ bytes of input were acknowledged\. .+\n"
    assert re.fullmatch(words, process.stderr())


@pytest.mark.parametrize("away", [1.4, 0.2], ids=["long outage", "short outage"])
def test_outage_after_the_end_of_stdin_is_not_counted_as_silence(
    cloud: Cloud, monkeypatch: pytest.MonkeyPatch, away: float
) -> None:
    """QUIET_TIMEOUT counts from the new link on, because the agent has yet to send the rest."""
    monkeypatch.setattr(lifecycle, "QUIET_TIMEOUT", 1.0)

    def answer(connection: socket.socket) -> None:
        receive_exactly(connection, 3)
        connection.sendall(DATA)
        connection.recv(1)  # stay

    plan = FaultPlan((Restart(At(bytes=30_000, direction=TO_CLIENT), away),))
    cloud.gateway.behaviour = replace(cloud.gateway.behaviour, faults=plan)
    with TcpService(answer) as service:
        cloud.port = service.port
        started = cloud.start_session()
        access = SessionAccess(started["streamUrl"], started["tokenValue"], started["sessionId"])
        with TunnelThread(GivenSession(access), cloud.ca_file) as tunnel:
            tunnel.send(b"go\n")
            tunnel.end_input()
            assert tunnel.reader.rest() == DATA
            assert tunnel.wait() == 0
    assert tunnel.notices == []


def test_ssh_that_ends_is_silent_about_its_lost_last_message(ssh: Ssh, cloud: Cloud) -> None:
    """ssh's last message is the disconnect. The server may end the session before it arrives."""
    cloud.behave(replace(REAL, close_delay=0.0))
    for _ in range(5):
        answer = ssh.run("true")
        assert (answer.returncode, answer.stderr) == (0, b"")
    ssh.commands.wait_connectors_gone()


@pytest.mark.parametrize("kind", list(ExecuteAs))
def test_command_that_leaves_its_input_unread_succeeds(
    commands: Commands, cloud: Cloud, kind: ExecuteAs
) -> None:
    """As in a pipe, a program may leave its input unread."""
    cloud.behave(replace(REAL, execute_as=kind, first_output_delay=0.0))
    answer = commands.run(*CONNECTOR, "exec", cloud.host, "--", "true", input=DATA[:1000])
    assert answer.returncode == 0
    told = b"" if kind is ExecuteAs.INTERACTIVE else b"connector: This session has no input: "
    assert answer.stderr.startswith(told)
    assert answer.stderr.count(b"\n") == bool(told)


@pytest.mark.usefixtures("library")
def test_library_stream_raises_where_the_output_is_truncated(cloud: Cloud) -> None:
    close_with_a_gap(cloud, after=40_000, lost=LOST)

    async def main() -> bytes:
        data = bytearray()

        async def read_to_the_end() -> None:
            while chunk := await stream.read():
                data.extend(chunk)

        async with connector.connect(cloud.host) as stream:
            with pytest.raises(LinkLost, match="before all of its output had arrived"):
                await read_to_the_end()
            assert isinstance(stream.error, LinkLost)
        return bytes(data)

    with TcpService(send_data) as service:
        cloud.port = service.port
        assert_ends_in_the_gap(asyncio.run(main()))


@pytest.mark.usefixtures("library")
def test_library_socket_raises_where_the_output_is_truncated(cloud: Cloud) -> None:
    close_with_a_gap(cloud, after=40_000, lost=LOST)
    data = bytearray()

    def read_to_the_end() -> None:
        while chunk := stream.recv(65536):
            data.extend(chunk)

    with TcpService(send_data) as service:
        cloud.port = service.port
        with (
            connector.open_socket(cloud.host) as stream,
            pytest.raises(LinkLost, match="before all of its output had arrived"),
        ):
            read_to_the_end()
    assert_ends_in_the_gap(data)


@pytest.mark.usefixtures("library")
def test_closed_library_stream_reports_undelivered_data(cloud: Cloud) -> None:
    plan = FaultPlan((NO_ACKS,))
    cloud.gateway.behaviour = replace(cloud.gateway.behaviour, faults=plan)

    async def main() -> connector.Stream:
        async with connector.connect(cloud.host) as stream:
            await stream.read(len(GREETING))
            await stream.write(DATA[:5000])
        return stream

    with TcpService(greeting_echo) as service:
        cloud.port = service.port
        stream = asyncio.run(main())
    assert isinstance(stream.error, LinkLost)
    assert "before 5,000 bytes of input" in str(stream.error)


@pytest.mark.usefixtures("library", "echoing")
def test_library_stream_closed_in_order_has_no_error(cloud: Cloud) -> None:
    async def main() -> connector.Stream:
        async with connector.connect(cloud.host) as stream:
            await stream.write(DATA[:5000])
        return stream

    assert asyncio.run(main()).error is None


def test_closed_reader_of_an_undelivered_upload_fails_silently(
    commands: Commands, cloud: Cloud
) -> None:
    plan = FaultPlan((NO_ACKS,))
    cloud.gateway.behaviour = replace(cloud.gateway.behaviour, faults=plan)
    with TcpService(greeting_echo) as service:
        cloud.port = service.port
        process = commands.proxy()
        process.reader.until(GREETING)
        process.send(DATA[:5000])
        process.stop_reading()
        assert process.wait(END) == 74
    assert process.stderr() == ""
