"""What a :class:`~connector.datachannel.channel.DataChannel` has to tell its shell."""

from __future__ import annotations

from dataclasses import dataclass

from ..errors import ConnectorError


@dataclass(slots=True)
class SessionOpened:
    """Stream bytes may flow.

    :param session_type: what the handshake announced; ``None`` when there was none. Should
        there be one after all, when the far end had been silent for long, this comes again.
    :param customer_message: a word of the account's owner for a person; may be empty.
    """

    session_type: str | None
    customer_message: str


@dataclass(slots=True)
class DataReceived:
    """Bytes of the stream, in order, each once."""

    data: bytes


@dataclass(slots=True)
class ErrorOutput:
    """Bytes of a command's separate standard error."""

    data: bytes


@dataclass(slots=True)
class CommandExited:
    """The exit status of a command session."""

    status: int


@dataclass(slots=True)
class ChannelClosed:
    """The service closed the channel. ``output`` is its reason for a person; may be empty."""

    output: str


@dataclass(slots=True)
class ChannelFailed:
    """The channel cannot go on. What was delivered before is good."""

    error: ConnectorError


Event = SessionOpened | DataReceived | ErrorOutput | CommandExited | ChannelClosed | ChannelFailed
