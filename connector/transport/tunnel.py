"""Tunnel: the whole life of one session, from the API call to the last byte.

stdin -> :class:`DataChannel` -> :class:`Connection`, and back. The tunnel owns the order of
things: what is started when, what ends it, and that every end is the same orderly one.

    STARTING --access--> DIALLING --upgraded--> RUNNING --cause--> DRAINING
        \\___________________\\____________________\\_______________/
                          cause                    |
                                                CLOSING --stopped--> DONE

A *cause* is whatever ends a session: stdin and silence, a signal, a reader that went
away, the service, a fault. The first one decides the exit code and the words.
"""

from __future__ import annotations

import enum
import logging
import time
import uuid
from collections.abc import Callable

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
from ..errors import ConnectorError, LinkLost, SessionEnded
from ..sessions import SessionAccess, SessionSource, Waiting
from .connection import Connection
from .dialler import DialSettings
from .loop import Alarm, Loop
from .opening import (
    AGENT_TIMEOUT,
    OPEN_TIMEOUT,
    PROGRESS_TIMEOUT,
    agent_silent,
    api_silent,
    gateway_silent,
)
from .session import Session
from .stdio import CHUNK, Input, Output

#: Seconds that an end may take in all, and what of it each step gets at most.
END_TIMEOUT = 3.0
DRAIN_TIMEOUT = 1.6
CLOSED_TIMEOUT = 0.4
CLOSE_TIMEOUT = 0.3

#: After stdin ended: seconds of silence after which the reader has all it will get (the
#: protocol has no half-close, so the far end cannot say), and seconds without progress
#: after which what stdin gave is given up.
QUIET_TIMEOUT = 2.0
STALL_TIMEOUT = 3.0

#: Bytes that wait for stdout before the socket waits, and when it goes on.
OUTPUT_HIGH_WATER = 256 * 1024
OUTPUT_LOW_WATER = 64 * 1024

#: What the service says when the agent cannot connect to the port: the worker dies of it,
#: and the true reason stays in its log.
_PORT_REFUSED = ("document process failed unexpectedly", "connect to specified port")

logger = logging.getLogger(__name__)


class Phase(enum.Enum):
    STARTING = "starting the session"
    DIALLING = "connecting to the gateway"
    RUNNING = "running"
    DRAINING = "delivering what is left"
    CLOSING = "closing"
    DONE = "done"


