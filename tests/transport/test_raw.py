"""Streams without the data channel, over a real WebSocket server."""

from __future__ import annotations

import contextlib
import random
import socket
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import pytest
from websockets.exceptions import ConnectionClosed
from websockets.sync.server import Server, ServerConnection, serve

from connector.cli.attach import GivenSession
from connector.errors import ConnectorError
from connector.sessions import SessionAccess
from connector.transport.address import StreamSettings
from connector.transport.loop import Loop
from connector.transport.raw import MAX_FRAME, RawChannel
from connector.transport.session import Session
from connector.transport.stdio import open_input, open_output
from connector.transport.trust import Trust
from connector.transport.tunnel import Tunnel

from ..endtoend.waiting import PATIENCE, eventually

DATA = random.Random(7).randbytes(3_000_001)

Serve = Callable[[ServerConnection], None]


@dataclass
class End:
    """How a stream ended.

    :ivar sent: what the server has sent, as it came out of the tunnel.
    """

    exit_code: int
    error: ConnectorError | None
    sent: bytes
    words: list[str] = field(default_factory=list)


class Place:
    """A server, and a tunnel to it that is run to its end."""

    def __init__(self, handle: Serve) -> None:
        self.links = 0
        self.closed_with: int | None = None
        self._handle = handle
        self._server: Server = serve(
            self._serve, "127.0.0.1", 0, compression=None, max_size=MAX_FRAME, close_timeout=0.5
        )
        self._thread = threading.Thread(target=self._server.serve_forever)
        self._thread.start()
        self.port = self._server.socket.getsockname()[1]

    def close(self) -> None:
        self._server.shutdown()
        self._thread.join(PATIENCE)

    def run(
        self,
        *,
        given: bytes = b"",
        hang_up: bool = False,
        close: bool = False,
        refusal_hint: str = "",
    ) -> End:
        """Send bytes and return what came back.

        :param hang_up: end the tunnel as ssh does, once the first byte has come back; else stdin
            stays open until the server ends the stream.
        :param close: close the stream as a program does, at the same moment.
        """
        near, far = socket.socketpair()
        received = bytearray()
        words: list[str] = []
        with contextlib.closing(Loop()) as loop, near, far:
            url = f"ws://127.0.0.1:{self.port}/openTunnel?a=b"
            access = SessionAccess(url, "", raw=True, refusal_hint=refusal_hint)
            with far.dup() as stdin, far.dup() as stdout:
                tunnel = Tunnel(
                    loop,
                    Session(loop, GivenSession(access)),
                    open_input(loop, stdin.detach()),
                    open_output(loop, stdout.detach()),
                    StreamSettings(Trust(), url_given=True),
                    words.append,
                    lambda waiting: None,
                )

            def use() -> None:
                with contextlib.suppress(OSError):  # the tunnel may leave input unread
                    while data := near.recv(65536):
                        received.extend(data)
                        if hang_up:
                            loop.call_soon(tunnel.end, 0)
                        if close:
                            loop.call_soon(tunnel.close)

            def give() -> None:
                with contextlib.suppress(OSError):  # the tunnel may end earlier
                    near.sendall(given)

            users = [
                threading.Thread(target=give),
                threading.Thread(target=use),
            ]
            for user in users:
                user.start()
            if hang_up:
                users[0].join(PATIENCE)
            exit_code = tunnel.run()
            far.close()
            for user in users:
                user.join(PATIENCE)
        return End(exit_code, tunnel.error, bytes(received), words)

    def _serve(self, connection: ServerConnection) -> None:
        self.links += 1
        with contextlib.suppress(ConnectionClosed):
            self._handle(connection)
            connection.close()
        with contextlib.suppress(ConnectionClosed):
            while True:
                connection.recv(PATIENCE)
        received = connection.protocol.close_rcvd
        self.closed_with = received.code if received else None


@pytest.fixture
def place_of() -> Iterator[Callable[[Serve], Place]]:
    with contextlib.ExitStack() as stack:

        def make(handle: Serve) -> Place:
            place = Place(handle)
            stack.callback(place.close)
            return place

        yield make


PlaceOf = Callable[[Serve], Place]


def take(connection: ServerConnection, size: int) -> bytes:
    """Return the next bytes."""
    data = b""
    while len(data) < size:
        frame = connection.recv(PATIENCE)
        assert isinstance(frame, bytes)
        assert len(frame) <= MAX_FRAME
        data += frame
    return data


def test_bytes_are_the_same_in_both_directions(place_of: PlaceOf) -> None:
    def echo(connection: ServerConnection) -> None:
        left = len(DATA)
        while left:
            data = connection.recv(PATIENCE)
            assert isinstance(data, bytes)
            connection.send(data)
            left -= len(data)

    end = place_of(echo).run(given=DATA)
    assert (end.exit_code, end.words) == (0, [])
    assert end.sent == DATA


