"""Output equals input byte for byte, whatever the sizes of writes and messages."""

from __future__ import annotations

import hashlib
import random
import signal
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from connector.datachannel.agentmessage import AgentMessage
from connector.datachannel.messages import INPUT_STREAM_DATA, PayloadType
from connector.emulator.faults.plans import Direction

from .cloud import Cloud
from .commands import Commands, Process, Ssh
from .targets import GREETING, TcpService, echo, greeting_echo

SIZE = 16 * 1024 * 1024

CHUNKS = [1, 2, 1023, 1024, 1025, 4096, 65_535, 65_536, 65_537, 262_144, 1_048_575, 1_048_576]


@pytest.fixture(scope="module")
def big_file(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    path = tmp_path_factory.mktemp("big") / "file"
    path.write_bytes(random.Random(6).randbytes(SIZE))
    yield path
    path.unlink()


@pytest.fixture
def silent_service(cloud: Cloud) -> Iterator[TcpService]:
    """A service that waits for the client to speak first."""
    with TcpService(echo) as service:
        cloud.port = service.port
        yield service


@pytest.fixture
def service(cloud: Cloud) -> Iterator[TcpService]:
    with TcpService(greeting_echo) as service:
        cloud.port = service.port
        yield service


def digest(path: Path) -> str:
    with path.open("rb") as file:
        content = hashlib.sha256()
        while data := file.read(1 << 20):
            content.update(data)
    return content.hexdigest()


def end(process: Process) -> None:
    process.signal(signal.SIGHUP)
    assert process.wait() == 0
    assert process.reader.rest() == b""
    assert process.stderr() == ""


def echoed(process: Process, data: bytes) -> bytes:
    """Return the echo of one write of ``data``."""
    sender = threading.Thread(target=process.send, args=(data,), daemon=True)
    sender.start()
    answer = process.reader.exactly(len(data))
    sender.join()
    return answer


@pytest.mark.parametrize("way", ["there", "back"])
def test_16_mib_arrive_whole(
    ssh: Ssh, cloud: Cloud, tmp_path: Path, big_file: Path, way: str
) -> None:
    cloud.unpaced()
    copy = tmp_path / "copy"
    if way == "there":
        command = ssh.command("ssh", ssh.host, f"cat > {copy}")
        with big_file.open("rb") as source:
            process = ssh.commands.start(*command, stdin=source)
            assert process.wait(60) == 0
    else:
        with copy.open("wb") as destination:
            command = ssh.command("ssh", "-n", ssh.host, f"cat {big_file}")
            process = ssh.commands.start(*command, stdout=destination)
            assert process.wait(60) == 0
    assert digest(copy) == digest(big_file)
    copy.unlink()


@pytest.mark.usefixtures("service")
@pytest.mark.parametrize("command", ["proxy", "attach"])
def test_every_byte_travels_alone(commands: Commands, cloud: Cloud, command: str) -> None:
    process = commands.proxy() if command == "proxy" else commands.attach()
    process.reader.until(GREETING)
    for value in range(256):
        assert echoed(process, bytes([value])) == bytes([value])
    end(process)
    sent = {}
    for frame in cloud.frames(Direction.TO_AGENT):
        if isinstance(frame, bytes):
            message = AgentMessage.decode(frame)
            if message.message_type == INPUT_STREAM_DATA and message.payload_type == (
                PayloadType.OUTPUT
            ):
                sent[message.sequence_number] = message.payload
    assert list(sent.values()) == [bytes([value]) for value in range(256)]


@pytest.mark.usefixtures("service")
def test_writes_of_all_sizes_come_back_whole(commands: Commands, cloud: Cloud) -> None:
    cloud.unpaced()
    chance = random.Random(7)
    process = commands.proxy()
    process.reader.until(GREETING)
    for size in CHUNKS:
        data = chance.randbytes(size)
        assert echoed(process, data) == data, size
    end(process)


@pytest.mark.usefixtures("silent_service")
@pytest.mark.parametrize("data", [b"\n", bytes(100_000)], ids=["1", "100000"])
def test_client_may_speak_first(commands: Commands, cloud: Cloud, data: bytes) -> None:
    cloud.unpaced()
    process = commands.proxy()
    assert echoed(process, data) == data
    end(process)
