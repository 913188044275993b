"""Programs that use the library: how they exit, fork and are interrupted."""

from __future__ import annotations

import signal
import sys
import time

import pytest

from .cloud import Cloud
from .commands import END, Commands, Process
from .targets import GREETING
from .waiting import PATIENCE

#: The beginning of every program.
HEAD = f"""\
import asyncio, os, sys, threading, time
import connector
host, greeting = sys.argv[1], {GREETING!r}
"""

FALLS_OFF_THE_END = "stream = connector.open_socket(host)"
EXITS = "stream = connector.open_socket(host)\nsys.exit(0)"
LEAVES_ITS_LOOP = """\
async def main():
    stream = await connector.connect(host)
    await stream.write(b"x")
asyncio.run(main())
"""
HAS_A_DAEMON_THAT_READS = """\
stream = connector.open_socket(host)
def read():
    while stream.recv(1000):
        pass
threading.Thread(target=read, daemon=True).start()
"""
WORKS_ON_IN_A_THREAD = """\
stream = connector.open_socket(host)
def work():
    threading.main_thread().join()
    time.sleep(1)  # longer than it takes to see that the main thread has ended
    with stream:
        stream.sendall(b"x")
        assert stream.makefile("rb").read(9) == greeting + b"x"
    print("worked")
threading.Thread(target=work).start()
"""
FORKS = """\
stream = connector.open_socket(host)
reader, writer = os.pipe()
child = os.fork()
if not child:
    os.close(writer)
    os.read(reader, 1)  # holds copies of all descriptors until its parent is through
    stream.close()
    os._exit(0)
stream.sendall(b"x")
assert stream.makefile("rb").read(9) == greeting + b"x"
before = time.monotonic()
stream.close()
stream.wait_closed()
assert time.monotonic() - before < 3.5
os.close(writer)
assert os.waitpid(child, 0)[1] == 0
print("worked")
"""


def start(commands: Commands, cloud: Cloud, program: str) -> Process:
    # The programs are unclean on purpose.
    environ = {**commands.environ, "PYTHONWARNINGS": "ignore"}
    return commands.start(sys.executable, "-c", HEAD + program, cloud.host, environ=environ)


@pytest.mark.usefixtures("echoing")
@pytest.mark.parametrize(
    "program",
    [FALLS_OFF_THE_END, EXITS, LEAVES_ITS_LOOP, HAS_A_DAEMON_THAT_READS],
    ids=["falls off the end", "exits", "leaves its loop", "has a daemon that reads"],
)
def test_program_that_forgets_to_close_ends_its_session_and_exits(
    cloud: Cloud, commands: Commands, program: str
) -> None:
    process = start(commands, cloud, program)
    cloud.wait_for_sessions()
    assert (process.wait(), process.stderr(), process.reader.rest()) == (0, "", b"")
    assert cloud.stops(cloud.session()) == 1


@pytest.mark.usefixtures("echoing")
@pytest.mark.parametrize("program", [WORKS_ON_IN_A_THREAD, FORKS], ids=["threads", "forks"])
def test_program_that(cloud: Cloud, commands: Commands, program: str) -> None:
    process = start(commands, cloud, program)
    assert (process.wait(), process.stderr()) == (0, "")
    assert process.reader.rest() == b"worked\n"
    assert cloud.stops(cloud.session()) == 1


@pytest.mark.usefixtures("echoing")
@pytest.mark.parametrize(
    "program",
    [
        "print('waits', flush=True)\nconnector.open_socket(host)",
        "async def main():\n"
        "    print('waits', flush=True)\n"
        "    await connector.connect(host)\n"
        "asyncio.run(main())",
    ],
    ids=["socket", "stream"],
)
def test_interrupt_ends_the_start(cloud: Cloud, commands: Commands, program: str) -> None:
    cloud.stopped(start_seconds=600)
    process = start(commands, cloud, program)
    process.reader.until(b"waits\n")
    cloud.wait_for_requests("StartDevEnvironment")
    began = time.monotonic()
    process.signal(signal.SIGINT)
    assert process.wait(PATIENCE) in (1, 130, -signal.SIGINT)
    assert time.monotonic() - began < END
    assert process.stderr().endswith("KeyboardInterrupt\n")
    assert cloud.sessions == []
