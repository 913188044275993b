"""ssh with ``ProxyUseFdpass``: it waits for a socket, and no time-out ends a slow start."""

from __future__ import annotations

from .cloud import Cloud
from .commands import Ssh

FDPASS = ("-o", "ProxyUseFdpass=yes")


def test_slow_start_outlasts_connect_timeout(ssh: Ssh, cloud: Cloud) -> None:
    cloud.stopped(start_seconds=5)
    answer = ssh.run("echo hello", options=[*FDPASS, "-o", "ConnectTimeout=2"])
    assert (answer.returncode, answer.stdout) == (0, b"hello\n"), answer.stderr
