"""The life of one session as a state machine. It has no socket, no timer and no clock.

    STARTING --access--> CONNECTING --upgrade--> OPENING --handshake--> OPEN
        |                     |                     |                     |
        |                     +---------------------+---------------------+
        |                                         cause
        |                                           |
        |                                       DRAINING   deliver the rest of input and output
        |                                           |
        +----------------cause----------------> CLOSING    close the link, stop the session
                                                    |
                                                  ENDED

A session lives until a *cause* ends it: stdin, a signal, the service, a failure. The first
cause decides the error and the exit code. Causes often race: ssh closes its pipes, sends
SIGHUP, and the server answers its last message by a close, all within a millisecond. So later
causes may still shorten the end (:attr:`Rule.limited`) and excuse what it loses
(:attr:`Rule.judges`).

:class:`~.ending.Ending` does what this module decides: it reports each cause, calls
:meth:`Lifecycle.advance` whenever something has changed or :attr:`Lifecycle.timer` expires, and
acts on each new phase. Every ``now`` is in seconds of one monotonic clock.
"""

from __future__ import annotations

from ..errors import ConnectorError
from ..fast.records import NamedTuple

#: Seconds from the start until the session is open; again from the end of a wait for a target
#: that was not running. VS Code and many scripts give ssh 15 s for the server's greeting, and
#: ssh then gives no reason. This limit is shorter, so that the user reads one.
OPEN_TIMEOUT = 12.0

#: Seconds between two signs of progress during that wait. The source has timeouts of its own;
#: this one is for name resolution, which has none.
PROGRESS_TIMEOUT = 40.0

#: Seconds of OPEN_TIMEOUT that the agent may take once the gateway is reached.
AGENT_TIMEOUT = 8.0

#: Seconds that an end may take in all, and how many of them each step may take.
END_TIMEOUT = 3.0
DRAIN_TIMEOUT = 1.6
CLOSED_TIMEOUT = 0.4

#: Seconds that the local program has to hang up after the service has closed the session and
#: left input without an ack. ssh sends its last message and hangs up within a millisecond, but
#: on a busy machine the service's close may arrive first.
LEAVE_TIMEOUT = 0.4

#: Seconds without output or progress after which a session ends whose stdin has ended. The
#: protocol has no half-close, so the agent cannot say that no more output follows.
QUIET_TIMEOUT = 2.0

#: The same when an ack or a part of the output is missing: then the end is an error.
STALL_TIMEOUT = 3.0

#: Seconds that the agent may be away (pause_publication) after the end of stdin. A broken
#: link may take as long to be restored.
AWAY_TIMEOUT = 120.0


class Phase:
    """A phase of a session's life, in words for the log."""

    STARTING = "starting the session"
    CONNECTING = "connecting to the gateway"
    OPENING = "opening the data channel"
    OPEN = "open"
    DRAINING = "draining"
    CLOSING = "closing"
    ENDED = "ended"


class Cause:
    """A cause that ends a session, in words for the log."""

    HANG_UP = "the local program hung up"
    SIGNAL = "a signal"
    CALLER_CLOSED = "the caller closed the stream"
    READER_GONE = "the reader of stdout left"
    WRITE_FAILED = "stdout cannot be written"
    INPUT_ENDED = "stdin ended"
    STALLED = "the agent stalled after the end of stdin"
    COMMAND_EXITED = "the command exited"
    PEER_CLOSED = "the service closed the session"
    PEER_FAILED = "the data channel or its connection failed"
    NOT_OPENED = "the session did not open in time"
    START_FAILED = "the session could not be started"


#: What a loss of data makes of an end, from the most lenient rule to the strictest: nothing is
#: an error; lost input is one, but the user is not told; every loss is one.
NOTHING, INPUT_SILENTLY, EVERYTHING = range(3)


class Rule(NamedTuple):
    """What a cause does to the end of a session.

    :param delivers: whether the agent still gets the rest of the input, if it is reachable.
    :param local: whether the local program causes the end, which then waits for it no longer.
    :param limited: whether END_TIMEOUT runs from this cause on. Otherwise output is written
        for as long as its reader takes it, unless there is input to deliver.
    :param status_wins: whether a command's exit status outranks the error of this cause.
    :param judges: which losses of data make the end an error.
    """

    delivers: bool
    local: bool
    limited: bool
    status_wins: bool
    judges: int


