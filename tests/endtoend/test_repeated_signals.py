"""The same signal twice, as paramiko and impatient users send it."""

from __future__ import annotations

import signal

import pytest

from .cloud import Cloud
from .commands import END, Commands
from .targets import GREETING, TcpService, greeting_echo


@pytest.mark.parametrize(
    ("number", "exit_code"), [(signal.SIGTERM, 143), (signal.SIGINT, 130), (signal.SIGHUP, 0)]
)
def test_same_signal_twice_still_stops_the_session(
    commands: Commands, cloud: Cloud, number: signal.Signals, exit_code: int
) -> None:
    with TcpService(greeting_echo) as service:
        cloud.port = service.port
        process = commands.proxy()
        process.reader.until(GREETING)
        process.signal(number)
        commands.wait_for_log("asked to end")
        process.signal(number)
        assert process.wait(END) == exit_code
        assert process.stderr() == ""
        assert cloud.stops(cloud.session()) == 1
