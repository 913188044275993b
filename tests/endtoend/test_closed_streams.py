"""A standard stream that is closed, and not merely empty or unread."""

from __future__ import annotations

import signal
import socket
import sys

import pytest

from .cloud import Cloud
from .commands import CONNECTOR, Commands
from .targets import GREETING, TcpService, greeting_echo
from .waiting import Reader


@pytest.mark.parametrize("descriptor", [0, 1])
def test_closed_stream_is_refused_before_a_session_is_started(
    commands: Commands, cloud: Cloud, descriptor: int
) -> None:
    process = commands.closing(descriptor, *CONNECTOR, "proxy", cloud.host)
    assert process.wait() == 78
    assert process.stderr().startswith("connector: Stdin or stdout is closed")
    assert cloud.sessions == []


def test_nothing_but_the_stream_is_written_when_stderr_is_closed(
    commands: Commands, cloud: Cloud
) -> None:
    """One socket for both directions, as inetd and socat have it."""
    ours, its = socket.socketpair()
    with TcpService(greeting_echo) as service, ours:
        cloud.port = service.port
        with its:
            process = commands.closing(
                2,
                *(*CONNECTOR, "proxy", "-vv", cloud.host),
                stdin=its.fileno(),
                stdout=its.fileno(),
            )
        reader = Reader(ours.fileno())
        received = reader.until(GREETING)
        process.signal(signal.SIGHUP)
        assert process.wait() == 0
        received += reader.rest()
    assert received == GREETING


STDERR_IS_NOWHERE = """
import os
from connector.transport.stdio import take_standard_streams
take_standard_streams()
assert os.path.samestat(os.fstat(2), os.stat(os.devnull))
"""


def test_the_number_of_a_closed_stderr_is_given_to_nothing_else(commands: Commands) -> None:
    """It would be a socket's, and what a command writes to its errors would go there."""
    process = commands.closing(2, sys.executable, "-c", STDERR_IS_NOWHERE)
    assert process.wait() == 0