class Tunnel:
    """Joins two byte streams to a session.

    :param notify: prints a line for the user.
    :param show_wait: shows why the start takes long, anew at each change; ``None``: it is over.
    :param write_error: takes the standard error of a command session, as it comes.
    :param opened: is told that stream bytes may flow.
    """

    def __init__(
        self,
        loop: Loop,
        source: SessionSource,
        stdin: Input,
        stdout: Output,
        settings: DialSettings,
        notify: Callable[[str], None],
        show_wait: Callable[[Waiting | None], None],
        write_error: Callable[[bytes], None],
        opened: Callable[[], None] = lambda: None,
    ) -> None:
        self._loop = loop
        self._session = Session(loop, source)
        self._stdin = stdin
        self._stdout = stdout
        self._connection = Connection(loop, self._session, settings, self)
        self._notify = notify
        self._show_wait = show_wait
        self._write_error = write_error
        self._opened = opened
        self._channel = DataChannel(
            client_id=str(uuid.uuid4()),
            epoch_offset=time.time() - loop.time(),
            payload_size=settings.payload_size,
        )
        self.error: ConnectorError | None = None  # what ended it, if anything went wrong
        self._phase = Phase.STARTING
        self._exit_code = 0
        self._stdin_open = True
        self._unsent = b""  # read from stdin, and not accepted by the channel yet
        self._bug: BaseException | None = None
        self._stream_begun = False
        self._channel_alarm = Alarm(loop)
        self._phase_alarm = Alarm(loop)
        self._end_alarm = Alarm(loop)
        self._open_deadline = loop.time() + OPEN_TIMEOUT
        self._progress_at = loop.time()
        self._in_flight_seen = 0

    def run(self) -> int:
        """Live until the end; returns the exit code.

        What goes wrong is told to ``notify`` at once: the end takes time, and whoever
        started us may not wait for it.
        """
        self._stdout.start(self._stdout_progressed, self._stdout_broken)
        self._stdin.start(self._stdin_gave, self._stdin_ended)
        self._stdin.set_wanted(min(CHUNK, self._channel.send_capacity))
        self._session.start(self._session_started, self._session_failed, self._start_waits)
        self._connection.prepare()
        self._phase_alarm.set(self._open_deadline, self._open_timed_out)
        try:
            self._loop.run(lambda: self._phase is Phase.DONE)
        except BaseException:
            self._session.abandon(DRAIN_TIMEOUT)
            self._finish()  # whoever goes on without us has its descriptors back
            raise
        if self._bug:
            raise self._bug
        return self.error.exit_code if self.error else self._exit_code

    def end(self, exit_code: int) -> None:
        """Somebody wants us gone: deliver what stdin gave, and end within END_TIMEOUT.

        Asked again, it goes on ending: leaving the session behind would save no time.

        :param exit_code: 0 where the asking is a normal end.
        """
        logger.info("asked to end while %s", self._phase.value)
        self._begin_end(exit_code=exit_code)
        self._start_end_clock()

    # Starting.

    def _session_started(self, access: SessionAccess) -> None:
        if self._phase is not Phase.STARTING:  # the end waited for this
            self._stop_session()
            return
        self._phase = Phase.DIALLING
        self._connection.open(self._open_deadline - self._loop.time())

    def _session_failed(self, error: BaseException) -> None:
        self._fault(error)
        self._finish()  # there is nothing to close

    def _start_waits(self, waiting: Waiting | None, pause: float) -> None:
        """Not a failure: the clock begins anew, for as long as this goes on."""
        if self._phase is not Phase.STARTING:
            return
        self._show_wait(waiting)
        if waiting is None:
            self._connection.prepare()  # the socket of the first time may have gone stale
        limit = PROGRESS_TIMEOUT if waiting else OPEN_TIMEOUT
        self._open_deadline = self._loop.time() + pause + limit
        self._phase_alarm.set(self._open_deadline, self._open_timed_out)

    def _open_timed_out(self) -> None:
        if self._phase is Phase.STARTING:
            self._begin_end(error=api_silent())
            self._finish()
        else:
            self._begin_end(error=agent_silent() if self._connection.up else gateway_silent())

    # What the connection tells (ConnectionOwner).

    def connection_made(self, token: str) -> None:
        if self._phase is Phase.DIALLING:
            self._phase = Phase.RUNNING
            limit = min(self._open_deadline, self._loop.time() + AGENT_TIMEOUT)
            self._phase_alarm.set(limit, self._open_timed_out)
        self._connection.send_text(self._channel.connection_made(token, self._loop.time()))
        self._pump()

    def connection_messages(self, messages: list[bytes]) -> None:
        self._handle(self._channel.receive_messages(messages, self._loop.time()))

    def connection_text(self, text: str) -> None:
        self._handle(self._channel.receive_text(text, self._loop.time()))

    def connection_writable(self) -> None:
        self._pump()

    def connection_lost(self) -> None:
        self._channel.connection_lost(self._loop.time())
        self._pump()

    def connection_failed(self, error: BaseException) -> None:
        self._fault(error)
        self._drain()

    # What the channel tells.

    def _handle(self, events: list[Event]) -> None:
        for event in events:
            if isinstance(event, DataReceived):
                self._stream_begun = True
                self._progressed()
                self._stdout.write(event.data)
            elif isinstance(event, SessionOpened):
                self._session_opened(event)
            elif isinstance(event, ErrorOutput):
                self._write_error(event.data)
            elif isinstance(event, CommandExited):
                self._exit_code = event.status & 0xFF
            elif isinstance(event, ChannelClosed):
                self._channel_closed(event.output)
            elif isinstance(event, ChannelFailed):
                self._begin_end(error=event.error)
        self._pump()

    def _session_opened(self, event: SessionOpened) -> None:
        logger.info("session open, type %s", event.session_type or "not announced")
        self._phase_alarm.cancel()
        self._progressed()
        if event.customer_message.strip():
            self._notify(event.customer_message)
        self._opened()

    def _channel_closed(self, output: str) -> None:
        reason = " ".join(output.split())
        if self._phase is not Phase.RUNNING:
            self._drain()
        elif reason:
            hint = None
            if any(words in reason for words in _PORT_REFUSED):
                hint = "Its SSH server may be starting, or not be there: try again in a moment"
            error = SessionEnded(f"the service closed the session: {reason[:500]}", hint)
            self._begin_end(error=error)
        elif not self._stream_begun:
            self._begin_end(
                error=SessionEnded(
                    "the service closed the session before a byte came",
                    "The Dev Environment may be stopping: check its state and try again",
                )
            )
        else:
            self._begin_end()

    # What stdin and stdout tell.

    def _stdin_gave(self, data: bytes) -> None:
        self._unsent += data
        self._progressed()
        self._pump()

    def _stdin_ended(self) -> None:
        logger.info("stdin ended while %s", self._phase.value)
        self._stdin_open = False
        self._progressed()
        self._pump()

    def _stdout_progressed(self) -> None:
        self._progressed()
        self._pump()

    def _stdout_broken(self, error: OSError | None) -> None:
        logger.info("stdout has no reader any more")
        problem = None
        if error:
            problem = LinkLost(f"stdout cannot be written: {error.strerror}")
        self._begin_end(error=problem)
        self._pump()

    # The pump: what follows every one of these.

    def _pump(self) -> None:
        connection, channel, now = self._connection, self._channel, self._loop.time()
        if self._unsent and self._phase is not Phase.CLOSING:
            self._unsent = self._unsent[channel.send_data(self._unsent, now) :]
        elif self._phase is Phase.DRAINING and not self._stdin_open:
            channel.send_eof(now)
        if channel.linked and not connection.write_paused:
            messages = channel.messages_to_send(now)
            if messages:
                connection.send_messages(messages)
        if self._phase is Phase.DONE:
            return
        wants_input = self._stdin_open and not self._unsent
        self._stdin.set_wanted(min(CHUNK, channel.send_capacity) if wants_input else 0)
        if self._stdout.pending_bytes > OUTPUT_HIGH_WATER:
            connection.set_reading(False)
        elif self._stdout.pending_bytes <= OUTPUT_LOW_WATER:
            connection.set_reading(True)
        self._arm_channel_alarm()
        if self._phase is Phase.DRAINING:
            self._drain()
        elif self._phase is Phase.RUNNING and not self._stdin_open:
            self._watch_the_rest()

    def _arm_channel_alarm(self) -> None:
        when = self._channel.get_timer()
        if when is None or self._connection.write_paused:
            # A socket that is full has not sent what would be repeated.
            self._channel_alarm.cancel()
        elif when != self._channel_alarm.when:
            self._channel_alarm.set(when, self._channel_due)

    def _channel_due(self) -> None:
        self._channel.handle_timer(self._loop.time())
        self._pump()

    # The end.

    def _progressed(self) -> None:
        self._progress_at = self._loop.time()

    def _watch_the_rest(self) -> None:
        """stdin has ended but its owner may still read: go on while something moves."""
        if self._channel.state is not State.OPEN or not self._connection.up:
            return
        in_flight = self._channel.in_flight_bytes
        if in_flight != self._in_flight_seen:
            self._in_flight_seen = in_flight
            self._progressed()
        if self._stdout.pending_bytes:
            return  # somebody reads it, however slowly; its progress calls again
        wait = QUIET_TIMEOUT if self._channel.delivered else STALL_TIMEOUT
        if self._loop.time() < self._progress_at + wait:
            self._phase_alarm.set(self._progress_at + wait, self._watch_the_rest)
        elif self._channel.delivered:
            logger.info("stdin has ended, and %.0f s went by without output", QUIET_TIMEOUT)
            self._begin_end()
        else:
            self._begin_end(error=LinkLost("the last bytes of stdin were not acknowledged"))

    def _begin_end(
        self, *, error: ConnectorError | None = None, exit_code: int | None = None
    ) -> None:
        """The first cause of an end counts; later ones find it under way."""
        if self._phase in (Phase.DRAINING, Phase.CLOSING, Phase.DONE):
            return
        self.error = error
        if error:
            self._notify(str(error))
        if exit_code is not None:
            self._exit_code = exit_code
        self._phase_alarm.cancel()
        self._connection.give_up_reconnecting()
        if self._phase is Phase.STARTING:
            # A session may yet come of it, and must be stopped.
            self._close_session()
            if self._session.abandon_start():
                self._finish()
            return
        self._phase = Phase.DRAINING
        if self._channel.state is State.OPEN and not error:
            self._start_end_clock()
            if self._stdin_open:
                self._stdin.take_rest()
        self._pump()

    def _start_end_clock(self) -> None:
        """From here it takes END_TIMEOUT at most.

        Where the far end is gone already there is no hurry: what it sent is written for
        as long as somebody reads it.
        """
        if self._end_alarm.when is None and self._phase is not Phase.DONE:
            now = self._loop.time()
            self._end_alarm.set(now + END_TIMEOUT, self._finish)
            if self._phase is Phase.DRAINING:
                self._phase_alarm.set(now + DRAIN_TIMEOUT, self._drained)

    def _drain(self) -> None:
        """Go on to close once all that can still be delivered is."""
        if self._phase is not Phase.DRAINING or self._stdout.pending_bytes:
            return
        if self._channel.state is not State.OPEN or not self._connection.up or self.error:
            self._drained()
        elif self._channel.paused and self._channel.delivered:
            self._drained()  # the far end is away: there is nobody to be told
        elif self._channel.terminating and self._phase_alarm.when is not None:
            # All is delivered and the flag is out: channel_closed follows in a moment.
            limit = self._loop.time() + CLOSED_TIMEOUT
            if self._phase_alarm.when > limit:
                self._phase_alarm.set(limit, self._drained)

    def _drained(self) -> None:
        if self._phase is not Phase.DRAINING:
            return
        now = self._loop.time()
        if self._channel.linked:
            # Delivered or not: a service that hears us should know how it ends.
            self._channel.terminate(now)
            self._connection.send_messages(self._channel.messages_to_send(now))
        self._close_session()

    def _close_session(self) -> None:
        self._phase = Phase.CLOSING
        self._phase_alarm.cancel()
        self._start_end_clock()
        self._stdin.set_wanted(0)
        self._connection.close(CLOSE_TIMEOUT)
        if self._session.access:
            self._stop_session()

    def _stop_session(self) -> None:
        deadline = self._end_alarm.when or self._loop.time()
        timeout = max(0.5, deadline - self._loop.time() - 0.1)
        self._session.stop(timeout, self._finish)

    def _fault(self, error: BaseException) -> None:
        """End for an error that came out of a thread."""
        if isinstance(error, ConnectorError):
            self._begin_end(error=error)
        else:
            self._bug = error
            self._begin_end()

    def _finish(self) -> None:
        if self._phase is Phase.DONE:
            return
        self._phase = Phase.DONE
        for alarm in (self._channel_alarm, self._phase_alarm, self._end_alarm):
            alarm.cancel()
        self._connection.abort()
        self._stdin.close()
        self._stdout.close()
        logger.info("%s", self._channel.stats)
