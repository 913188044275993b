"""What an :class:`~connector.emulator.agent.agent.Agent` asks of its driver.

The *far end* is what the session leads to: a TCP connection, or a process.
"""

from __future__ import annotations

from dataclasses import dataclass


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
