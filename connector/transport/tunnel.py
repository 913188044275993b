"""Tunnel: one session from the API call to the last byte.

stdin -> :class:`DataChannel` -> :class:`Connection`, and back. The tunnel connects the parts
and moves the data; :mod:`.lifecycle` decides what happens when, :mod:`.ending` acts on it. Some
services speak no data channel: :class:`.raw.RawChannel` then takes its place.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterable

from ..datachannel.channel import DataChannel, State
from ..datachannel.events import (
    ChannelClosed,
    ChannelFailed,
    CommandExited,
    DataReceived,
    ErrorOutput,
    Event,
    SessionOpened,
)
from ..datachannel.handshake import COMMAND_SESSION_TYPES, PORT_SESSION
from ..datachannel.messages import random_uuid
from ..errors import ConnectorError, LinkLost
from ..fast.logs import Logger
from ..fast.typed import TYPE_CHECKING
from ..sessions import SessionAccess, Waiting
from .address import StreamSettings
from .connection import Connection
from .ending import Ending
from .lifecycle import DRAIN_TIMEOUT, Cause, Lifecycle, Phase, View
from .loop import Alarm, Loop
from .pumps import CHUNK
from .session import Session

if TYPE_CHECKING:
    from .raw import RawChannel
    from .roles import Channel, Input, Output

#: Bytes of output that wait for their reader before the tunnel stops reading the socket, and
#: below which it reads again.
OUTPUT_HIGH_WATER = 256 * 1024
OUTPUT_LOW_WATER = 64 * 1024

#: Seconds after the opening until the source may clean up. In that time ssh exchanges keys and
#: logs in, and cleaning up would delay it.
TIDY_DELAY = 2.0

logger = Logger(__name__)


class Observer:
    """Watches a session and may change what it sees. Every method may be left as it is.

    :ivar may_be_silent: whether a session without any output may be a success.
    """

    may_be_silent = False

    def translate(self, events: list[Event]) -> Iterable[Event]:
        """Return the events that the tunnel handles instead of the channel's."""
        return events

    def session_opened(self, session_type: str | None) -> None:
        """The session is open, see :class:`~..datachannel.events.SessionOpened`."""

    def link_dialled(self) -> None:
        """The gateway is reached, by TCP and TLS. The upgrade to a WebSocket follows."""

    def link_made(self) -> None:
        """A link is up: the first one, or another one after :meth:`link_lost`."""

    def link_lost(self) -> None:
        """The link is lost. The connection makes another one."""


