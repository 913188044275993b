"""What an :class:`~connector.emulator.agent.Agent` asks of its driver."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class ConnectPort:
    """Connect to the session's port, then say ``port_connected`` or ``port_refused``."""


@dataclass(frozen=True)
class InputReceived:
    """Bytes for the port."""

    data: bytes


@dataclass(frozen=True)
class ClosePort:
    """Write what came before this to the port, then close it."""


@dataclass(frozen=True)
class SessionEnded:
    """The agent is done; the service tells the client so, with this reason for a person."""

    output: str


Event = ConnectPort | InputReceived | ClosePort | SessionEnded
