"""The size of this end's terminal, on its way to the agent.

The size has a second use. An agent without a handshake sends only what its command prints, and a
command may print nothing for long; the size is then sent into the silence, for its ack.
"""

from __future__ import annotations

from . import payloads
from .handshake import PORT_SESSION
from .messages import PayloadType
from .streams import StreamSender


class Window:
    """The newest size of the terminal. A size that the agent has is not sent again.

    :ivar due: the payload that is to be sent, or ``None``.
    """

    def __init__(self) -> None:
        self.due: bytes | None = None
        self._sent: bytes | None = None
        self._has_reader = True

    def resize(self, columns: int, rows: int) -> None:
        """Set the size, in characters."""
        if not self._has_reader:
            return
        payload = payloads.window_size(columns, rows)
        self.due = None if payload == self._sent else payload

    def send(self, sender: StreamSender) -> int:
        """Queue the size that is due; return the number of its message."""
        if self.due is None:
            raise RuntimeError("no size is due")
        self._sent, self.due = self.due, None
        return sender.queue_control(PayloadType.SIZE, self._sent)

    def send_again(self) -> None:
        """Make the size due again: the agent drops what it gets before its handshake."""
        self.due, self._sent = self.due or self._sent, None

    def session_known(self, session_type: str | None) -> None:
        """Send no size from now on if the session leads to a port."""
        if session_type == PORT_SESSION:
            self._has_reader = False
            self.due = None