#: Cause -> its rule.
RULES = {
    #                         delivers, local, limited, status wins, judges
    Cause.HANG_UP: Rule(True, True, True, True, NOTHING),
    Cause.SIGNAL: Rule(True, True, True, True, EVERYTHING),
    Cause.CALLER_CLOSED: Rule(True, True, True, True, EVERYTHING),
    Cause.READER_GONE: Rule(True, True, False, True, INPUT_SILENTLY),
    Cause.WRITE_FAILED: Rule(False, True, False, False, INPUT_SILENTLY),
    Cause.INPUT_ENDED: Rule(True, False, False, True, EVERYTHING),
    Cause.STALLED: Rule(False, False, False, True, EVERYTHING),
    Cause.COMMAND_EXITED: Rule(False, False, False, True, EVERYTHING),
    Cause.PEER_CLOSED: Rule(False, False, False, True, EVERYTHING),
    Cause.PEER_FAILED: Rule(False, False, False, True, EVERYTHING),
    Cause.NOT_OPENED: Rule(False, False, False, True, EVERYTHING),
    Cause.START_FAILED: Rule(False, False, False, True, EVERYTHING),
}

#: Phase -> the phase that a cause leads to. An end that is under way goes on.
NEXT = {
    Phase.STARTING: Phase.CLOSING,  # the start may yet succeed, and that session must be stopped
    Phase.CONNECTING: Phase.DRAINING,
    Phase.OPENING: Phase.DRAINING,
    Phase.OPEN: Phase.DRAINING,
    Phase.DRAINING: Phase.DRAINING,
    Phase.CLOSING: Phase.CLOSING,
    Phase.ENDED: Phase.ENDED,
}

#: The exceptions from NEXT, which do not wait for a session.
NO_SESSION = {
    (Phase.STARTING, Cause.NOT_OPENED): Phase.ENDED,
    (Phase.STARTING, Cause.START_FAILED): Phase.ENDED,
    (Phase.CLOSING, Cause.START_FAILED): Phase.ENDED,
}


class View(NamedTuple):
    """The state of a tunnel's parts at one moment.

    :param channel_open: whether the data channel is open: the agent takes input.
    :param connected: whether there is a link to the gateway.
    :param handshake_begun: whether the agent has asked for a handshake.
    :param paused: whether the agent is away (pause_publication).
    :param terminating: whether the agent was told to end the session.
    :param delivered: whether the agent has acked all input that the channel has accepted.
    :param in_flight: bytes of messages that were sent and not acked.
    :param unacked: bytes of stdin that the agent has not acked, sent or not.
    :param unwritten: bytes of output that wait for their readers.
    :param output_missing: whether there is a gap in the output.
    """

    channel_open: bool
    connected: bool
    handshake_begun: bool
    paused: bool
    terminating: bool
    delivered: bool
    in_flight: int
    unacked: int
    unwritten: int
    output_missing: bool

    @property
    def reachable(self) -> bool:
        """Whether the agent can be sent input."""
        return self.channel_open and self.connected


