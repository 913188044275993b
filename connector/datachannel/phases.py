"""The phases of a data channel's client, and every transition between them, as tables.

Two rules hold for this file:

- All transitions are here. :class:`~.progress.Progress` holds the phase of the session, and
  :class:`~.channel.DataChannel` those of link and input. They look up the next phase first, and
  then do what that phase needs.
- The tables know neither messages nor time. A message, an ack or an expired deadline is an event
  for them: a name and nothing else.

Session, link and input change independently of each other, so there are three tables.

The session
===========

The client must know one thing about the session: *when may input leave?* Too early is fatal. The
agent acks input that arrives before its handshake is complete, and drops it; no retransmission
brings it back. But the agent announces its readiness in several ways, and sometimes not at all:

1. Sessions that lead to a port, and commands on pipes, begin with a handshake. The agent sends
   HandshakeRequest, the client answers, the agent sends HandshakeComplete: SILENT -> HANDSHAKE ->
   HELD.
2. The agent notes *after* it has sent HandshakeComplete that the handshake is complete. Input
   that arrives within that fraction of a millisecond is lost. Only the first output proves that
   the agent takes input. So input is HELD until then: HELD -> STREAMING.
3. Some sessions say nothing until the client speaks. So the wait has a deadline, after which
   input leaves on trial: HELD -> UNPROVEN. The agent may refuse that input (it does not ack it),
   so the client retransmits early, until the first output or the first ack.
4. Shells and commands on a terminal have no handshake. Their first output opens the session:
   SILENT -> STREAMING.
5. Such a command may print nothing. After a deadline the client sends the size of its terminal
   into the silence: SILENT -> ASKING. An agent without a handshake acks that message; the ack is
   its first sign of life: ASKING -> PRESUMED. It is a weak sign, since an agent that is about to
   begin a handshake acks too. So input is still held, for longer than in HELD, and a handshake
   may still begin: PRESUMED -> HANDSHAKE.
6. A handshake may ask for nothing. Some agents end such a handshake without HandshakeComplete;
   the ack of the client's response is their last message: IDLE_HANDSHAKE -> PRESUMED_IDLE.
   HandshakeComplete may still follow, even after the deadline. So three phases have a twin named
   ``_IDLE`` or ``_UNFINISHED``. The twin accepts a HandshakeComplete; in the phase itself it is a
   fault of the agent.
7. Output may arrive before HandshakeComplete. Messages are processed in order, so the agent has
   skipped HandshakeComplete. Output still proves that the session is open: HANDSHAKE ->
   STREAMING_UNFINISHED.
8. A command may end without having printed anything. The agent then announces that it leaves,
   which proves that the session was open: SILENT or ASKING -> UNPROVEN. In all other phases the
   announcement changes nothing.

The link
========

A session outlives its links. A link is DOWN, UP or PAUSED. After ``pause_publication`` the agent
is away, and only acks leave. Any message of the agent ends the pause.

The input
=========

Input is ACCEPTED until the caller ends it. Then the client waits until all of it is acked
(DRAINING), or does not wait (FORCED), and sends the TerminateSession flag (TERMINATED).

An event that a table lacks in some phase is an error there. If it is one of :data:`AGENT_EVENTS`,
the agent broke the protocol, and the session fails. Otherwise our code has a bug.
"""

from __future__ import annotations

from collections.abc import Mapping

from ..errors import LocalProtocolError, RemoteProtocolError


class State:
    """A session's phase in brief, for the caller."""

    OPENING = "opening"  # no stream bytes yet: handshake, or not even a link
    OPEN = "open"
    CLOSED = "closed"  # the service closed the channel, or the channel failed


class SessionPhase:
    """The phases of a session."""

    SILENT = "silent"  # the agent has sent nothing
    ASKING = "asking"  # the same; the client has sent its terminal's size into the silence
    HANDSHAKE = "handshake"  # the response is queued; HandshakeComplete must follow
    IDLE_HANDSHAKE = "idle handshake"  # the same, for a request that asked for nothing
    HELD = "held"  # open; input waits for the first output or a deadline
    PRESUMED = "presumed"  # open since an ack, without a handshake; input waits as in HELD
    PRESUMED_IDLE = "presumed, idle"  # open since the ack of an idle response; input waits
    UNPROVEN = "unproven"  # open; no output came until the deadline, input leaves on trial
    UNPROVEN_IDLE = "unproven, idle"  # the same; HandshakeComplete may still come
    STREAMING = "streaming"  # open; output proves that the agent takes input
    STREAMING_UNFINISHED = "streaming, unfinished"  # the same; HandshakeComplete may still come
    CLOSED = "closed"  # the service closed the channel
    FAILED = "failed"  # the agent broke the protocol, or the client cannot do what it asks


