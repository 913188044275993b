"""A stream without the data channel: the frames of its WebSocket carry the bytes, and no more.

It has one link, in which TLS keeps the bytes whole and in order, and no acks. The end of either
side closes the link; the code of the peer's close frame says whether the end is a good one. Only
then it is sure that the peer has read what was sent before.
"""

from __future__ import annotations

from collections import deque

from ..datachannel.events import (
    ChannelFailed,
    DataReceived,
    Event,
    SessionOpened,
    Statistics,
)
from ..datachannel.handshake import PORT_SESSION
from ..datachannel.phases import State
from ..errors import RemoteProtocolError

#: Bytes of one frame at most: what the AWS CLI 2 sends (``_MAX_BYTES_PER_FRAME`` of its
#: ``ec2instanceconnect/websocket.py``).
MAX_FRAME = 65_000

#: Bytes that wait for the link before the channel accepts no more.
_CAPACITY = 256 * 1024


class RawChannel:
    """The client's end of such a stream, with the methods that a tunnel calls of a channel.

    :ivar linked: whether there is a link.
    """

    paused = False  # no peer of such a stream says that it is away
    handshake_begun = False
    output_missing = False  # TLS leaves no gap

    def __init__(self) -> None:
        self.linked = False
        self.state: str = State.OPENING
        self.stats = Statistics()
        self._queue: deque[bytes] = deque()
        self._queued = 0
        self._confirmed = 0
        self._input_ended = False
        self._failed = False

    @property
    def send_capacity(self) -> int:
        """The number of bytes that :meth:`send_data` would accept now."""
        ended = self._input_ended or self.state == State.CLOSED
        return 0 if ended else max(0, _CAPACITY - self._queued)

    @property
    def in_flight_bytes(self) -> int:
        """0: nothing that the link has taken is known to be on its way."""
        return 0

    @property
    def unacknowledged_bytes(self) -> int:
        """The bytes that were accepted, until the good end of the link confirms them."""
        return self.stats.bytes_sent - self._confirmed

    @property
    def delivered(self) -> bool:
        """Whether the link has taken all input."""
        return not self._queued

    @property
    def terminating(self) -> bool:
        """Whether the input has ended."""
        return self._input_ended

    def connection_made(self, token: str, now: float) -> str:
        """Start the only link. No frame comes first, so the text is empty."""
        self.linked = True
        return ""

    def connection_lost(self, now: float) -> None:
        """End the link."""
        self.linked = False

    def confirm(self, untaken: int) -> None:
        """Note the good end of the link: the peer has read all that the socket has taken.

        :param untaken: bytes that the link had, and the socket had not taken.
        """
        self._confirmed = self.stats.bytes_sent - self._queued - untaken

    def send_data(self, data: bytes) -> int:
        """Accept bytes; return how many, at most :attr:`send_capacity`."""
        taken = data[: self.send_capacity]
        for start in range(0, len(taken), MAX_FRAME):
            self._queue.append(taken[start : start + MAX_FRAME])
        self._queued += len(taken)
        self.stats.bytes_sent += len(taken)
        return len(taken)

    def resize(self, columns: int, rows: int) -> None:
        """Do nothing: the stream leads to a port, which has no terminal."""

    def send_eof(self) -> None:
        """End the input. The channel is closed once the link has taken all of it."""
        self._input_ended = True
        self._close_if_done()

    def terminate(self) -> None:
        """End the input. What the link has not taken stays unacknowledged."""
        self._input_ended = True
        self.state = State.CLOSED

    def receive_messages(self, frames: list[bytes], now: float) -> list[Event]:
        """Take in the binary frames of one socket read; the first call opens the session."""
        events: list[Event] = []
        if self._failed:
            return events
        if self.state == State.OPENING:
            self.state = State.OPEN
            events.append(SessionOpened(PORT_SESSION, ""))
        data = b"".join(frames)
        self.stats.messages_received += len(frames)
        self.stats.bytes_received += len(data)
        if data:
            events.append(DataReceived(data))
        return events

    def receive_text(self, text: str) -> list[Event]:
        """Fail: a peer that sends text speaks another protocol."""
        error = RemoteProtocolError("the gateway sent text in a stream of bytes")
        self.state = State.CLOSED
        self._failed = True
        return [ChannelFailed(error)]

    def messages_to_send(self, now: float) -> list[bytes]:
        """Return the frames for the link, which counts as having taken them."""
        if not self.linked or self.state == State.CLOSED:
            return []
        frames = list(self._queue)
        self._queue.clear()
        self._queued = 0
        self.stats.messages_sent += len(frames)
        self._close_if_done()
        return frames

    def get_timer(self) -> None:
        """Return None: nothing is sent again."""

    def handle_timer(self, now: float) -> None:
        """Do nothing: there is no timer."""

    def _close_if_done(self) -> None:
        if self._input_ended and not self._queued:
            self.state = State.CLOSED
