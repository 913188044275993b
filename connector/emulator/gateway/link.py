"""One WebSocket connection of a client, which handles frames in batches."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import struct
from typing import Any, Protocol

from websockets.asyncio.server import ServerConnection
from websockets.frames import DATA_OPCODES, Opcode
from websockets.frames import Frame as WebSocketFrame
from websockets.protocol import Event, State

from ..faults.interference import Frame

FIN_BIT = 0x80  # RFC 6455, section 5.2
_LENGTH_16 = struct.Struct("!BBH")
_LENGTH_64 = struct.Struct("!BBQ")

#: Bytes in the send buffer of a slow client at which the agent stops reading its far end.
WRITE_HIGH_WATER = 256 * 1024


class Receiver(Protocol):
    """The callbacks of a :class:`Link`."""

    def receive_frames(self, link: Link, frames: list[Frame]) -> None:
        """The client has sent these frames, which arrived in one read."""

    def link_full(self, link: Link, full: bool) -> None:
        """The link's send buffer is full, or has room again."""


class Link(ServerConnection):
    """A ``ServerConnection`` that delivers all frames of one read together.

    It replaces ``recv``. :attr:`first` is the first frame, empty if the client sent none. After
    :meth:`start` all other frames go to a :class:`Receiver`. Between the two the socket is not
    read.

    It overrides ``process_event`` and ``data_received``, which websockets 15 to 17 do not
    document. Frames that arrive in the same read as the upgrade pass ``process_event`` too.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.first: asyncio.Future[Frame] = self.loop.create_future()
        self._receiver: Receiver | None = None
        self._batch: list[Frame] = []
        self._fragments: list[WebSocketFrame] = []
        self._reading = True
        self.silent = False

    def start(self, receiver: Receiver) -> None:
        """Deliver the frames after the first one to ``receiver``, now and later."""
        self._receiver = receiver
        self._flush()
        self.set_reading(True)

    @property
    def usable(self) -> bool:
        """Whether the link can send and receive frames."""
        open_ = self.protocol.state is State.OPEN and not self.transport.is_closing()
        return open_ and not self.silent

    def set_reading(self, reading: bool) -> None:
        """Start or stop reading the socket. The client's TCP waits meanwhile."""
        if reading != self._reading and not self.silent and not self.transport.is_closing():
            self._reading = reading
            if reading:
                self.transport.resume_reading()
            else:
                self.transport.pause_reading()

    def send_frames(self, frames: list[Frame]) -> None:
        """Write a batch at once. It is lost if the link is not usable."""
        if not self.usable:
            return
        parts: list[bytes] = []
        for frame in frames:
            if isinstance(frame, str):
                opcode, data = Opcode.TEXT, frame.encode()
            else:
                opcode, data = Opcode.BINARY, frame
            # A server does not mask frames: a frame is a header and the data.
            size = len(data)
            if size < 126:
                parts.append(bytes((FIN_BIT | opcode, size)))
            elif size < 65536:
                parts.append(_LENGTH_16.pack(FIN_BIT | opcode, 126, size))
            else:
                parts.append(_LENGTH_64.pack(FIN_BIT | opcode, 127, size))
            parts.append(data)
        self.transport.write(b"".join(parts))

    def go_silent(self) -> None:
        """Stop sending and receiving, as if a cable were cut. TCP stays up."""
        self.set_reading(False)
        self.silent = True

    def cut(self, reset: bool = False) -> None:
        """Break the TCP connection without a close frame or a TLS alert.

        :param reset: send a RST instead of a FIN.
        """
        if reset:
            with contextlib.suppress(OSError):  # the client has closed it first
                self.transport.get_extra_info("socket").setsockopt(
                    socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0)
                )
        self.transport.abort()

    # Callbacks of websockets

    def process_event(self, event: Event) -> None:
        if not isinstance(event, WebSocketFrame) or event.opcode not in DATA_OPCODES:
            super().process_event(event)
        elif event.fin and not self._fragments:
            self._batch.append(_content(event.opcode, event.data))
        else:
            self._fragments.append(event)
            if event.fin:
                data = b"".join(bytes(fragment.data) for fragment in self._fragments)
                self._batch.append(_content(self._fragments[0].opcode, data))
                self._fragments.clear()

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        if self._batch:
            self._flush()

    def pause_writing(self) -> None:
        super().pause_writing()
        if self._receiver is not None:
            self._receiver.link_full(self, True)

    def resume_writing(self) -> None:
        super().resume_writing()
        if self._receiver is not None:
            self._receiver.link_full(self, False)

    def connection_lost(self, exc: Exception | None) -> None:
        super().connection_lost(exc)
        self.transport.abort()  # without it, Python 3.10 warns of a TLS transport left open
        if not self.first.done():
            self.first.set_result("")

    def _flush(self) -> None:
        if self._receiver is not None:
            if self._batch:
                batch, self._batch = self._batch, []
                self._receiver.receive_frames(self, batch)
        elif not self.first.done():
            self.first.set_result(self._batch.pop(0))
            self.set_reading(False)


def _content(opcode: Opcode, data: Any) -> Frame:
    return bytes(data).decode(errors="replace") if opcode is Opcode.TEXT else bytes(data)