class LinkPhase:
    """The phases of a link."""

    DOWN = "down"
    UP = "up"
    PAUSED = "paused"  # the agent is away: only acks are sent


class InputPhase:
    """The phases of the input."""

    ACCEPTED = "accepted"
    DRAINING = "draining"  # the input has ended; the flag follows once all of it is acked
    FORCED = "forced"  # the input has ended; the flag leaves without waiting for acks
    TERMINATED = "terminated"  # the TerminateSession flag is queued or sent


class Trigger:
    """The events of the tables, in words for people."""

    # Session.
    HANDSHAKE_REQUEST = "HandshakeRequest arrives"
    IDLE_REQUEST = "HandshakeRequest without actions arrives"
    HANDSHAKE_COMPLETE = "HandshakeComplete arrives"
    FIRST_OUTPUT = "the first output arrives"
    SIZE_SENT = "the silence deadline expires; the size is sent"
    OPENING_ACK = "the ack of the size or of an idle response arrives"
    HOLD_EXPIRED = "the hold deadline expires"
    AGENT_LEAVES = "agent_session_state Terminating arrives"
    CHANNEL_CLOSED = "channel_closed arrives"
    FAILURE = "the channel fails"
    # Link.
    CONNECTED = "a link is made"
    LOST = "the link is lost"
    PAUSE = "pause_publication arrives"
    RESUME = "start_publication or a message of the agent arrives"
    # Input.
    INPUT_ENDED = "the input ends"
    TERMINATION_ASKED = "the caller asks for the end"
    FLAG_QUEUED = "the TerminateSession flag is queued"


Table = Mapping[str, Mapping[str, str]]

#: The ends of a session, possible in every phase except the two last ones.
_ENDS = {Trigger.CHANNEL_CLOSED: SessionPhase.CLOSED, Trigger.FAILURE: SessionPhase.FAILED}

#: The beginnings of a handshake, possible as long as no input has left.
_BEGINNINGS = {
    Trigger.HANDSHAKE_REQUEST: SessionPhase.HANDSHAKE,
    Trigger.IDLE_REQUEST: SessionPhase.IDLE_HANDSHAKE,
}

SESSION: Table = {
    SessionPhase.SILENT: {
        **_BEGINNINGS,
        Trigger.FIRST_OUTPUT: SessionPhase.STREAMING,
        Trigger.SIZE_SENT: SessionPhase.ASKING,
        Trigger.AGENT_LEAVES: SessionPhase.UNPROVEN,
        **_ENDS,
    },
    SessionPhase.ASKING: {
        **_BEGINNINGS,
        Trigger.FIRST_OUTPUT: SessionPhase.STREAMING,
        Trigger.OPENING_ACK: SessionPhase.PRESUMED,
        Trigger.AGENT_LEAVES: SessionPhase.UNPROVEN,
        **_ENDS,
    },
    SessionPhase.HANDSHAKE: {
        Trigger.HANDSHAKE_COMPLETE: SessionPhase.HELD,
        Trigger.FIRST_OUTPUT: SessionPhase.STREAMING_UNFINISHED,
        **_ENDS,
    },
    SessionPhase.IDLE_HANDSHAKE: {
        Trigger.HANDSHAKE_COMPLETE: SessionPhase.HELD,
        Trigger.FIRST_OUTPUT: SessionPhase.STREAMING_UNFINISHED,
        Trigger.OPENING_ACK: SessionPhase.PRESUMED_IDLE,
        **_ENDS,
    },
    SessionPhase.HELD: {
        Trigger.FIRST_OUTPUT: SessionPhase.STREAMING,
        Trigger.HOLD_EXPIRED: SessionPhase.UNPROVEN,
        **_ENDS,
    },
    SessionPhase.PRESUMED: {
        **_BEGINNINGS,
        Trigger.FIRST_OUTPUT: SessionPhase.STREAMING,
        Trigger.HOLD_EXPIRED: SessionPhase.UNPROVEN,
        **_ENDS,
    },
    SessionPhase.PRESUMED_IDLE: {
        Trigger.HANDSHAKE_COMPLETE: SessionPhase.HELD,
        Trigger.FIRST_OUTPUT: SessionPhase.STREAMING_UNFINISHED,
        Trigger.HOLD_EXPIRED: SessionPhase.UNPROVEN_IDLE,
        **_ENDS,
    },
    SessionPhase.UNPROVEN: {
        Trigger.FIRST_OUTPUT: SessionPhase.STREAMING,
        **_ENDS,
    },
    SessionPhase.UNPROVEN_IDLE: {
        Trigger.HANDSHAKE_COMPLETE: SessionPhase.HELD,
        Trigger.FIRST_OUTPUT: SessionPhase.STREAMING_UNFINISHED,
        **_ENDS,
    },
    SessionPhase.STREAMING: _ENDS,
    SessionPhase.STREAMING_UNFINISHED: {
        Trigger.HANDSHAKE_COMPLETE: SessionPhase.STREAMING,
        **_ENDS,
    },
    SessionPhase.CLOSED: {},
    SessionPhase.FAILED: {},
}

