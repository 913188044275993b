"""What a :class:`~connector.datachannel.channel.DataChannel` has to tell its shell."""

from __future__ import annotations

from ..errors import ConnectorError
from ..fast.records import NamedTuple


class SessionOpened(NamedTuple):
    """Stream bytes may flow.

    :param session_type: what the handshake announced; ``None`` when there was none. Should
        there be one after all, or an end of it, when the far end had been silent for long,
        this comes again.
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
    """The service closed the channel.

    :param output: the service's reason for a person; may be empty.
    :param output_missing: whether a message of the agent is missing. The bytes that were
        delivered are good; the messages behind the missing one are dropped.
    """

    output: str
    output_missing: bool = False


class ChannelFailed(NamedTuple):
    """The channel cannot go on. What was delivered before is good."""

    error: ConnectorError


Event = SessionOpened | DataReceived | ErrorOutput | CommandExited | ChannelClosed | ChannelFailed


class Statistics:
    """Counts since the channel was made. Bytes are stream bytes."""

    def __init__(self) -> None:
        self.bytes_sent = 0
        self.bytes_received = 0
        self.messages_sent = 0
        self.messages_received = 0
        self.resent = 0
        self.duplicates = 0
        self.malformed = 0
        self.ignored = 0

    def __str__(self) -> str:
        return ", ".join(f"{name.replace('_', ' ')} {n:,}" for name, n in vars(self).items())
