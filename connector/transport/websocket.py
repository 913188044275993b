"""Link: one WebSocket connection to the gateway.

:mod:`.frames` speaks the protocol. This module adds the socket, batches in both directions, and
keepalive.
"""

from __future__ import annotations

import socket
import ssl
import time
from collections import deque
from collections.abc import Mapping

from ..errors import (
    ConnectFailed,
    ConnectorError,
    LinkClosed,
    LinkLost,
    MessageRefused,
    RemoteProtocolError,
    UpgradeRejected,
)
from ..fast.typed import TYPE_CHECKING
from .address import StreamAddress
from .frames import (
    BINARY,
    CLOSE,
    CONNECTING,
    CONT,
    NORMAL,
    OPEN,
    PING,
    TEXT,
    TOO_BIG,
    BadFrame,
    BadUpgrade,
    Frame,
    WebSocket,
)
from .liveness import Liveness, Sign
from .loop import Alarm, Loop
from .pace import Pace

if TYPE_CHECKING:
    from .roles import LinkOwner

#: Bytes of one incoming frame at most. 4 MiB is the largest payload that the published agent
#: was seen to accept; it sends 1 KiB.
MAX_FRAME = 4 * 1024 * 1024 + 4096

#: Seconds between two checks whether the gateway is alive.
LIVENESS_CHECK = 1.0

#: Bytes that wait for the socket before the sender has to wait, and below which it goes on.
WRITE_HIGH_WATER = 256 * 1024
WRITE_LOW_WATER = 64 * 1024

#: Bytes that wait for the socket before the link gives up on a gateway that never reads. That
#: is far above the window plus all acks that may be due.
WRITE_LIMIT = 16 * 1024 * 1024

#: Bytes of one read: a record of TLS, more than which TLS does not return at once.
READ_SIZE = 16 * 1024

#: Bytes and frames that the link handles in one turn of the loop, so that stdin, timers and
#: signals get their turn. The cost of a frame does not depend on its size, and 256 KiB may hold
#: 131,072 empty ones.
_READ_BUDGET = 256 * 1024
FRAME_BUDGET = 1024

# A read of fewer bytes is the echo of a key. It is handed on at once, and the socket is read
# again at the next wake-up. Acks are longer, and come in bursts.
_KEYSTROKE = 256

#: Close codes by which a server speaks of itself rather than of this client (RFC 6455 and its
#: registry): going away, internal error, restart, try again later.
_SERVER_LEAVES = (1001, 1011, 1012, 1013)


