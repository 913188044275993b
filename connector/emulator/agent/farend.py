"""What a session leads to: its *far end*, a TCP connection or a process.

The agent asks its driver for the events below. The driver, a worker, and the far end know each
other by the two protocols.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True)
class OpenFarEnd:
    """Connect to the port or start the process, then say ``opened`` or ``refused``."""


@dataclass(frozen=True)
class InputReceived:
    """Bytes for the far end."""

    data: bytes


@dataclass(frozen=True)
class Resized:
    """The client's terminal has this size now; for a far end with a terminal."""

    columns: int
    rows: int


@dataclass(frozen=True)
class Signalled:
    """Send the process this signal; for a far end without a terminal."""

    number: int


@dataclass(frozen=True)
class CloseFarEnd:
    """Write what came before this, then close the connection, or hang up on the process."""


@dataclass(frozen=True)
class SessionEnded:
    """The agent is done; the service tells the client so, with this reason for a person."""

    output: str


#: What a far end is given while it is open.
Input = InputReceived | Resized | Signalled
Event = OpenFarEnd | Input | CloseFarEnd | SessionEnded


class FarEnd(Protocol):
    """A connection or a process that is open.

    :ivar lost: set when nothing of it is left.
    """

    lost: asyncio.Event

    def take(self, event: Input) -> None:
        """Input for it, in order."""

    def set_reading(self, reading: bool) -> None:
        """Whether to give output, which needs :meth:`Owner.capacity`."""

    def close(self) -> None:
        """End it, once what it was given is written. Harmless when it has ended."""

    def abort(self) -> None:
        """End it at once."""


class Owner(Protocol):
    """Who opened a far end, and is told what becomes of it."""

    def opened(self, far_end: FarEnd) -> None:
        """It is open; comes before all others."""

    def capacity(self) -> int:
        """How many bytes of output there is room for now."""

    def received(self, data: bytes | memoryview, payload_type: int) -> None:
        """Output; no more than there was room for."""

    def full(self, full: bool) -> None:
        """It takes no more input for now; or does again."""

    def closed(self, exit_status: int | None) -> None:
        """No more output will come.

        :param exit_status: of a process; -1 of one that a signal has ended.
        """


#: Opens a far end for its owner; ``OSError`` with a reason when it cannot.
Opener = Callable[[Owner], Awaitable[None]]
