"""Every local cause of an end, at every point of a connector's life.

The process ends promptly with the documented exit code. Its stdout contains the stream, its stderr
nothing, and the service knows that the session is over.
"""

from __future__ import annotations

import contextlib
import signal
import sys
from collections.abc import Callable, Iterator

import pytest

from connector.emulator.agent.behaviour import REAL

from .causes import CAUSES
from .cloud import START, Cloud
from .commands import END, Commands, Process
from .targets import GREETING, Recorder, TcpService, greeting_echo, silent_gateway

DATA = bytes(range(256)) * 1000


@contextlib.contextmanager
def starting(cloud: Cloud, processes: Callable[[], list[Process]]) -> Iterator[None]:
    cloud.misbehaviours.delay(START, 1.0, len(CAUSES))
    processes()
    cloud.wait_for_requests(START, len(CAUSES))
    yield


def dialling(
    cloud: Cloud, processes: Callable[[], list[Process]]
) -> contextlib.AbstractContextManager[None]:
    return silent_gateway(cloud, processes, len(CAUSES))


@contextlib.contextmanager
def shaking_hands(cloud: Cloud, processes: Callable[[], list[Process]]) -> Iterator[None]:
    cloud.behave(REAL, latency_to_client=600.0)
    processes()
    cloud.wait_for_agents(len(CAUSES))
    yield


@contextlib.contextmanager
def running(cloud: Cloud, processes: Callable[[], list[Process]]) -> Iterator[None]:
    with TcpService(greeting_echo) as service:
        cloud.port = service.port
        for process in processes():
            process.reader.until(GREETING)
        yield


Phase = Callable[[Cloud, Callable[[], list[Process]]], contextlib.AbstractContextManager[None]]


@pytest.mark.parametrize("phase", [starting, dialling, shaking_hands, running])
def test_all_causes_end_the_connector_while(phase: Phase, commands: Commands, cloud: Cloud) -> None:
    processes: dict[str, Process] = {}

    def start() -> list[Process]:
        processes.update({cause: commands.proxy() for cause in CAUSES})
        return list(processes.values())

    with phase(cloud, start):
        for cause, process in processes.items():
            CAUSES[cause][0](process)
        codes = {cause: process.wait(END) for cause, process in processes.items()}
    assert codes == {cause: exit_code for cause, (_, exit_code) in CAUSES.items()}
    for cause, process in processes.items():
        assert process.stderr() == "", cause
        if not process.stopped_reading:
            assert process.reader.rest() == b"", cause
    assert [cloud.stops(session) for session in cloud.sessions] == [1] * len(CAUSES)


@pytest.mark.parametrize("cause", ["SIGHUP", "SIGTERM", "SIGINT", "ssh killed"])
def test_input_before_the_end_arrives(commands: Commands, cloud: Cloud, cause: str) -> None:
    with Recorder() as recorder:
        cloud.port = recorder.port
        process = commands.proxy()
        process.reader.until(GREETING)
        process.send(DATA)
        CAUSES[cause][0](process)
        assert process.wait(END) == CAUSES[cause][1]
        cloud.wait_all_ended()
        recorder.wait_for(len(DATA))
    assert bytes(recorder.received) == DATA
    assert cloud.stops(cloud.session()) == 1


@pytest.mark.parametrize("name", ["INT", "HUP"])
def test_ignored_signal_does_not_end_the_connector(
    commands: Commands, cloud: Cloud, name: str
) -> None:
    """sftp's ssh ignores SIGINT, so that Ctrl-C ends a transfer only. nohup ignores SIGHUP."""
    with TcpService(greeting_echo) as service:
        cloud.port = service.port
        process = commands.proxy(ignoring=name)
        process.reader.until(GREETING)
        process.signal(signal.Signals[f"SIG{name}"])
        process.send(DATA)
        assert process.reader.exactly(len(DATA)) == DATA
        process.signal(signal.SIGTERM)
        assert process.wait(END) == 143


#: Run ``connector proxy`` on a system that has no descriptor left for its tunnel.
NO_DESCRIPTORS = """\
import errno, os, sys
from connector.transport import tunnel
def fail(*_):
    raise OSError(errno.EMFILE, os.strerror(errno.EMFILE))
tunnel.Tunnel = fail
from connector.__main__ import main
sys.exit(main())
"""


def test_session_without_a_tunnel_is_stopped(commands: Commands, cloud: Cloud) -> None:
    done = commands.run(sys.executable, "-c", NO_DESCRIPTORS, "proxy", cloud.host)
    assert (done.returncode, done.stdout) == (71, b"")
    assert b"open files" in done.stderr
    assert cloud.stops(cloud.session()) == 1