class Link:
    """A WebSocket over a connected socket. It sends the upgrade as soon as it is made.

    :param sock: a non-blocking socket, with TLS if the address is secure. The link owns it.
    :param ping_interval: seconds between two pings.
    :param headers: more headers of the upgrade, besides those of every WebSocket.
    :param calm: bytes to wait for before the link may rest from reading, see :class:`.pace.Pace`.
    """

    def __init__(
        self,
        loop: Loop,
        sock: socket.socket,
        address: StreamAddress,
        owner: LinkOwner,
        ping_interval: float,
        headers: Mapping[str, str],
        calm: int = 0,
    ) -> None:
        self.write_paused = False
        self._loop = loop
        self._sock = sock
        self._fd = sock.fileno()
        self._owner = owner
        self._address = address
        self._fragments = bytearray()
        self._fragments_opcode = BINARY
        self._opened = False
        self._closing = False
        self._lost = False
        self._reading = True
        # Whether the next turn reads, even if the socket is not readable.
        self._read_pending = False
        self._pace = Pace(calm)
        self._resting = False
        self._rest_alarm = Alarm(loop)
        self._backlog: deque[Frame] = deque()  # frames beyond the budget of a turn
        self._unwritable = False  # writing has failed; the link ends at the next turn
        self._close_error: LinkLost | None = None  # from the gateway's close frame
        self._liveness = Liveness(ping_interval, loop.time(), time.time())
        self._liveness_alarm = Alarm(loop)
        self._close_alarm = Alarm(loop)
        self._protocol = WebSocket(MAX_FRAME)
        self._outgoing = self._protocol.outgoing
        self._protocol.upgrade(address.authority, address.resource, headers)
        self._flush()
        self._watch()

    @property
    def pending_bytes(self) -> int:
        """The bytes that wait for the socket."""
        return len(self._outgoing)

    @property
    def ended_in_order(self) -> bool:
        """Whether the gateway has sent a close frame with the code of a good end."""
        return self._protocol.close_code == NORMAL

    def send_text(self, text: str) -> None:
        """Send a text frame. It is dropped after the end of the link."""
        if self._protocol.state == OPEN:
            self._protocol.send(TEXT, text.encode())
            self._flush()

    def send_messages(self, messages: list[bytes]) -> None:
        """Send binary frames in one write. They are dropped after the end of the link."""
        if self._protocol.state != OPEN:
            return
        send = self._protocol.send
        for message in messages:
            send(BINARY, message)
        self._flush()

    def set_reading(self, reading: bool) -> None:
        """Start or stop reading frames from the socket."""
        if reading != self._reading and not self._lost:
            self._reading = reading
            self._watch()
            if reading:
                # Decrypted bytes may wait in the TLS layer, where nothing polls.
                self._schedule_read()

    def end_rest(self) -> None:
        """Read now what came during a rest, if the link rests (see :mod:`.pace`)."""
        if self._resting:
            self._stop_resting()
            self._readable()

    def close(self, timeout: float) -> None:
        """Send a close frame, and wait up to ``timeout`` seconds for the answer."""
        if self._lost or self._closing:
            return
        self._closing = True
        if self._protocol.state != OPEN:
            self._end(None)
            return
        self._protocol.close(NORMAL)
        self._close_alarm.set(self._loop.time() + timeout, lambda: self._end(None))
        self.set_reading(True)
        self._flush()

    def abort(self) -> None:
        """Close at once. The owner is not called any more."""
        self._release()

    # Reading.

    def _readable(self) -> None:
        if self._reading and not self._read_pending:
            self._read(_KEYSTROKE)

    def _schedule_read(self) -> None:
        if not self._read_pending:
            self._read_pending = True
            self._loop.call_soon(self._scheduled_read)

    def _scheduled_read(self) -> None:
        self._read_pending = False
        self._readable()

    def _read(self, enough: int) -> None:
        """Read what is there. Stop after a read of less than ``enough`` bytes."""
        if self._lost:
            return
        if self._resting:
            self._stop_resting()
        if len(self._backlog) > FRAME_BUDGET:
            self._process_events(FRAME_BUDGET)
            self._schedule_read()
            return
        error: ConnectorError | None = None
        received = 0
        try:
            while received < _READ_BUDGET and len(self._backlog) < FRAME_BUDGET:
                data = self._sock.recv(READ_SIZE)
                if not data:
                    error = self._eof_error()
                    break
                received += len(data)
                self._protocol.receive(data)
                self._backlog += self._protocol.events
                self._protocol.events.clear()
                if self._protocol.error:
                    break
                if received < enough:
                    break  # TLS has returned a whole record, and the selector reports the next one
            else:
                self._schedule_read()
        except (BlockingIOError, ssl.SSLWantReadError, ssl.SSLWantWriteError):
            pass  # nothing is left to read
        except OSError as problem:
            error = LinkLost(f"the connection to {self._address.host} broke: {_reason_of(problem)}")
        if received:
            self._liveness.heard(self._loop.time())
        fault = self._protocol.error
        over = error or fault
        self._process_events(len(self._backlog) if over else FRAME_BUDGET)
        if self._backlog:
            self._schedule_read()
        if self._lost:
            return
        if isinstance(fault, BadUpgrade):
            error = error or self._rejection(fault)
        elif fault:
            error = error or _parser_error(fault)
        if error:
            self._flush()
            self._end(None if self._closing else error)

    def _process_events(self, most: int) -> None:
        """Handle up to ``most`` of the frames that were read."""
        if not self._opened and self._protocol.state != CONNECTING:
            self._process_upgrade()
        messages: list[bytes] = []
        take = self._backlog.popleft
        for _ in range(min(most, len(self._backlog))):
            frame = take()
            if frame.opcode == BINARY and frame.fin:
                messages.append(frame.data)
            else:
                self._process_other_frame(frame, messages)
                if self._lost:
                    break
        self._flush()
        if messages and not self._lost:
            rest = self._pace.rest(messages, self._loop.time())
            self._owner.link_messages(messages)
            if rest:
                self._rest(rest)

    def _rest(self, seconds: float) -> None:
        """Stop reading for some seconds, unless more is to be read now."""
        if self._reading and not (self._read_pending or self._backlog or self._lost):
            self._resting = True
            self._watch()
            self._rest_alarm.set(self._loop.time() + seconds, self.end_rest)

    def _stop_resting(self) -> None:
        self._resting = False
        self._rest_alarm.cancel()
        self._watch()

    def _process_upgrade(self) -> None:
        self._opened = True
        self._arm_liveness_alarm()
        self._owner.link_opened()

    def _process_other_frame(self, frame: Frame, messages: list[bytes]) -> None:
        if frame.opcode in (TEXT, BINARY, CONT):
            if frame.opcode != CONT:
                self._fragments_opcode = frame.opcode
            self._fragments += frame.data
            if not frame.fin:
                return
            data = bytes(self._fragments)
            self._fragments.clear()
            if self._fragments_opcode == BINARY:
                messages.append(data)
            else:
                # This text may close the channel, so hand on what came before it first.
                self._owner.link_messages(messages.copy())
                messages.clear()
                self._owner.link_text(data.decode("utf-8", "replace"))
        elif frame.opcode == CLOSE and not self._closing:
            text = self._protocol.close_reason[:200]
            code = f" ({self._protocol.close_code})"
            reason = f": {text}" if text else ""
            words = f"the gateway closed the connection{code}{reason}"
            self._close_error = _error_of_close(self._protocol.close_code, words)
            # Deliver the frames that came before the close first.
            self._loop.call_soon(self._end, self._close_error)

    def _rejection(self, problem: BadUpgrade) -> ConnectorError:
        host = self._address.host
        status = problem.status
        if status in (0, 101):
            return UpgradeRejected(
                f"{host} is not a message gateway",
                "A proxy may answer in its place: check the proxy and the network",
            )
        if status in (401, 403):
            return UpgradeRejected(
                f"the gateway {host} refused the connection ({status})",
                "The session may be over: try again. Or it needs AWS credentials: "
                "`connector attach --profile`",
            )
        if status == 429 or status >= 500:
            return ConnectFailed(
                f"the gateway {host} is not available ({status})", "Try again in a minute"
            )
        return UpgradeRejected(
            f"the gateway {host} refused the connection ({status})",
            "The session may be over: try again",
        )

    def _eof_error(self) -> ConnectorError:
        if not self._opened:  # as a gateway does that restarts
            return ConnectFailed(
                f"the gateway {self._address.host} closed the connection before the upgrade",
                "It may be restarting: try again in a minute",
            )
        return LinkLost("the gateway broke the connection")

    # Writing.

    def _flush(self) -> None:
        if self._unwritable:
            return
        if not self._outgoing and not self.write_paused:
            return
        sent = 0
        try:
            with memoryview(self._outgoing) as view:
                while sent < len(view):
                    sent += self._sock.send(view[sent:])
        except (BlockingIOError, ssl.SSLWantReadError, ssl.SSLWantWriteError):
            pass  # the socket is full; the selector reports when it is not
        except OSError as problem:
            self._unwritable = True
            broken = LinkLost(
                f"the connection to {self._address.host} broke: {_reason_of(problem)}"
            )
            self._loop.call_soon(self._broken, broken)
        del self._outgoing[:sent]
        if len(self._outgoing) > WRITE_LIMIT and not self._unwritable:
            # Only pongs and acks come here while the sender waits.
            self._unwritable = True
            stuck = RemoteProtocolError("the gateway does not read the answers that it asks for")
            self._loop.call_soon(self._end, stuck)
        if self._unwritable:
            self._outgoing.clear()
        self._watch()
        if not self.write_paused:
            self.write_paused = len(self._outgoing) > WRITE_HIGH_WATER
        elif len(self._outgoing) <= WRITE_LOW_WATER:
            self.write_paused = False
            self._owner.link_writable()

    def _watch(self) -> None:
        if not self._lost:
            self._loop.watch(
                self._fd,
                self._readable if self._reading and not self._resting else None,
                self._flush if self._outgoing else None,
            )

    # Keepalive and end.

    def _arm_liveness_alarm(self) -> None:
        self._liveness_alarm.set(self._loop.time() + LIVENESS_CHECK, self._check_liveness)

    def _check_liveness(self) -> None:
        now = self._loop.time()
        if not self._reading:
            # While stdout is blocked the link does not read, so silence means nothing.
            self._liveness.heard(now)
        sign = self._liveness.look(now, time.time())
        if sign == Sign.DEAD:
            silence = self._liveness.silence(now)
            self._end(LinkLost(f"the gateway has been silent for {silence:.0f} s"))
            return
        if sign == Sign.PING and self._protocol.state == OPEN:
            self._protocol.send(PING, b"keepalive")
            self._flush()
        self._arm_liveness_alarm()

    def _broken(self, error: ConnectorError) -> None:
        if self._reading:
            # Handle all that came before the link broke, acks above all.
            self._process_events(len(self._backlog))
            self._read(0)
            self._process_events(len(self._backlog))
        self._end(error)

    def _end(self, error: ConnectorError | None) -> None:
        if not self._lost:
            self._release()
            self._owner.link_lost(None if self._closing else self._close_error or error)

    def _release(self) -> None:
        if self._lost:
            return
        self._lost = True
        self._loop.watch(self._fd, None, None)
        self._liveness_alarm.cancel()
        self._close_alarm.cancel()
        self._rest_alarm.cancel()
        self._sock.close()


def _parser_error(problem: BadFrame) -> ConnectorError:
    if problem.code == TOO_BIG:
        return RemoteProtocolError(f"the gateway sent a frame of more than {MAX_FRAME} bytes")
    return RemoteProtocolError("the gateway broke the WebSocket protocol")


def _error_of_close(code: int, words: str) -> LinkLost:
    if code in _SERVER_LEAVES:
        return LinkLost(words)
    return MessageRefused(words) if code == TOO_BIG else LinkClosed(words)


def _reason_of(problem: OSError) -> str:
    if isinstance(problem, ssl.SSLError):
        return problem.reason or "TLS error"
    return problem.strerror or "lost"
