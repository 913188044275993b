"""Ending: how a session ends, and that every end is the same orderly one.

What stdin gave is delivered, the far end is told, the link is closed, and the service is
told: each step has its time, and the whole :data:`END_TIMEOUT`.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import TYPE_CHECKING

from ..datachannel.channel import DataChannel, State
from ..errors import ConnectorError, LinkLost
from .connection import Connection
from .loop import Alarm, Loop
from .session import Session

if TYPE_CHECKING:
    from .roles import Input, Output

#: Seconds that an end may take in all, and what of it each step gets at most.
END_TIMEOUT = 3.0
DRAIN_TIMEOUT = 1.6
CLOSED_TIMEOUT = 0.4
CLOSE_TIMEOUT = 0.3

#: Seconds that the local program gets to hang up by itself, when the far end closes and has not
#: acknowledged all input. ssh sends its last message and hangs up within a millisecond, but
#: a busy machine may let us see the far end's answer first.
LEAVE_TIMEOUT = 0.4

#: After stdin ended: seconds of silence after which the reader has all it will get (the
#: protocol has no half-close, so the far end cannot say), and seconds without progress
#: after which what stdin gave is given up.
QUIET_TIMEOUT = 2.0
STALL_TIMEOUT = 3.0

#: After stdin ended: seconds that a far end may be away (pause_publication), which is no silence.
#: It is as long as a broken link may take to be made again.
AWAY_TIMEOUT = 120.0

logger = logging.getLogger(__name__)


class Phase:
    """Where a tunnel is, in words for the log."""

    STARTING = "starting the session"
    DIALLING = "connecting to the gateway"
    RUNNING = "running"
    DRAINING = "delivering what is left"
    CLOSING = "closing"
    DONE = "done"


class Ending:
    """The end of a tunnel, from its first cause on; until then it knows the phase.

    :param outputs: what is written before the end; there may yet come more of them.
    :param notify: prints a line for the user.
    :param pump: lets what is due leave; called after the first cause.
    :param verdict: is asked at the end of an end that nothing has failed: the error of data
        that may be lost all the same, and whether the user is told; ``None`` if all is well.
    :ivar alarm: of the present phase; an end takes it over.
    :ivar error: what ended it, if anything went wrong.
    """

    def __init__(
        self,
        loop: Loop,
        session: Session,
        connection: Connection,
        channel: DataChannel,
        stdin: Input,
        outputs: list[Output],
        notify: Callable[[str], None],
        pump: Callable[[], None],
        verdict: Callable[[], tuple[ConnectorError, bool] | None],
    ) -> None:
        self.phase = Phase.STARTING
        self.alarm = Alarm(loop)
        self.error: ConnectorError | None = None
        self.bug: BaseException | None = None
        self.exit_code = 0
        self.exited = False  # a command, whose last word its status is
        self.stdin_open = True
        self._loop = loop
        self._session = session
        self._connection = connection
        self._channel = channel
        self._stdin = stdin
        self._outputs = outputs
        self._notify = notify
        self._pump = pump
        self._verdict = verdict
        self._clock = Alarm(loop)  # of the whole end
        self._progress_at = loop.time()
        self._reachable = True
        self._in_flight_seen = 0
        self._lingers_until = 0.0

    @property
    def unwritten(self) -> int:
        """Bytes of output that wait for their readers."""
        return sum(output.pending_bytes for output in self._outputs)

    @property
    def _may_deliver(self) -> bool:
        """Whether the far end may still take input."""
        reachable = self._channel.state == State.OPEN and self._connection.up
        return reachable and not self.exited and self.error is None

    def progressed(self) -> None:
        self._progress_at = self._loop.time()

    def command_exited(self, status: int) -> None:
        """The command has told its exit status, which nothing replaces any more.

        Input that no process can read any more is neither read nor delivered.
        """
        logger.info("the command has exited with status %d", status)
        self.exited = True
        self.stdin_open = False
        self.exit_code = status & 0xFF
        self.progressed()

    def watch_the_rest(self) -> None:
        """stdin or a command has ended, but more may come: go on while something moves."""
        reachable = self._connection.up and not self._channel.paused
        if reachable != self._reachable:
            # The far end says nothing while it is away, and needs its time when it is back.
            self._reachable = reachable
            self.progressed()
        if self._channel.state != State.OPEN or not self._connection.up:
            return
        in_flight = 0 if self.exited else self._channel.in_flight_bytes
        if in_flight != self._in_flight_seen:
            self._in_flight_seen = in_flight
            self.progressed()
        if self.unwritten:
            return  # somebody reads it, however slowly; its progress calls again
        missing = self._channel.output_missing
        done = self.exited or (self._channel.delivered and not missing)
        wait = QUIET_TIMEOUT if done else STALL_TIMEOUT
        if not reachable and not self.exited:
            wait = AWAY_TIMEOUT
        if self._loop.time() < self._progress_at + wait:
            self.alarm.set(self._progress_at + wait, self.watch_the_rest)
        elif wait == AWAY_TIMEOUT:
            self.begin(error=LinkLost("the Dev Environment's agent went away and is not back"))
        elif done:
            logger.info("it has ended, and %.0f s went by without output", QUIET_TIMEOUT)
            self.begin()
        elif missing:
            self.begin(error=LinkLost("a part of the output is lost and was not sent again"))
        else:
            self.begin(error=LinkLost("the last bytes of stdin were not acknowledged"))

    def begin(self, *, error: ConnectorError | None = None, exit_code: int | None = None) -> None:
        """The first cause of an end counts; later ones find it under way."""
        if self.phase in (Phase.DRAINING, Phase.CLOSING, Phase.DONE):
            return
        self.error = error
        if error:
            self._notify(str(error))
        if exit_code is not None and not self.exited:
            self.exit_code = exit_code
        self.alarm.cancel()
        self._connection.give_up_reconnecting()
        if self.phase == Phase.STARTING:
            # A session may yet come of it, and must be stopped.
            self._close_session()
            if self._session.abandon_start():
                self.finish()
            return
        self.phase = Phase.DRAINING
        if self._may_deliver:
            self.hurry()
            if self.stdin_open:
                self._stdin.take_rest()
        self._pump()

    def hurry(self) -> None:
        """From here it takes END_TIMEOUT at most.

        Where the far end is gone already there is no hurry: what it sent is written for
        as long as somebody reads it.
        """
        if self._clock.when is None and self.phase != Phase.DONE:
            now = self._loop.time()
            self._clock.set(now + END_TIMEOUT, self.finish)
            if self.phase == Phase.DRAINING:
                self.alarm.set(now + DRAIN_TIMEOUT, self._drained)

    def linger(self) -> None:
        """Before :meth:`begin`: let the local program hang up within LEAVE_TIMEOUT."""
        self._lingers_until = self._loop.time() + LEAVE_TIMEOUT

    def stop_lingering(self) -> None:
        """The local program has left."""
        self._lingers_until = 0.0
        self.drain()

    def drain(self) -> None:
        """Go on to close once all that can still be delivered is."""
        if self.phase != Phase.DRAINING or self.unwritten:
            return
        if self._loop.time() < self._lingers_until:
            self.alarm.set(self._lingers_until, self.drain)
        elif not self._may_deliver:
            self._drained()
        elif self._channel.paused and self._channel.delivered:
            self._drained()  # the far end is away: there is nobody to be told
        elif self._channel.terminating and self.alarm.when is not None:
            # All is delivered and the flag is out: channel_closed follows in a moment.
            limit = self._loop.time() + CLOSED_TIMEOUT
            if self.alarm.when > limit:
                self.alarm.set(limit, self._drained)

    def _drained(self) -> None:
        if self.phase != Phase.DRAINING:
            return
        if self._channel.linked:
            # Delivered or not: a service that hears us should know how it ends.
            self._channel.terminate()
            self._connection.send_messages(self._channel.messages_to_send(self._loop.time()))
        self._close_session()

    def _close_session(self) -> None:
        self.phase = Phase.CLOSING
        self.alarm.cancel()
        self.hurry()
        self._stdin.set_wanted(0)
        self._connection.close(CLOSE_TIMEOUT)
        if self._session.access:
            self.stop_session()

    def stop_session(self) -> None:
        deadline = self._clock.when or self._loop.time()
        timeout = max(0.5, deadline - self._loop.time() - 0.1)
        self._session.stop(timeout, self.finish)

    def far_end_failed(self, error: ConnectorError) -> None:
        """End because the far end or the way to it failed.

        A command that has told its exit status needs neither any more: the status was its
        last message, so all of its output has arrived.
        """
        self.begin(error=None if self.exited else error)

    def fault(self, error: BaseException) -> None:
        """End for an error that came out of a thread."""
        if isinstance(error, ConnectorError):
            self.far_end_failed(error)
        else:
            self.bug = error
            self.begin()

    def finish(self) -> None:
        """Call the end good or not, and release everything."""
        if self.phase == Phase.DONE:
            return
        if self.error is None and self.bug is None and (verdict := self._verdict()):
            self.error, told = verdict
            if told:
                self._notify(str(self.error))
            else:
                logger.info("%s", self.error)
        self.release()

    def release(self) -> None:
        """Close everything at once, without a word."""
        if self.phase == Phase.DONE:
            return
        self.phase = Phase.DONE
        self.alarm.cancel()
        self._clock.cancel()
        self._connection.abort()
        self._stdin.close()
        for output in self._outputs:
            output.close()
        logger.info("%s", self._channel.stats)
