"""The options of the library, checked as the command line checks its own."""

from __future__ import annotations

import os
from dataclasses import dataclass

from ..datachannel.limits import MAX_PAYLOAD_SIZE
from ..errors import ConfigError
from ..sessions import SessionSource
from ..targets.model import SSH_SESSION, Query, StartSettings
from ..targets.registry import kind_of
from ..targets.source import open_source
from ..transport.address import StreamSettings

#: Seconds until a target has to run.
WAIT = 600.0

_SECONDS = (1, 3600)


@dataclass(frozen=True)
class Options:
    """Which target, and how it is reached; see :func:`connector.open_socket`."""

    query: Query
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
        """Return the source of sessions and the way to the stream. Reads files.

        :raises ConfigError: when a name or a setting is not usable.
        """
        return open_source(
            kind_of(self.query).open_finder(self.query, os.environ),
            SSH_SESSION,
            StartSettings(self.start, self.wait),
            ping_interval=self.ping_interval,
            payload_size=self.payload_size,
        )


def query_of(
    name: str,
    space: str | None,
    project: str | None,
    profile: str | None,
    endpoint_url: str | None,
) -> Query:
    """Return the query of a program that gave these arguments."""
    given = (("space", space), ("project", project))
    options = tuple((option, value) for option, value in given if value is not None)
    return Query(name, options, profile, endpoint_url)


def _check(name: str, value: float, least: int, most: int) -> None:
    if not least <= value <= most:
        raise ConfigError(f"the argument {name} is {value!r}, which is not from {least} to {most}")
