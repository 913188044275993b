"""What a :class:`~connector.datachannel.channel.DataChannel` has to tell its shell."""

from __future__ import annotations

from ..errors import ConnectorError
from ..records import NamedTuple


class SessionOpened(NamedTuple):
    """Stream bytes may flow.

    :param session_type: what the handshake announced; ``None`` when there was none. Should
        there be one after all, when the far end had been silent for long, this comes again.
    :param customer_message: a word of the account's owner for a person; may be empty.
    """

    session_type: str | None
    customer_message: str


class DataReceived(NamedTuple):
    """Bytes of the stream, in order, each once."""

    data: bytes


class ErrorOutput(NamedTuple):
    """Bytes of a command's separate standard error."""

    data: bytes


class CommandExited(NamedTuple):
    """The exit status of a command session."""

    status: int


class ChannelClosed(NamedTuple):
    """The service closed the channel. ``output`` is its reason for a person; may be empty."""

    output: str


class ChannelFailed(NamedTuple):
    """The channel cannot go on. What was delivered before is good."""

    error: ConnectorError


Event = SessionOpened | DataReceived | ErrorOutput | CommandExited | ChannelClosed | ChannelFailed