def test_everything_before_a_good_close_arrives(place_of: PlaceOf) -> None:
    def send(connection: ServerConnection) -> None:
        for start in range(0, len(DATA), 50_000):
            connection.send(DATA[start : start + 50_000])

    end = place_of(send).run()
    assert (end.exit_code, end.words) == (0, [])
    assert end.sent == DATA


def test_hang_up_delivers_all_and_closes_in_order(place_of: PlaceOf) -> None:
    got = []

    def receive(connection: ServerConnection) -> None:
        connection.send(b"SSH-2.0-x\r\n")
        got.append(take(connection, 90_000))
        connection.recv(PATIENCE)  # until the close

    place = place_of(receive)
    end = place.run(given=DATA[:90_000], hang_up=True)
    place.close()
    assert (end.exit_code, end.words) == (0, [])
    assert got == [DATA[:90_000]]
    assert place.closed_with == 1000


def test_close_before_a_server_that_does_not_read_is_an_error(place_of: PlaceOf) -> None:
    over = threading.Event()

    def ignore(connection: ServerConnection) -> None:
        # The server's library reads on its own until it has some frames in store.
        eventually(lambda: connection.recv_messages.paused, "the end of reading")
        connection.send(b"SSH-2.0-x\r\n")
        over.wait(PATIENCE)

    try:
        end = place_of(ignore).run(given=DATA * 10, close=True)
    finally:
        over.set()
    assert end.exit_code == 74
    assert "bytes of input were acknowledged" in end.words[0]


@pytest.mark.parametrize(("code", "reason"), [(1011, "Target went away"), (1008, "Not you")])
def test_other_close_is_an_error_with_the_reason(place_of: PlaceOf, code: int, reason: str) -> None:
    def leave(connection: ServerConnection) -> None:
        connection.send(b"SSH-2.0-x\r\n")
        connection.close(code, reason)

    place = place_of(leave)
    end = place.run()
    assert end.exit_code == 74
    assert end.sent == b"SSH-2.0-x\r\n"
    assert reason in end.words[0]
    assert end.words[0].endswith("cannot be resumed: connect again")
    assert place.links == 1


def test_broken_link_is_not_made_again(place_of: PlaceOf) -> None:
    def break_off(connection: ServerConnection) -> None:
        connection.send(b"SSH-2.0-x\r\n")
        connection.socket.shutdown(socket.SHUT_RDWR)

    place = place_of(break_off)
    end = place.run()
    assert end.exit_code == 74
    assert "cannot be resumed" in end.words[0]
    assert place.links == 1


def test_stream_that_closes_without_a_byte_is_an_error(place_of: PlaceOf) -> None:
    end = place_of(lambda connection: None).run()
    assert end.exit_code == 69
    assert end.sent == b""
    assert len(end.words) == 1
    assert "try again" in end.words[0]


def test_text_is_refused(place_of: PlaceOf) -> None:
    end = place_of(lambda connection: connection.send("channel_closed")).run()
    assert end.exit_code == 76
    assert end.words == ["The gateway sent text in a stream of bytes"]


def test_refused_upgrade_says_what_the_session_knows() -> None:
    def refuse(connection: ServerConnection, request: object) -> object:
        return connection.respond(403, "no\n")

    server = serve(lambda connection: None, "127.0.0.1", 0, process_request=refuse)  # type: ignore[arg-type]
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        place = Place.__new__(Place)
        place.port = server.socket.getsockname()[1]
        end = place.run(refusal_hint="Ask for the permission")
    finally:
        server.shutdown()
        thread.join(PATIENCE)
    assert end.exit_code == 76
    assert end.words == [
        "The gateway 127.0.0.1 refused the connection (403). Ask for the permission"
    ]


def test_channel_takes_no_more_than_it_can_hold() -> None:
    channel = RawChannel()
    taken = channel.send_data(DATA)
    assert 0 < taken < len(DATA)
    assert channel.send_capacity == 0
    assert channel.messages_to_send(0.0) == []  # there is no link yet
    channel.connection_made("", 0.0)
    frames = channel.messages_to_send(0.0)
    assert b"".join(frames) == DATA[:taken]
    assert max(map(len, frames)) <= MAX_FRAME
    assert channel.delivered


@pytest.mark.parametrize(
    "host", ["eice-0a1b.ec2-instance-connect-endpoint.eu-west-1.amazonaws.com"]
)
def test_hosts_of_tunnels_may_be_dialled(host: str) -> None:
    settings = StreamSettings(Trust())
    assert settings.check(f"wss://{host}/openTunnel").host == host
    for other in (f"x.{host}.evil.com", host.replace("eu-west-1.", ""), host.partition(".")[2]):
        with pytest.raises(ConnectorError, match="not a gateway"):
            settings.check(f"wss://{other}/openTunnel")
