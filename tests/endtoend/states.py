"""A tunnel in a thread, brought into one state of its life.

The states of an open session also differ by the data in flight: see :data:`DATA_STATES`.
"""

from __future__ import annotations

import contextlib
import os
import socket
import struct
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from types import TracebackType

from connector.datachannel.channel import DataChannel
from connector.datachannel.messages import PayloadType
from connector.errors import ConnectorError
from connector.sessions import SessionAccess, StartProgress, Waiting
from connector.transport.address import StreamSettings
from connector.transport.loop import Loop
from connector.transport.session import Session
from connector.transport.stdio import open_input, open_output
from connector.transport.trust import Trust
from connector.transport.tunnel import Observer, Tunnel

from ..hostile.gateway import (
    CLOSE,
    TEXT,
    Conversation,
    HostileGateway,
    ack,
    complete,
    frame,
    output,
    request,
    stream,
)
from .targets import TcpService
from .waiting import PATIENCE, Reader, eventually

INTERNAL_ERROR = 70

INPUT = b"input"

#: A command session's exit status, and the message that carries it.
STATUS = 5
EXIT_CODE = (PayloadType.EXIT_CODE, b"EXIT_CODE: %d" % STATUS)

#: In the state "unwritten", the session's output that the test does not read, in messages of 1 KiB.
#: It is more than a pipe holds, and less than makes the tunnel stop reading the socket.
UNWRITTEN = 200

#: The data in flight: output that arrived out of order; an exit status that did so; input without
#: an ack; input that was not sent; output that was not written; an exit status before a lost link.
DATA_STATES = ("held", "held status", "unacked", "unsent", "unwritten", "exited")


@dataclass
class End:
    """The end of a tunnel."""

    exit_code: int
    line: str
    seconds: float  # since the cause
    stopped: int  # number of stop calls at the service


@dataclass
class Source:
    """A service whose API answers slowly.

    :ivar answers: the events that let the API answer the start and the stop of the session.
    :ivar waits: whether the session's target has yet to start.
    """

    url: str
    start_answers: threading.Event = field(default_factory=threading.Event)
    stop_answers: threading.Event = field(default_factory=threading.Event)
    starting: threading.Event = field(default_factory=threading.Event)
    stopping: threading.Event = field(default_factory=threading.Event)
    stopped: int = 0
    waits: bool = False

    def start(self, progress: StartProgress) -> SessionAccess:
        while self.waits:
            progress.wait(Waiting("STARTING", 0.0, None), 0.05)
            self.starting.set()
        self.starting.set()
        self.start_answers.wait(PATIENCE)
        return SessionAccess(self.url, "token", "s-1")

    def resume(self, access: SessionAccess) -> None:
        """Return no access: CodeCatalyst cannot resume a session."""

    def stop(self, access: SessionAccess, timeout: float) -> None:
        self.stopped += 1
        self.stopping.set()
        self.stop_answers.wait(timeout)

    def tidy(self) -> None:
        """Do nothing: this source has nothing to tidy."""


