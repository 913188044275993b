"""A standard stream that is closed, not only empty or unread."""

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
def test_closed_stream_is_refused_before_the_session_starts(
    commands: Commands, cloud: Cloud, descriptor: int
) -> None:
    process = commands.closing(descriptor, *CONNECTOR, "proxy", cloud.host)
    assert process.wait() == 78
    assert process.stderr().startswith("connector: Stdin or stdout is closed")
    assert cloud.sessions == []


def test_output_holds_only_the_stream_when_stderr_is_closed(
    commands: Commands, cloud: Cloud
) -> None:
    """Use one socket for both directions, as inetd and socat do."""
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
        process.signal(signal.SIGTERM)
        received += reader.rest()
    # An ssh with ProxyUseFdpass uses one socket, too: the line brought it a descriptor.
    assert received == b"\n" + GREETING


STDERR_IS_NOWHERE = """
import os
from connector.transport.stdio import take_standard_streams
take_standard_streams()
assert os.path.samestat(os.fstat(2), os.stat(os.devnull))
"""


def test_closed_stderr_is_replaced_by_the_null_device(commands: Commands) -> None:
    """Otherwise a socket would get descriptor 2, and a command would write its errors into it."""
    process = commands.closing(2, sys.executable, "-c", STDERR_IS_NOWHERE)
    assert process.wait() == 0