class Tunnel:
    """Connects two byte streams to one session.

    :param notify: prints a line for the user.
    :param show_wait: shows why the start takes long, at each change; ``None`` ends the display.
    :param open_errors: opens the stream for the standard error of a command, when the first
        bytes of it come. Without it they are dropped.
    :param observer: watches the session.
    """

    def __init__(
        self,
        loop: Loop,
        session: Session,
        stdin: Input,
        stdout: Output,
        settings: StreamSettings,
        notify: Callable[[str], None],
        show_wait: Callable[[Waiting | None], None],
        open_errors: Callable[[], Output] | None = None,
        observer: Observer | None = None,
    ) -> None:
        self._loop = loop
        self._session = session
        self._stdin = stdin
        self._stdout = stdout
        self._notify = notify
        self._show_wait = show_wait
        self._open_errors = open_errors
        self._observer = observer
        self._errors: Output | None = None
        self._outputs = [stdout]  # and the errors, once there are some
        may_be_silent = observer is not None and observer.may_be_silent
        self._stream_begun = False  # output has come, or a command runs that may print none
        self._unsent = b""  # read from stdin, and not yet accepted by the channel
        self._connection = Connection(loop, session, settings, self)
        self._raw: RawChannel | None = None
        self._channel: Channel = DataChannel(
            client_id=random_uuid(os.urandom(16)),
            epoch_offset=time.time() - loop.time(),
            payload_size=settings.payload_size,
        )
        self._lifecycle = Lifecycle(loop.time(), runs_program=may_be_silent)
        self._ending = Ending(
            loop,
            self._lifecycle,
            session,
            self._connection,
            self._channel,
            stdin,
            self._outputs,
            notify,
            self._pump,
            self._view,
        )
        self._tidy_alarm, self._channel_alarm = Alarm(loop), Alarm(loop)

    def run(self) -> int:
        """Run the session to its end and return the exit code.

        An error is passed to ``notify`` at once: the end takes time, and the caller may not
        wait for it.
        """
        try:
            self._stdout.start(self._stdout_progressed, self._stdout_broken)
            self._stdin.start(self._stdin_gave, self._stdin_ended)
            self._stdin.set_wanted(min(CHUNK, self._channel.send_capacity))
            self._session.start(self._session_started, self._session_failed, self._start_waits)
            self._connection.prepare()
            self._ending.settle()
            self._loop.run(lambda: self._lifecycle.phase == Phase.ENDED)
        except BaseException:
            self._session.abandon(DRAIN_TIMEOUT)
            self._ending.release()  # the caller may go on, and needs its descriptors back
            raise
        if self._lifecycle.bug:
            raise self._lifecycle.bug
        return self._lifecycle.exit_code

    @property
    def error(self) -> ConnectorError | None:
        """The error that ended the session; ``None`` if nothing went wrong."""
        return self._lifecycle.error

    @property
    def running(self) -> bool:
        """Whether a link was made and nothing has ended the session."""
        return self._lifecycle.running

    def end(self, exit_code: int) -> None:
        """End the session for a signal: deliver what stdin gave, within END_TIMEOUT.

        A second call changes nothing: to leave the session behind would save no time.

        :param exit_code: 0 if the local program ends the session this way when it is done.
        """
        logger.info("asked to end while %s", self._lifecycle.phase)
        self._ending.end(Cause.SIGNAL if exit_code else Cause.HANG_UP, exit_code=exit_code)

    def close(self) -> None:
        """End as :meth:`end` does, but count input that cannot be delivered as an error."""
        self._ending.end(Cause.CALLER_CLOSED)

    def resize(self, columns: int, rows: int) -> None:
        """Tell the agent the size of the local terminal, in characters."""
        self._channel.resize(columns, rows)
        self._pump()

    # Starting.

    def _session_started(self, access: SessionAccess) -> None:
        if access.raw:
            from .raw import RawChannel  # few services have such streams

            self._raw = self._channel = self._ending.channel = RawChannel()
        if self._lifecycle.session_started():
            self._connection.open(self._lifecycle.open_by - self._loop.time())
        else:
            self._ending.stop_session()

    def _session_failed(self, error: BaseException) -> None:
        self._ending.end(Cause.START_FAILED, error)

    def _start_waits(self, waiting: Waiting | None, pause: float) -> None:
        if self._lifecycle.phase != Phase.STARTING:
            return
        self._show_wait(waiting)
        if waiting is None:
            self._connection.prepare()  # the socket that was dialled first may be stale
        self._lifecycle.start_waits(waiting is not None, pause, self._loop.time())
        self._ending.settle()

    # What the connection calls (ConnectionOwner).

    def connection_dialled(self) -> None:
        if self._observer:
            self._observer.link_dialled()

    def connection_made(self, token: str) -> None:
        if self._observer:
            self._observer.link_made()
        now = self._loop.time()
        self._lifecycle.link_made(now)
        first = self._channel.connection_made(token, now)
        if first:
            self._connection.send_text(first)
        else:
            self._handle(self._channel.receive_messages([], now))  # it is open already
        self._ending.settle()
        self._pump()

    def connection_messages(self, messages: list[bytes]) -> None:
        self._handle(self._channel.receive_messages(messages, self._loop.time()))

    def connection_text(self, text: str) -> None:
        self._handle(self._channel.receive_text(text))

    def connection_writable(self) -> None:
        self._pump()

    def connection_ended(self, untaken: int) -> None:
        if self._raw is None:
            raise RuntimeError("only a raw stream ends with its link")
        self._raw.confirm(untaken)
        self._handle([ChannelClosed("")])

    def connection_lost(self) -> None:
        self._channel.connection_lost(self._loop.time())
        self._ending.link_lost()
        if self._lifecycle.status is not None:
            self._ending.end(Cause.COMMAND_EXITED)  # all of its output is here
        if self._observer and self._lifecycle.running:
            self._observer.link_lost()
        self._pump()

    def connection_failed(self, error: BaseException) -> None:
        self._ending.end(Cause.PEER_FAILED, error)

    # What the channel reports.

    def _handle(self, events: list[Event]) -> None:
        for event in self._observer.translate(events) if self._observer else events:
            if isinstance(event, DataReceived):
                self._stream_begun = True
                self._lifecycle.progressed(self._loop.time())
                self._stdout.write(event.data)
            elif isinstance(event, SessionOpened):
                self._session_opened(event)
            elif isinstance(event, ErrorOutput):
                self._write_error(event.data)
            elif isinstance(event, CommandExited):
                self._command_exited(event.status)
            elif isinstance(event, ChannelClosed):
                self._channel_closed(event)
            elif isinstance(event, ChannelFailed):
                self._ending.end(Cause.PEER_FAILED, event.error)
        self._pump()

    def _write_error(self, data: bytes) -> None:
        self._lifecycle.progressed(self._loop.time())
        if self._errors is None and self._open_errors:
            self._errors = self._open_errors()
            # A broken stderr does not end the session: stdout may still have a reader.
            self._errors.start(self._stdout_progressed, lambda _: self._pump())
            self._outputs.append(self._errors)
        if self._errors:
            self._errors.write(data)

    def _session_opened(self, event: SessionOpened) -> None:
        logger.info("session open, type %s", event.session_type or "not announced")
        self._lifecycle.session_opened(self._loop.time())
        self._ending.settle()
        self._tidy_alarm.set(self._loop.time() + TIDY_DELAY, self._tidy)
        if event.customer_message.strip():
            self._notify(event.customer_message)
        self._lifecycle.runs_program = event.session_type != PORT_SESSION
        if event.session_type in COMMAND_SESSION_TYPES:
            self._stream_begun = True  # a command need not print anything
        if self._observer:
            self._observer.session_opened(event.session_type)

    def _tidy(self) -> None:
        if self.running:
            self._session.tidy()

    def _command_exited(self, status: int) -> None:
        logger.info("the command has exited with status %d", status)
        self._unsent = b""  # no process can read it any more
        self._lifecycle.command_exited(status, self._loop.time())

    def _channel_closed(self, event: ChannelClosed) -> None:
        error = None
        # Ask the observer now: what it attached to is known only once the session is open.
        may_be_silent = self._observer is not None and self._observer.may_be_silent
        begun = self._stream_begun or may_be_silent
        if event.output.strip() or event.output_missing or not begun:
            from . import reasons

            error = reasons.channel_closed(event.output, event.output_missing, begun)
        self._ending.end(Cause.PEER_CLOSED, error)

    # What stdin and stdout report.

    def _stdin_gave(self, data: bytes) -> None:
        self._unsent += data
        self._lifecycle.progressed(self._loop.time())
        self._pump()

    def _stdin_ended(self) -> None:
        logger.info("stdin ended while %s", self._lifecycle.phase)
        self._lifecycle.input_ended(self._loop.time())
        self._pump()

    def _stdout_progressed(self) -> None:
        self._lifecycle.progressed(self._loop.time())
        self._pump()

    def _stdout_broken(self, error: OSError | None) -> None:
        if error is None:
            logger.info("the reader of stdout has left")
            self._ending.end(Cause.READER_GONE)
        else:
            failure = LinkLost(f"stdout cannot be written: {error.strerror}")
            self._ending.end(Cause.WRITE_FAILED, failure)
        self._pump()

    # Moving data: the pump runs after every one of these.

    def _pump(self) -> None:
        connection, channel, lifecycle = self._connection, self._channel, self._lifecycle
        if self._unsent:
            # Only the session says which channel it is for.
            if lifecycle.takes_input and self._session.access:
                self._unsent = self._unsent[channel.send_data(self._unsent) :]
        elif lifecycle.phase == Phase.DRAINING and not lifecycle.input_open:
            channel.send_eof()
        if channel.linked and not connection.write_paused:
            messages = channel.messages_to_send(self._loop.time())
            if messages:
                connection.send_messages(messages)
        if lifecycle.phase == Phase.ENDED:
            return
        wants_input = lifecycle.input_open and not self._unsent
        self._stdin.set_wanted(min(CHUNK, channel.send_capacity) if wants_input else 0)
        unwritten = self._stdout.pending_bytes
        if self._errors:
            unwritten = max(unwritten, self._errors.pending_bytes)
        if unwritten > OUTPUT_HIGH_WATER:
            connection.set_reading(False)
        elif unwritten <= OUTPUT_LOW_WATER:
            connection.set_reading(True)
        self._arm_channel_alarm()
        if lifecycle.follows_data:
            self._ending.settle()

    def _view(self) -> View:
        channel = self._channel
        return View(
            channel.state == State.OPEN,
            self._connection.up,
            channel.handshake_begun,
            channel.paused,
            channel.terminating,
            channel.delivered,
            channel.in_flight_bytes,
            channel.unacknowledged_bytes + len(self._unsent),
            sum(output.pending_bytes for output in self._outputs),
            channel.output_missing,
        )

    def _arm_channel_alarm(self) -> None:
        when = self._channel.get_timer()
        if when is None or self._connection.write_paused:
            # A retransmission now would only wait behind what the socket has not yet sent.
            self._channel_alarm.cancel()
        elif when != self._channel_alarm.when:
            self._channel_alarm.set(when, self._channel_due)

    def _channel_due(self) -> None:
        self._connection.end_rest()  # an ack may wait there that seems to be overdue
        if self._lifecycle.phase == Phase.ENDED:
            return  # an earlier callback of this turn has ended it
        self._channel.handle_timer(self._loop.time())
        self._pump()