class Subject:
    """A running tunnel with its service, its gateway and its two pipes."""

    def __init__(self, state: str, observer: Observer | None = None) -> None:
        self.gateway: Conversation | None = None  # for output of the agent
        self.refusing = False  # a second link
        self.loop = Loop()
        self._state = state
        self._reached = threading.Event()
        self._end: End | None = None
        self._caused_at = 0.0
        self._notices: list[str] = []
        secure = state == "dialling"
        self._service: TcpService = (
            TcpService(self._accept_only) if secure else HostileGateway(None, self._play)
        )
        scheme = "wss" if secure else "ws"
        self.source = Source(f"{scheme}://127.0.0.1:{self._service.port}/")
        self.source.waits = state == "waiting"
        if state not in ("starting", "waiting"):
            self.source.start_answers.set()
        if state != "closing":
            self.source.stop_answers.set()
        stdin, self._feed = os.pipe()
        self._result, stdout = os.pipe()
        self._open = {self._feed, self._result}
        self._reader = Reader(self._result)
        self.tunnel = Tunnel(
            self.loop,
            Session(self.loop, self.source),
            open_input(self.loop, stdin),
            open_output(self.loop, stdout),
            StreamSettings(Trust(), url_given=True),
            self._notices.append,
            lambda waiting: None,
            observer=observer,
        )
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def wait_for_state(self) -> None:
        if self._state in ("starting", "waiting"):
            assert self.source.starting.wait(PATIENCE)
        elif self._state in ("dialling", "upgrading", "handshaking", "reconnecting"):
            assert self._reached.wait(PATIENCE)
        else:
            self._reader.until(b"here")
        channel = self.tunnel._channel
        if self._state in ("paused", "unsent"):
            eventually(lambda: channel.paused, "the pause")
        if self._state in ("unsent", "unacked"):
            self.give(INPUT)
        elif self._state in ("held", "held status"):
            eventually(lambda: channel.output_missing, "the gap")
        elif self._state == "unwritten":
            eventually(lambda: self.tunnel._view().unwritten > 0, "unwritten output")
        elif self._state in ("exited", "exited, unwritten"):
            eventually(lambda: self.tunnel._lifecycle.status is not None, "the exit status")
        elif self._state == "closing":
            self.loop.call_soon(self.tunnel.end, 0)
            assert self.source.stopping.wait(PATIENCE)

    def begin(self, cause: Callable[[Subject], None]) -> None:
        self._caused_at = time.monotonic()
        cause(self)
        self.source.start_answers.set()  # the API answers after all

    def end(self) -> End:
        self._thread.join(PATIENCE)
        assert self._end is not None, "the tunnel still runs"
        return self._end

    def __enter__(self) -> Subject:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.source.stop_answers.set()
        for descriptor in tuple(self._open):
            self.close_descriptor(descriptor)
        self._thread.join(PATIENCE)
        self._service.__exit__(kind, error, trace)

    # Events

    def give(self, data: bytes) -> None:
        """Write data into stdin, and wait until the channel has it."""
        os.write(self._feed, data)
        channel = self.tunnel._channel
        assert isinstance(channel, DataChannel)
        eventually(lambda: channel._sender.has_data or channel.in_flight_bytes, "the input")

    def end_input(self) -> None:
        self.close_descriptor(self._feed)

    def stop_reading(self) -> None:
        self.close_descriptor(self._result)

    def read_rest(self) -> bytes:
        """Return all output that is still written."""
        return self._reader.rest()

    def lose_link(self) -> None:
        """End the gateway and refuse every new link."""
        self.refusing = True
        self.say(frame(CLOSE, struct.pack("!H", 1001)))

    def say(self, *frames: bytes) -> None:
        assert self.gateway is not None
        self.gateway.send(*frames)

    def close_descriptor(self, descriptor: int) -> None:
        if descriptor in self._open:
            self._open.remove(descriptor)
            os.close(descriptor)

    # The tunnel's thread and the gateway

    def _run(self) -> None:
        exit_code, line = INTERNAL_ERROR, ""
        try:
            exit_code = self.tunnel.run()
        except ConnectorError as error:
            exit_code, line = error.exit_code, str(error)
        except ZeroDivisionError:
            line = "a bug"
            self.tunnel._connection.abort()  # as the end of the process does
        seconds = time.monotonic() - self._caused_at
        self.loop.close()
        line = "\n".join([*self._notices, line]).strip()
        self._end = End(exit_code, line, seconds, self.source.stopped)

    def _accept_only(self, connection: socket.socket) -> None:
        self._reached.set()
        with contextlib.suppress(OSError):
            while connection.recv(65536):
                pass

    def _play(self, client: Conversation) -> None:
        if self._state == "upgrading" or self.gateway is not None:
            client.read_upgrade()
            self._reached.set()
            if self.refusing:
                client.send(b"HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n")
            return
        client.accept()
        client.read_some()
        self.gateway = client
        if self._state == "handshaking":
            self._reached.set()
            return
        client.send(request())
        client.read_some()  # the response
        client.send(ack(0), complete(), output(2, b"here"))
        if self._state == "reconnecting":
            raise ConnectionError("the gateway leaves")
        if self._state in ("paused", "unsent"):
            client.send(frame(TEXT, b"pause_publication"))
        elif self._state == "held":
            client.send(output(4, b"held"))
        elif self._state == "held status":
            client.send(stream(4, *EXIT_CODE))
        elif self._state in ("unwritten", "exited, unwritten"):
            client.send(*(output(3 + number, bytes(1024)) for number in range(UNWRITTEN)))
        if self._state == "exited":
            client.send(stream(3, *EXIT_CODE))
        elif self._state == "exited, unwritten":
            client.send(stream(3 + UNWRITTEN, *EXIT_CODE))
