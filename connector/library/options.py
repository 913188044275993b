"""What a program may choose, checked as the command line checks its options."""

from __future__ import annotations

from dataclasses import dataclass

from ..datachannel.limits import MAX_PAYLOAD_SIZE
from ..errors import ConfigError
from ..sessions import SessionSource
from ..targets.codecatalyst.wiring import (
    Place,
    open_finder,
    open_source,
)
from ..transport.address import StreamSettings

#: Seconds that a Dev Environment gets until it runs.
WAIT = 600.0

_SECONDS = (1, 3600)


@dataclass(frozen=True)
class Options:
    """Which Dev Environment, and how it is reached; see :func:`connector.open_socket`."""

    place: Place
    start: bool
    wait: float
    ping_interval: float
    payload_size: int

    def __post_init__(self) -> None:
        """:raises ConfigError: when a number is out of its range."""
        _check("wait", self.wait, *_SECONDS)
        _check("ping_interval", self.ping_interval, *_SECONDS)
        _check("payload_size", self.payload_size, 1, MAX_PAYLOAD_SIZE)

    def prepare(self) -> tuple[SessionSource, StreamSettings]:
        """The source of sessions and the way to the stream. Reads files.

        :raises ConfigError: when a name or a setting is not usable.
        """
        return open_source(
            open_finder(self.place),
            start=self.start,
            wait=self.wait,
            ping_interval=self.ping_interval,
            payload_size=self.payload_size,
        )


def _check(name: str, value: float, least: int, most: int) -> None:
    if not least <= value <= most:
        raise ConfigError(f"the argument {name} is {value!r}, which is not from {least} to {most}")