class Lifecycle:
    """The phase of one session, the causes of its end, and what follows from them.

    :ivar timer: when to call :meth:`advance` at the latest; ``None`` if only events matter.
    :ivar open_by: the time by which the session has to be open.
    :ivar error: the error that ended the session, if any.
    :ivar bug: an exception that is no :class:`ConnectorError`, if one was reported.
    :ivar status: the exit status of the command, once the agent has reported it.
    :ivar input_open: whether stdin may have more input that the agent could use.
    :ivar runs_program: whether the session runs a program rather than leads to a port.
    """

    def __init__(self, now: float, *, runs_program: bool = False) -> None:
        self.phase = Phase.STARTING
        self.timer: float | None = None
        self.open_by = now + OPEN_TIMEOUT
        self.error: ConnectorError | None = None
        self.bug: BaseException | None = None
        self.status: int | None = None
        self.input_open = True
        self.runs_program = runs_program
        self._causes: list[str] = []  # in the order in which they came
        self._signal_code = 0
        self._ending_since = now
        self._end_by: float | None = None
        self._drain_by: float | None = None
        self._progress_at = now
        self._was_present = True  # whether the agent could be heard when last looked at
        self._in_flight_seen = 0

    @property
    def running(self) -> bool:
        """Whether a link was made and no cause has ended the session yet."""
        return self.phase in (Phase.OPENING, Phase.OPEN)

    @property
    def ending(self) -> bool:
        """Whether a cause has ended the session."""
        return self.phase in (Phase.DRAINING, Phase.CLOSING, Phase.ENDED)

    @property
    def takes_input(self) -> bool:
        """Whether input may still be handed to the data channel."""
        return self.phase not in (Phase.CLOSING, Phase.ENDED)

    @property
    def follows_data(self) -> bool:
        """Whether :meth:`advance` has to be called whenever data has moved."""
        if self.phase == Phase.OPEN:
            return not self.input_open
        return self.phase == Phase.DRAINING

    @property
    def exit_code(self) -> int:
        """The exit code of the end. Call :meth:`judge` first."""
        if self.error:
            return self.error.exit_code
        return self._signal_code if self.status is None else self.status

    # From the start to the open session.

    def start_waits(self, waiting: bool, pause: float, now: float) -> None:
        """Extend the time to open the session: its target has yet to start.

        :param waiting: False when the wait is over and the session is asked for.
        :param pause: seconds until the source asks the service again.
        """
        self.open_by = now + pause + (PROGRESS_TIMEOUT if waiting else OPEN_TIMEOUT)

    def session_started(self) -> bool:
        """Return whether the session is wanted. If it is not, it has to be stopped."""
        wanted = self.phase == Phase.STARTING
        if wanted:
            self.phase = Phase.CONNECTING
        return wanted

    def link_made(self, now: float) -> None:
        """The gateway has accepted a link. The agent gets AGENT_TIMEOUT after the first one."""
        if self.phase == Phase.CONNECTING:
            self.phase = Phase.OPENING
            self.open_by = min(self.open_by, now + AGENT_TIMEOUT)

    def session_opened(self, now: float) -> None:
        """The data channel is open."""
        self._progress_at = now
        if self.phase == Phase.OPENING:
            self.phase = Phase.OPEN

    # While it is open.

    def progressed(self, now: float) -> None:
        """Data has moved, in one direction or the other."""
        self._progress_at = now

    def input_ended(self, now: float) -> None:
        """stdin has ended. The session goes on for as long as there may be more output."""
        self.input_open = False
        self._progress_at = now

    def command_exited(self, status: int, now: float) -> None:
        """Note a command's exit status. The command reads no more input."""
        self.status = status & 0xFF
        self.input_ended(now)

    # The end.

    def end(
        self,
        cause: str,
        view: View,
        now: float,
        error: BaseException | None = None,
        exit_code: int = 0,
    ) -> None:
        """Report a cause that ends the session.

        :param error: the reason, if the cause is a failure.
        :param exit_code: the exit code that belongs to a signal.
        """
        rule = RULES[cause]
        self._causes.append(cause)
        if error is not None and not isinstance(error, ConnectorError):
            self.bug = error
        if not self.ending:
            self._ending_since = now
            self._signal_code = exit_code
            excused = rule.status_wins and self.status is not None
            if isinstance(error, ConnectorError) and not excused:
                self.error = error
        self.phase = NO_SESSION.get((self.phase, cause), NEXT[self.phase])
        if rule.limited or self.phase == Phase.CLOSING or self.delivers(view):
            self._limit(now)

    def delivers(self, view: View) -> bool:
        """Return whether the end delivers the rest of the input to the agent."""
        if self.phase != Phase.DRAINING or self.status is not None:
            return False
        return RULES[self._causes[0]].delivers and view.reachable

    def advance(self, view: View, now: float) -> None:
        """Go on to the next phase if it is time, and set :attr:`timer`.

        It goes one phase further at most. Call it again after acting on that phase.
        """
        self.timer = None
        if self._end_by is not None and now >= self._end_by:
            self.phase = Phase.ENDED
        elif self.phase == Phase.OPEN:
            self._watch(view, now)
        elif self.phase == Phase.DRAINING:
            self._drain(view, now)
        elif self.phase == Phase.CLOSING:
            self.timer = self._end_by
        elif self.phase != Phase.ENDED:
            self.timer = self.open_by
            if now >= self.open_by:
                from . import reasons

                silent = reasons.not_opened(self.phase, view.connected, view.handshake_begun)
                self.end(Cause.NOT_OPENED, view, now, silent)

    def session_stopped(self) -> None:
        """The service was told that the session is over, or there is no session to stop."""
        self.phase = Phase.ENDED

    def stop_timeout(self, now: float) -> float:
        """Return the seconds that the call may take which stops the session."""
        return max(0.5, (self._end_by or now) - now - 0.1)

    def judge(self, view: View) -> bool:
        """Make an end that loses data an error; return whether the user is told about it.

        Call it last, since a later cause may excuse the loss.
        """
        if self.error or self.bug or self._signal_code or self.status is not None:
            return False  # it is an error already, or the command's status tells the result
        strictness = min((RULES[cause].judges for cause in self._causes), default=EVERYTHING)
        if strictness == NOTHING:
            return False
        everything = strictness == EVERYTHING
        missing = everything and view.output_missing
        unwritten = view.unwritten if everything else 0
        # What a program reads of its input is its own business, as in a pipe.
        unacked = 0 if self.runs_program else view.unacked
        if missing or unwritten or unacked:
            from . import reasons

            self.error = reasons.lost(missing, unwritten, unacked)
        # Like a program that SIGPIPE ends, fail in silence when the reader has left.
        return everything and self.error is not None

    # Inside.

    def _limit(self, now: float) -> None:
        """Let the end take END_TIMEOUT from now on, unless its limit is set already."""
        if self._end_by is None:
            self._end_by = now + END_TIMEOUT
            if self.phase == Phase.DRAINING:
                self._drain_by = now + DRAIN_TIMEOUT

    def _watch(self, view: View, now: float) -> None:
        """After the end of stdin, end the session once nothing moves any more."""
        if self.input_open:
            return
        exited = self.status is not None
        present = view.connected and not view.paused
        if present != self._was_present:
            # An absent agent is silent, and an agent that returns needs its time.
            self._was_present = present
            self._progress_at = now
        if not view.reachable:
            return
        in_flight = 0 if exited else view.in_flight
        if in_flight != self._in_flight_seen:
            self._in_flight_seen = in_flight
            self._progress_at = now
        if view.unwritten:
            return  # the reader is slow; its progress calls again
        done = exited or (view.delivered and not view.output_missing)
        away = not present and not exited
        limit = AWAY_TIMEOUT if away else QUIET_TIMEOUT if done else STALL_TIMEOUT
        if now < self._progress_at + limit:
            self.timer = self._progress_at + limit
        elif done and not away:
            self.end(Cause.COMMAND_EXITED if exited else Cause.INPUT_ENDED, view, now)
        else:
            from . import reasons

            self.end(Cause.STALLED, view, now, reasons.stalled(away, view.output_missing))

    def _drain(self, view: View, now: float) -> None:
        """Close once all is delivered that can be, or once the time for that is over."""
        if self._drain_by is not None and now >= self._drain_by:
            self._close(now)
            return
        deadlines = [self._end_by, self._drain_by]
        if not view.unwritten:
            if self._lingers(view) and now < self._ending_since + LEAVE_TIMEOUT:
                deadlines.append(self._ending_since + LEAVE_TIMEOUT)
            elif not self.delivers(view) or (view.paused and view.delivered):
                self._close(now)  # there is nothing to wait for, or the agent is away
                return
            elif view.terminating and self._drain_by is not None:
                # The agent has all input and the flag: channel_closed follows in a moment.
                self._drain_by = min(self._drain_by, now + CLOSED_TIMEOUT)
                deadlines.append(self._drain_by)
        self.timer = min((when for when in deadlines if when is not None), default=None)

    def _lingers(self, view: View) -> bool:
        """Return whether the local program may yet hang up and so excuse lost input."""
        if self._causes[0] != Cause.PEER_CLOSED or self.error or self.status is not None:
            return False
        local = any(RULES[cause].local for cause in self._causes)
        return bool(view.unacked) and not self.runs_program and not local

    def _close(self, now: float) -> None:
        self.phase = Phase.CLOSING
        self._limit(now)
        self.timer = self._end_by
