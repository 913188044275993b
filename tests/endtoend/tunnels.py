"""Tunnels without a process around each, so that a test can have hundreds."""

from __future__ import annotations

import os
from pathlib import Path

from connector.cli.attach import GivenSession
from connector.sessions import SessionAccess
from connector.transport.address import StreamSettings
from connector.transport.loop import Loop
from connector.transport.session import Session
from connector.transport.stdio import open_input, open_output
from connector.transport.trust import Trust
from connector.transport.tunnel import Tunnel


def carry(access: SessionAccess, ca_file: Path, data: bytes) -> bytes:
    """Send ``data`` at once, and return the answer when the far end closes.

    The data has to fit into a pipe. stdin stays open until the end, as with ssh.
    """
    stdin, feed = os.pipe()
    result, stdout = os.pipe()
    loop = Loop()
    with os.fdopen(feed, "wb", buffering=0) as feeder, os.fdopen(result, "rb") as reader:
        feeder.write(data)
        tunnel = Tunnel(
            loop,
            Session(loop, GivenSession(access)),
            open_input(loop, stdin),
            open_output(loop, stdout),
            StreamSettings(Trust(str(ca_file))),
            lambda line: None,
            lambda waiting: None,
        )
        try:
            assert tunnel.run() == 0
        finally:
            loop.close()
        return reader.read()
