"""The events that a :class:`~connector.datachannel.channel.DataChannel` returns to its caller."""

from __future__ import annotations

from ..errors import ConnectorError
from ..fast.records import NamedTuple


class SessionOpened(NamedTuple):
    """The session is open.

    A session that opened by an ack, after a long silence, may yet have a handshake. Its
    HandshakeComplete gives this event a second time.

    :param session_type: the type that the handshake announced; ``None`` without a handshake.
    :param customer_message: a text of the account's owner for the user; may be empty.
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

    :param output: the service's reason, a text for the user; may be empty.
    :param output_missing: whether a message of the agent is missing. The delivered bytes are
        good; the messages after the missing one are dropped.
    """

    output: str
    output_missing: bool = False


class ChannelFailed(NamedTuple):
    """The channel failed. The bytes that it delivered before are good."""

    error: ConnectorError


Event = SessionOpened | DataReceived | ErrorOutput | CommandExited | ChannelClosed | ChannelFailed


class Statistics:
    """Counts since the channel was made. Bytes are stream bytes; headers do not count."""

    def __init__(self) -> None:
        self.bytes_sent = 0
        self.bytes_received = 0
        self.messages_sent = 0
        self.messages_received = 0
        self.retransmitted = 0
        self.duplicates = 0
        self.malformed = 0
        self.ignored = 0

    def __str__(self) -> str:
        return ", ".join(f"{name.replace('_', ' ')} {n:,}" for name, n in vars(self).items())
