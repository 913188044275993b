"""What the parts of a tunnel are to each other: for who reads or checks types.

Nothing of it is needed to run.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from ..datachannel.events import Event as Event  # what an Observer translates
from ..errors import ConnectorError
from .pumps import OnBroken


class Input(Protocol):
    """A stream of bytes to read. ``on_data(bytes)`` and once ``on_end()`` are called."""

    def start(self, on_data: Callable[[bytes], None], on_end: Callable[[], None]) -> None: ...

    def set_wanted(self, wanted: int) -> None:
        """Read at most this many bytes before asking again; 0 stops."""

    def take_rest(self) -> None:
        """Read what is there now, then regard the input as ended."""

    def close(self) -> None: ...


class Output(Protocol):
    """A place to write bytes to. ``on_progress()`` follows each write that went through;
    ``on_broken(error)`` tells once that none will any more, with ``None`` when the reader
    went away."""

    pending_bytes: int

    def start(self, on_progress: Callable[[], None], on_broken: OnBroken) -> None: ...

    def write(self, data: bytes) -> None: ...

    def close(self) -> None: ...


class ConnectionOwner(Protocol):
    """The tunnel as its connection sees it: what a connection calls."""

    def connection_dialled(self) -> None:
        """The gateway is reached, by TCP and TLS. The upgrade to a WebSocket follows."""

    def connection_made(self, token: str) -> None:
        """A link is up: open the data channel on it with this token."""

    def connection_messages(self, messages: list[bytes]) -> None:
        """The binary frames of one socket read, in order."""

    def connection_text(self, text: str) -> None:
        """A text frame."""

    def connection_writable(self) -> None:
        """:attr:`Connection.write_paused` ended."""

    def connection_lost(self) -> None:
        """The link is gone; another one is being made."""

    def connection_failed(self, error: BaseException) -> None:
        """There will be no link any more."""


class LinkOwner(Protocol):
    """Who is told what a link sees."""

    def link_opened(self) -> None:
        """The upgrade was accepted: frames may be sent."""

    def link_messages(self, messages: list[bytes]) -> None:
        """The binary frames of one socket read, in order."""

    def link_text(self, text: str) -> None:
        """A text frame."""

    def link_writable(self) -> None:
        """:attr:`Link.write_paused` ended."""

    def link_lost(self, error: ConnectorError | None) -> None:
        """The connection is over; ``None`` when it is we who closed it. The last call."""
