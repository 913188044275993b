"""The size of the terminal at this end, on its way to the far one.

It is also how a session is found to have begun in which the far end says nothing: an agent
without a handshake sends what its command prints, and a command may print nothing for long.
"""

from __future__ import annotations

from . import payloads
from .handshake import PORT_SESSION
from .messages import PayloadType
from .streams import StreamSender

#: Seconds of a new link's silence after which the size is sent unasked. Where there is no
#: handshake, the published agent sends its first output after one second, not before. It
#: does not acknowledge what comes before its command takes input; and an agent that yet has
#: to begin a handshake does, but has begun it by then.
SILENCE = 2.0


class Window:
    """The newest size counts; one that the far end has is not sent again."""

    def __init__(self) -> None:
        self.due: bytes | None = None  # the payload to be sent
        self._sent: bytes | None = None
        self._asked: int | None = None  # the number of the message that broke the silence
        self._ask_at: float | None = None
        self._has_reader = True

    def resize(self, columns: int, rows: int) -> None:
        if not self._has_reader:
            return
        payload = payloads.window_size(columns, rows)
        self.due = None if payload == self._sent else payload

    def send(self, sender: StreamSender) -> int:
        """Queue what is due; returns its sequence number."""
        if self.due is None:
            raise RuntimeError("no size is to be sent")
        self._sent, self.due = self.due, None
        return sender.queue_control(PayloadType.SIZE, self._sent)

    # To break the silence at the start.

    def link_made(self, now: float) -> None:
        """The far end is silent from now on, as far as is known."""
        if self.due is not None:
            self._ask_at = now + SILENCE

    def get_timer(self) -> float | None:
        """When :meth:`ask` has something to do."""
        return self._ask_at

    def ask(self, sender: StreamSender, now: float) -> None:
        """Send the size, if there was silence for long enough."""
        if self._ask_at is not None and self._ask_at <= now and self.due is not None:
            self._ask_at = None
            self._asked = self.send(sender)

    def silence_over(self) -> None:
        """The far end has spoken."""
        self._ask_at = None

    def handshake_begun(self) -> None:
        """What came before it is dropped by the far end, acknowledged or not."""
        self._ask_at = None
        if self._asked is not None:
            self._asked = None
            self.due, self._sent = self.due or self._sent, None

    def session_known(self, session_type: str | None) -> None:
        """Send no size from here on if the session leads to a port."""
        if session_type == PORT_SESSION:
            self._has_reader = False
            self.due = None

    def is_answer(self, sequence_number: int) -> bool:
        """Whether this acknowledge is the far end's first word."""
        return sequence_number == self._asked
