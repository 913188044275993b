"""Large input and output: no byte is lost, and every buffer is bounded."""

from __future__ import annotations

import hashlib
import random

import pytest

from connector.emulator.agent.behaviour import CLEAN, ExecuteAs
from connector.emulator.agent.worker import Worker

from ..stages import eventually
from .stage import INTERACTIVE, SEPARATE, Stage, read_until


async def test_large_input_arrives_whole_after_a_late_read(stage: Stage) -> None:
    data = random.Random(2).randbytes(300_000)
    client = await stage.python(
        "import hashlib, os, sys, tty\n"
        "tty.setraw(0)\n"
        "print('ready.')\n"
        "digest, left = hashlib.sha256(), 300_000\n"
        "while left:\n"
        "    read = os.read(0, 9999); left -= len(read); digest.update(read)\n"
        "print(digest.hexdigest(), end='!')\n"
    )
    await read_until(client, b"ready.")
    for start in range(0, len(data), 1000):
        await client.send(data[start : start + 1000])
    assert (await read_until(client, b"!")).strip(b"\r\n!") == (
        hashlib.sha256(data).hexdigest().encode()
    )


async def test_acks_are_read_after_a_process_has_left_its_input(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    stage.behave(CLEAN, drain_timeout=600.0)
    seen: list[bool] = []
    tell = Worker.full

    def full(worker: Worker, full: bool) -> None:
        seen.append(full)
        tell(worker, full)

    monkeypatch.setattr(Worker, "full", full)
    client = await stage.python(
        "import os, time, tty\n"
        "tty.setraw(0)\n"
        "print('ready.')\n"
        "while not os.path.exists('go'):\n"
        "    time.sleep(0.01)\n"
        "print('bye!')\n"
    )
    await read_until(client, b"ready.")
    for _ in range(200):
        await client.send(bytes(1000))
    await eventually(lambda: seen == [True])
    (stage.home / "go").touch()
    await read_until(client, b"bye!")
    await client.wait_closed()
    assert seen == [True, False]


LINES = b"".join(b"%d\n" % number for number in range(1, 100_001))
COUNT = "import sys; sys.stdout.write(''.join(f'{n}\\n' for n in range(1, 100_001)))"


@pytest.mark.parametrize("execute_as", ExecuteAs)
async def test_output_survives_the_process_and_a_broken_link(
    stage: Stage, execute_as: ExecuteAs
) -> None:
    """The link breaks half-way. The process writes on meanwhile and may end."""
    stage.behave(CLEAN, execute_as=execute_as, window=64)
    client = await stage.python(COUNT)
    data = bytearray(await client.read(100_000))
    assert client.connection is not None
    client.connection.transport.abort()
    await client.connection.wait_closed()
    await stage.reopen(client)
    await client.wait_closed()
    data += client.output
    assert bytes(data).replace(b"\r\n", b"\n") == LINES


@pytest.mark.parametrize("execute_as", [INTERACTIVE, SEPARATE])
async def test_missing_acks_stop_the_process_at_the_window(
    stage: Stage, execute_as: ExecuteAs
) -> None:
    stage.behave(CLEAN, execute_as=execute_as, window=16, resends_oldest_only=False)
    client = await stage.python(
        "import os\n"
        "def count():\n"
        "    n = 0\n"
        "    while True:\n"
        "        os.write(1, b'x' * 1000)\n"
        "        n += 1\n"
        "        open('count', 'w').write(str(n))\n"
        "count()\n"
    )
    client.sends_acks = False
    await client.read(16 * 1000 if execute_as is SEPARATE else 8 * 1000)
    count = stage.home / "count"

    async def steady() -> int:
        """Return how much the process has written when it stops."""
        last = -1
        while (now := int(count.read_text() or 0)) != last:
            last = now
            for _ in range(20):
                await client.receive()  # retransmissions of the window only
        return last

    assert await steady() * 1000 < 16 * 1024 + 256 * 1024 + 2 * 65536 + 1000
    stage.end()
