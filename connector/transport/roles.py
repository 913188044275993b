"""Protocols of the parts of a tunnel, for readers and type checkers.

No module imports this one when it runs.
"""

from __future__ import annotations

from collections.abc import Callable

from ..datachannel.events import Event as Event  # the events that an Observer translates
from ..datachannel.events import Statistics
from ..errors import ConnectorError
from ..fast.typed import Protocol
from .pumps import OnBroken


class Input(Protocol):
    """A stream of bytes to read. It calls ``on_data(bytes)``, and ``on_end()`` once."""

    def start(self, on_data: Callable[[bytes], None], on_end: Callable[[], None]) -> None: ...

    def set_wanted(self, wanted: int) -> None:
        """Read up to this many bytes; 0 stops reading. Call it again after each read."""

    def take_rest(self) -> None:
        """Read the bytes that are there now, and then treat the input as ended."""

    def close(self) -> None: ...


class Output(Protocol):
    """A stream of bytes to write.

    It calls ``on_progress()`` after each successful write, and ``on_broken(error)`` once when
    no write can succeed any more; the error is ``None`` when the reader has left.

    """

    @property
    def pending_bytes(self) -> int:
        """The number of bytes that were not yet written."""

    def start(self, on_progress: Callable[[], None], on_broken: OnBroken) -> None: ...

    def write(self, data: bytes) -> None: ...

    def close(self) -> None: ...


class Channel(Protocol):
    """What a tunnel carries its bytes by: the data channel, or a raw stream.

    :class:`~connector.datachannel.channel.DataChannel` says what each member is.
    """

    @property
    def linked(self) -> bool: ...
    @property
    def paused(self) -> bool: ...
    @property
    def state(self) -> str: ...
    @property
    def handshake_begun(self) -> bool: ...
    @property
    def terminating(self) -> bool: ...
    @property
    def delivered(self) -> bool: ...
    @property
    def in_flight_bytes(self) -> int: ...
    @property
    def unacknowledged_bytes(self) -> int: ...
    @property
    def output_missing(self) -> bool: ...
    @property
    def send_capacity(self) -> int: ...
    @property
    def stats(self) -> Statistics: ...
    def connection_made(self, token: str, now: float) -> str: ...
    def connection_lost(self, now: float) -> None: ...
    def send_data(self, data: bytes) -> int: ...
    def resize(self, columns: int, rows: int) -> None: ...
    def send_eof(self) -> None: ...
    def terminate(self) -> None: ...
    def receive_messages(self, frames: list[bytes], now: float) -> list[Event]: ...
    def receive_text(self, text: str) -> list[Event]: ...
    def messages_to_send(self, now: float) -> list[bytes]: ...
    def get_timer(self) -> float | None: ...
    def handle_timer(self, now: float) -> None: ...


class ConnectionOwner(Protocol):
    """The tunnel as its connection sees it: what a connection calls."""

    def connection_dialled(self) -> None:
        """The gateway is reached, by TCP and TLS. The upgrade to a WebSocket follows."""

    def connection_made(self, token: str) -> None:
        """A link is up. The data channel has to be opened on it with this token."""

    def connection_messages(self, messages: list[bytes]) -> None:
        """The binary frames of one socket read, in order."""

    def connection_text(self, text: str) -> None:
        """A text frame."""

    def connection_writable(self) -> None:
        """:attr:`Connection.write_paused` is over: more can be sent."""

    def connection_ended(self, untaken: int) -> None:
        """The link of a raw stream has ended in order. :meth:`connection_lost` follows.

        :param untaken: bytes that no socket had taken.
        """

    def connection_lost(self) -> None:
        """The link is lost. The connection makes another one, except for a raw stream."""

    def connection_failed(self, error: BaseException) -> None:
        """The connection has given up: no other link follows."""


class LinkOwner(Protocol):
    """The connection as its link sees it: what a link calls."""

    def link_opened(self) -> None:
        """The gateway accepted the upgrade: frames may be sent."""

    def link_messages(self, messages: list[bytes]) -> None:
        """The binary frames of one socket read, in order."""

    def link_text(self, text: str) -> None:
        """A text frame."""

    def link_writable(self) -> None:
        """:attr:`Link.write_paused` is over: more can be sent."""

    def link_lost(self, error: ConnectorError | None) -> None:
        """The link is over. The error is ``None`` when :meth:`Link.close` ended it.

        This is the last call.
        """
