"""Input that comes while the tunnel is closing."""

from __future__ import annotations

import os

from connector.cli.attach import GivenSession
from connector.sessions import SessionAccess
from connector.transport.address import StreamSettings
from connector.transport.lifecycle import Phase
from connector.transport.loop import Loop
from connector.transport.session import Session
from connector.transport.stdio import open_input, open_output
from connector.transport.trust import Trust
from connector.transport.tunnel import Tunnel


def test_input_that_comes_while_closing_is_dropped() -> None:
    """The agent has not acked anything: the window is full, and the time is over."""
    stdin, feed = os.pipe()
    reader, stdout = os.pipe()
    loop = Loop()
    source, sink = open_input(loop, stdin), open_output(loop, stdout)
    tunnel = Tunnel(
        loop,
        Session(loop, GivenSession(SessionAccess("wss://localhost/", "token"))),
        source,
        sink,
        StreamSettings(Trust()),
        lambda line: None,
        lambda waiting: None,
    )
    source.start(lambda data: None, lambda: None)
    sink.start(lambda: None, lambda error: None)
    tunnel._channel.terminate()
    tunnel._lifecycle.phase = Phase.CLOSING

    tunnel._stdin_gave(b"too late")

    source.close()
    sink.close()
    loop.close()
    os.close(feed)
    os.close(reader)
