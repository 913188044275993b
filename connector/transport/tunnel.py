"""Tunnel: the whole life of one session, from the API call to the last byte.

stdin -> :class:`DataChannel` -> :class:`Connection`, and back.
"""

from __future__ import annotations

import logging
import time
import uuid
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

from ..datachannel.channel import DataChannel
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
from ..errors import ConnectorError, LinkLost, SessionEnded
from ..sessions import SessionAccess, Waiting
from .address import StreamSettings
from .connection import Connection
from .ending import DRAIN_TIMEOUT, Ending, Phase
from .loop import Alarm, Loop
from .opening import (
    AGENT_TIMEOUT,
    OPEN_TIMEOUT,
    PROGRESS_TIMEOUT,
    agent_silent,
    api_silent,
    gateway_silent,
)
from .pumps import CHUNK
from .session import Session

if TYPE_CHECKING:
    from .roles import Input, Output

#: Bytes that wait for stdout before the socket waits, and when it goes on.
OUTPUT_HIGH_WATER = 256 * 1024
OUTPUT_LOW_WATER = 64 * 1024

#: Seconds of an open stream before the source may clean up: until then ssh exchanges keys and
#: logs in, which nothing should slow down.
TIDY_DELAY = 2.0

#: What the service says when the agent cannot connect to the port: the worker dies of it,
#: and the true reason stays in its log.
_PORT_REFUSED = ("document process failed unexpectedly", "connect to specified port")

#: What the agent writes above a reason.
_ERROR_TITLE = "----------ERROR-------"

logger = logging.getLogger(__name__)


class Onlooker:
    """Who watches a session, if anybody does.

    :ivar may_be_silent: whether a session that says nothing at all may be a good one.
    """

    may_be_silent = False

    def translate(self, events: list[Event]) -> Iterable[Event]:
        """Return the events that the tunnel handles in place of the channel's."""
        return events

    def session_opened(self, session_type: str | None) -> None:
        """As :class:`~..datachannel.events.SessionOpened`; output follows."""

    def link_dialled(self) -> None:
        """The gateway is reached, by TCP and TLS. The upgrade to a WebSocket follows."""

    def link_made(self) -> None:
        """A link is up: the first one, or another one after :meth:`link_lost`."""

    def link_lost(self) -> None:
        """The link is lost. The connection makes another one."""


