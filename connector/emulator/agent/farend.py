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
    """Connect to the port or start the process, then call ``opened`` or ``refused``."""


@dataclass(frozen=True)
class InputReceived:
    """Bytes for the far end."""

    data: bytes


@dataclass(frozen=True)
class Resized:
    """The new size of the client's terminal, for a far end with a terminal."""

    columns: int
    rows: int


@dataclass(frozen=True)
class Signalled:
    """A signal for the process, for a far end without a terminal."""

    number: int


@dataclass(frozen=True)
class CloseFarEnd:
    """Write all earlier input, then close the connection or hang up on the process."""


@dataclass(frozen=True)
class SessionEnded:
    """The session is over. The service tells the client, with this reason for a person."""

    output: str


#: The events for a far end that is open.
Input = InputReceived | Resized | Signalled
Event = OpenFarEnd | Input | CloseFarEnd | SessionEnded


class FarEnd(Protocol):
    """An open connection or a running process.

    :ivar lost: set when the connection is closed or all processes have ended.
    """

    lost: asyncio.Event

    def take(self, event: Input) -> None:
        """Process one input. Inputs come in order."""

    def set_reading(self, reading: bool) -> None:
        """Start or stop reading output. Each read keeps to :meth:`Owner.capacity`."""

    def close(self) -> None:
        """End it after all input is written. Harmless if it has ended."""

    def abort(self) -> None:
        """End it at once; input that is not written is lost."""


class Owner(Protocol):
    """The callbacks of a far end."""

    def opened(self, far_end: FarEnd) -> None:
        """The far end is open. This is the first callback."""

    def capacity(self) -> int:
        """Return how many bytes of output to read now."""

    def received(self, data: bytes | memoryview, payload_type: int) -> None:
        """The far end has given output, at most :meth:`capacity` bytes."""

    def full(self, full: bool) -> None:
        """The far end's input buffer is full, or has room again."""

    def closed(self, exit_status: int | None) -> None:
        """The output has ended.

        :param exit_status: the status of a process; -1 if a signal ended it.
        """


#: Opens a far end for its owner. Raises ``OSError`` with the reason if that fails.
Opener = Callable[[Owner], Awaitable[None]]