LINK: Table = {
    LinkPhase.DOWN: {
        Trigger.CONNECTED: LinkPhase.UP,
        Trigger.LOST: LinkPhase.DOWN,
        Trigger.PAUSE: LinkPhase.DOWN,
        Trigger.RESUME: LinkPhase.DOWN,
    },
    LinkPhase.UP: {
        Trigger.LOST: LinkPhase.DOWN,
        Trigger.PAUSE: LinkPhase.PAUSED,
        Trigger.RESUME: LinkPhase.UP,
    },
    LinkPhase.PAUSED: {
        Trigger.LOST: LinkPhase.DOWN,
        Trigger.PAUSE: LinkPhase.PAUSED,
        Trigger.RESUME: LinkPhase.UP,
    },
}

INPUT: Table = {
    InputPhase.ACCEPTED: {
        Trigger.INPUT_ENDED: InputPhase.DRAINING,
        Trigger.TERMINATION_ASKED: InputPhase.FORCED,
    },
    InputPhase.DRAINING: {
        Trigger.INPUT_ENDED: InputPhase.DRAINING,
        Trigger.TERMINATION_ASKED: InputPhase.FORCED,
        Trigger.FLAG_QUEUED: InputPhase.TERMINATED,
    },
    InputPhase.FORCED: {
        Trigger.INPUT_ENDED: InputPhase.FORCED,
        Trigger.TERMINATION_ASKED: InputPhase.FORCED,
        Trigger.FLAG_QUEUED: InputPhase.TERMINATED,
    },
    InputPhase.TERMINATED: {
        Trigger.INPUT_ENDED: InputPhase.TERMINATED,
        Trigger.TERMINATION_ASKED: InputPhase.TERMINATED,
    },
}

#: Events that the agent may cause in a phase in which it must not.
AGENT_EVENTS = frozenset(
    {Trigger.HANDSHAKE_REQUEST, Trigger.IDLE_REQUEST, Trigger.HANDSHAKE_COMPLETE}
)

#: Phases of a handshake that is not complete.
HANDSHAKES = frozenset({SessionPhase.HANDSHAKE, SessionPhase.IDLE_HANDSHAKE})

_OPENING = HANDSHAKES | {SessionPhase.SILENT, SessionPhase.ASKING}
_ENDED = frozenset({SessionPhase.CLOSED, SessionPhase.FAILED})

#: Phases in which output has arrived.
PROVEN = frozenset({SessionPhase.STREAMING, SessionPhase.STREAMING_UNFINISHED})

#: Phases in which input may leave.
RELEASED = PROVEN | {SessionPhase.UNPROVEN, SessionPhase.UNPROVEN_IDLE}


def state_of(phase: str) -> str:
    """Return the :class:`State` that a session's phase belongs to."""
    if phase in _OPENING:
        return State.OPENING
    return State.CLOSED if phase in _ENDED else State.OPEN


def after(table: Table, phase: str, event: str) -> str:
    """Return the phase that follows an event.

    :raises RemoteProtocolError: if the agent must not do this in that phase.
    :raises LocalProtocolError: if the table lacks the transition, which is a bug of ours.
    """
    following = table[phase].get(event)
    if following is not None:
        return following
    if event == Trigger.HANDSHAKE_COMPLETE:
        raise RemoteProtocolError("the agent ended a handshake that it had not begun")
    if event in AGENT_EVENTS:
        raise RemoteProtocolError("the agent asked for a second handshake")
    if event == Trigger.CONNECTED:
        raise LocalProtocolError("a second link was made while the first is up")
    raise LocalProtocolError(f"the data channel does not expect in phase {phase!r} that {event}")


def as_markdown(table: Table) -> str:
    """Return a table as Markdown, a row a transition: the phase, the event, the next phase."""
    rows = [
        f"| {phase} | {event} | {following} |"
        for phase, transitions in table.items()
        for event, following in transitions.items()
    ]
    return "\n".join(("| phase | event | next phase |", "|---|---|---|", *rows, ""))