class Tunnel:
    """Joins two byte streams to a session.

    :param notify: prints a line for the user.
    :param show_wait: shows why the start takes long, anew at each change; ``None``: it is over.
    :param open_errors: gives what the standard error of a command session goes to, when some
        comes; without it, nobody wants it.
    :param onlooker: is told how it goes.
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
        onlooker: Onlooker | None = None,
    ) -> None:
        self._loop = loop
        self._session = session
        self._stdin = stdin
        self._stdout = stdout
        self._connection = Connection(loop, self._session, settings, self)
        self._notify = notify
        self._show_wait = show_wait
        self._open_errors = open_errors
        self._errors: Output | None = None
        self._outputs = [stdout]  # and the errors, once there are some
        self._onlooker = onlooker
        self._channel = DataChannel(
            client_id=str(uuid.uuid4()),
            epoch_offset=time.time() - loop.time(),
            payload_size=settings.payload_size,
        )
        self._ending = Ending(
            loop,
            self._session,
            self._connection,
            self._channel,
            stdin,
            self._outputs,
            notify,
            self._pump,
            self._verdict,
        )
        self._unsent = b""  # read from stdin, and not accepted by the channel yet
        self._stream_begun = False
        # Whether the session runs a program and does not lead to a port.
        self._runs_program = onlooker is not None and onlooker.may_be_silent
        self._reader_gone = False
        self._left = False
        self._tidy_alarm, self._channel_alarm = Alarm(loop), Alarm(loop)
        self._open_deadline = loop.time() + OPEN_TIMEOUT

    def run(self) -> int:
        """Live until the end; returns the exit code.

        What goes wrong is told to ``notify`` at once: the end takes time, and whoever
        started us may not wait for it.
        """
        try:
            self._stdout.start(self._stdout_progressed, self._stdout_broken)
            self._stdin.start(self._stdin_gave, self._stdin_ended)
            self._stdin.set_wanted(min(CHUNK, self._channel.send_capacity))
            self._session.start(self._session_started, self._session_failed, self._start_waits)
            self._connection.prepare()
            self._ending.alarm.set(self._open_deadline, self._open_timed_out)
            self._loop.run(lambda: self._ending.phase == Phase.DONE)
        except BaseException:
            self._session.abandon(DRAIN_TIMEOUT)
            self._ending.release()  # whoever goes on without us has its descriptors back
            raise
        if self._ending.bug:
            raise self._ending.bug
        error = self.error
        return error.exit_code if error else self._ending.exit_code

    @property
    def error(self) -> ConnectorError | None:
        """What ended it, if anything went wrong."""
        return self._ending.error

    def end(self, exit_code: int) -> None:
        """Somebody wants us gone: deliver what stdin gave, and end within END_TIMEOUT.

        Asked again, it goes on ending: leaving the session behind would save no time.

        :param exit_code: 0 where the asking is a normal end.
        """
        logger.info("asked to end while %s", self._ending.phase)
        self._left = self._left or not exit_code
        self._ending.begin(exit_code=exit_code)
        self._ending.hurry()
        self._ending.stop_lingering()

    def close(self) -> None:
        """End as :meth:`end` does. Input that cannot be delivered in that time is an error."""
        self._ending.begin()
        self._ending.hurry()
        self._ending.stop_lingering()

    @property
    def running(self) -> bool:
        """Whether there is a session, and nothing has ended it."""
        return self._ending.phase == Phase.RUNNING

    def resize(self, columns: int, rows: int) -> None:
        """The window in front of the session has this size, in characters."""
        self._channel.resize(columns, rows)
        self._pump()

    # Starting.

    def _session_started(self, access: SessionAccess) -> None:
        if self._ending.phase != Phase.STARTING:  # the end waited for this
            self._ending.stop_session()
            return
        self._ending.phase = Phase.DIALLING
        self._connection.open(self._open_deadline - self._loop.time())

    def _session_failed(self, error: BaseException) -> None:
        self._ending.fault(error)
        self._ending.finish()  # there is nothing to close

    def _start_waits(self, waiting: Waiting | None, pause: float) -> None:
        """Not a failure: the clock begins anew, for as long as this goes on."""
        if self._ending.phase != Phase.STARTING:
            return
        self._show_wait(waiting)
        if waiting is None:
            self._connection.prepare()  # the socket of the first time may have gone stale
        limit = PROGRESS_TIMEOUT if waiting else OPEN_TIMEOUT
        self._open_deadline = self._loop.time() + pause + limit
        self._ending.alarm.set(self._open_deadline, self._open_timed_out)

    def _open_timed_out(self) -> None:
        if self._ending.phase == Phase.STARTING:
            self._ending.begin(error=api_silent())
            self._ending.finish()
        else:
            begun = self._channel.handshake_begun
            up = self._connection.up
            self._ending.begin(error=agent_silent(begun) if up else gateway_silent())

    # What the connection tells (ConnectionOwner).

    def connection_dialled(self) -> None:
        if self._onlooker:
            self._onlooker.link_dialled()

    def connection_made(self, token: str) -> None:
        if self._onlooker:
            self._onlooker.link_made()
        if self._ending.phase == Phase.DIALLING:
            self._ending.phase = Phase.RUNNING
            limit = min(self._open_deadline, self._loop.time() + AGENT_TIMEOUT)
            self._ending.alarm.set(limit, self._open_timed_out)
        self._connection.send_text(self._channel.connection_made(token, self._loop.time()))
        self._pump()

    def connection_messages(self, messages: list[bytes]) -> None:
        self._handle(self._channel.receive_messages(messages, self._loop.time()))

    def connection_text(self, text: str) -> None:
        self._handle(self._channel.receive_text(text))

    def connection_writable(self) -> None:
        self._pump()

    def connection_lost(self) -> None:
        self._channel.connection_lost(self._loop.time())
        if self._ending.exited:
            self._ending.begin()  # all that a new link could bring is here
        if self._onlooker and self._ending.phase == Phase.RUNNING:
            self._onlooker.link_lost()
        self._pump()

    def connection_failed(self, error: BaseException) -> None:
        self._ending.fault(error)
        self._ending.drain()

    # What the channel tells.

    def _handle(self, events: list[Event]) -> None:
        for event in self._onlooker.translate(events) if self._onlooker else events:
            if isinstance(event, DataReceived):
                self._stream_begun = True
                self._ending.progressed()
                self._stdout.write(event.data)
            elif isinstance(event, SessionOpened):
                self._session_opened(event)
            elif isinstance(event, ErrorOutput):
                self._write_error(event.data)
            elif isinstance(event, CommandExited):
                self._unsent = b""
                self._ending.command_exited(event.status)
            elif isinstance(event, ChannelClosed):
                self._channel_closed(event)
            elif isinstance(event, ChannelFailed):
                self._ending.far_end_failed(event.error)
        self._pump()

    def _write_error(self, data: bytes) -> None:
        self._ending.progressed()
        if self._errors is None and self._open_errors:
            self._errors = self._open_errors()
            # Whoever reads no errors may still read the output.
            self._errors.start(self._stdout_progressed, lambda _: self._pump())
            self._outputs.append(self._errors)
        if self._errors:
            self._errors.write(data)

    def _session_opened(self, event: SessionOpened) -> None:
        logger.info("session open, type %s", event.session_type or "not announced")
        self._ending.alarm.cancel()
        self._ending.progressed()
        self._tidy_alarm.set(self._loop.time() + TIDY_DELAY, self._tidy)
        if event.customer_message.strip():
            self._notify(event.customer_message)
        self._runs_program = event.session_type != PORT_SESSION
        if event.session_type in COMMAND_SESSION_TYPES:
            self._stream_begun = True  # a command need not say anything
        if self._onlooker:
            self._onlooker.session_opened(event.session_type)

    def _tidy(self) -> None:
        if self.running:
            self._session.tidy()

    def _channel_closed(self, event: ChannelClosed) -> None:
        reason = " ".join(event.output.replace(_ERROR_TITLE, " ").split())[:500]
        if self._ending.phase != Phase.RUNNING:
            self._ending.drain()
        elif self._ending.exited:
            self._ending.begin()
        elif event.output_missing:
            from .losses import output_missing

            self._ending.begin(error=output_missing(reason))
        elif reason:
            hint = None
            if any(words in reason for words in _PORT_REFUSED):
                hint = "Its SSH server may be starting, or not be there: try again in a moment"
            error = SessionEnded(f"the service closed the session: {reason}", hint)
            self._ending.begin(error=error)
        elif not (self._stream_begun or (self._onlooker and self._onlooker.may_be_silent)):
            self._ending.begin(
                error=SessionEnded(
                    "the service closed the session before a byte came",
                    "The Dev Environment may be stopping: check its state and try again",
                )
            )
        else:
            if self._unacknowledged and not self._runs_program:
                self._ending.linger()
            self._ending.begin()

    # What stdin and stdout tell.

    def _stdin_gave(self, data: bytes) -> None:
        self._unsent += data
        self._ending.progressed()
        self._pump()

    def _stdin_ended(self) -> None:
        logger.info("stdin ended while %s", self._ending.phase)
        self._ending.stdin_open = False
        self._ending.progressed()
        self._pump()

    def _stdout_progressed(self) -> None:
        self._ending.progressed()
        self._pump()

    def _stdout_broken(self, error: OSError | None) -> None:
        logger.info("stdout has no reader any more")
        problem = LinkLost(f"stdout cannot be written: {error.strerror}") if error else None
        self._reader_gone = True
        self._ending.begin(error=problem)
        self._ending.stop_lingering()
        self._pump()

    @property
    def _unacknowledged(self) -> int:
        """Bytes that stdin gave and that the agent has not acknowledged."""
        return self._channel.unacknowledged_bytes + len(self._unsent)

    def _verdict(self) -> tuple[ConnectorError, bool] | None:
        """What is lost of an end that nothing has failed, and whether to tell the user.

        It is asked last, since the causes of an end race: ssh closes its pipes, sends SIGHUP,
        and its last message makes the server close the session, all within a millisecond.
        """
        if self._ending.exit_code or self._ending.exited:
            return None  # not called good; or the command itself says how it went
        if self._left:
            # ssh hangs up when it is done, and has acknowledgements of its own. That its last
            # message, the disconnect, is not acknowledged any more is normal.
            return None
        unwritten = self._ending.unwritten
        unacknowledged = self._unacknowledged
        missing = self._channel.output_missing
        if not (missing or unwritten or unacknowledged):
            return None
        from .losses import judge

        return judge(
            missing,
            unwritten,
            unacknowledged,
            runs_program=self._runs_program,
            reader_gone=self._reader_gone,
        )

    # The pump: what follows every one of these.

    def _pump(self) -> None:
        connection, channel, now = self._connection, self._channel, self._loop.time()
        if self._unsent and self._ending.phase != Phase.CLOSING:
            self._unsent = self._unsent[channel.send_data(self._unsent) :]
        elif self._ending.phase == Phase.DRAINING and not self._ending.stdin_open:
            channel.send_eof()
        if channel.linked and not connection.write_paused:
            messages = channel.messages_to_send(now)
            if messages:
                connection.send_messages(messages)
        if self._ending.phase == Phase.DONE:
            return
        wants_input = self._ending.stdin_open and not self._unsent
        self._stdin.set_wanted(min(CHUNK, channel.send_capacity) if wants_input else 0)
        unwritten = self._stdout.pending_bytes
        if self._errors:
            unwritten = max(unwritten, self._errors.pending_bytes)
        if unwritten > OUTPUT_HIGH_WATER:
            connection.set_reading(False)
        elif unwritten <= OUTPUT_LOW_WATER:
            connection.set_reading(True)
        self._arm_channel_alarm()
        if self._ending.phase == Phase.DRAINING:
            self._ending.drain()
        elif self._ending.phase == Phase.RUNNING and not self._ending.stdin_open:
            self._ending.watch_the_rest()

    def _arm_channel_alarm(self) -> None:
        when = self._channel.get_timer()
        if when is None or self._connection.write_paused:
            # A socket that is full has not sent what would be repeated.
            self._channel_alarm.cancel()
        elif when != self._channel_alarm.when:
            self._channel_alarm.set(when, self._channel_due)

    def _channel_due(self) -> None:
        if self._ending.phase == Phase.DONE:
            return  # at this very turn
        self._channel.handle_timer(self._loop.time())
        self._pump()
