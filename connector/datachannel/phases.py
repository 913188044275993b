"""The phases of a data channel's client, and every transition between them, as tables.

Rules of this file:

- Whatever decides how far a channel is stands here. :class:`~.channel.DataChannel` holds one
  phase of each table, tells the tables what happened, and then does what the new phase needs.
- The tables know neither messages nor time. A message, an ack or an expired deadline reaches
  them as an event, which has a name and nothing else.

Three things about a channel change independently of each other, so there are three tables: the
session, the link and the input.

The session
===========

The client must know one thing about the session: *when may input leave?* Too early is fatal. The
agent acks input that arrives before its handshake is complete, and throws it away; no
retransmission brings it back. But the agent announces its readiness in several ways, and
sometimes not at all:

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
6. A handshake may ask for nothing. An agent that sends such a request may not send
   HandshakeComplete; the ack of the client's response is then its last word: IDLE_HANDSHAKE ->
   PRESUMED_IDLE. HandshakeComplete may still follow, from there on and even after the deadline.
   This is why three phases exist twice, the second time with ``_IDLE`` or ``_UNFINISHED``: in
   those the table admits a HandshakeComplete, in their twins it is a fault of the agent.
7. A command may end without having printed anything. The agent then says that it leaves, and the
   session has been open: SILENT or ASKING -> UNPROVEN. In all other phases this means nothing.
8. Output may arrive although a handshake is not complete. The order of messages is certain, so
   the agent will not send HandshakeComplete first; output proves that the session is open:
   HANDSHAKE -> STREAMING_UNFINISHED.

The link
========

A session outlives its links. A link is DOWN, UP or PAUSED: after ``pause_publication`` the agent
is away, and only acks leave. Any message that the agent itself sends ends the pause.

The input
=========

Input is ACCEPTED until the caller ends it. Then the client waits until all of it is acked
(DRAINING), or does not wait (HURRIED), and sends the TerminateSession flag (TERMINATED).

A pair of phase and event that a table lacks is an error. For the events in :data:`AGENT_EVENTS`
it is the agent's, and ends the session; for all others it is a bug of ours.
"""

from __future__ import annotations

from collections.abc import Mapping

from ..errors import LocalProtocolError, RemoteProtocolError


class State:
    """What a caller needs to know of a session's phase."""

    OPENING = "opening"  # no stream bytes yet: handshake, or not even a link
    OPEN = "open"
    CLOSED = "closed"  # the service closed the channel, or the channel failed


class Session:
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


class Link:
    """The phases of a link."""

    DOWN = "down"
    UP = "up"
    PAUSED = "paused"  # the agent is away: only acks are sent


class Input:
    """The phases of the input."""

    ACCEPTED = "accepted"
    DRAINING = "draining"  # the input has ended; the flag follows once all of it is acked
    HURRIED = "hurried"  # the input has ended; the flag leaves without waiting for acks
    TERMINATED = "terminated"  # the TerminateSession flag is queued or sent


class Event:
    """What changes a phase."""

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

#: Ends of a session, possible in every phase but the two that they lead to.
_ENDS = {Event.CHANNEL_CLOSED: Session.CLOSED, Event.FAILURE: Session.FAILED}

#: A handshake that begins; possible before input may have left.
_BEGINNINGS = {
    Event.HANDSHAKE_REQUEST: Session.HANDSHAKE,
    Event.IDLE_REQUEST: Session.IDLE_HANDSHAKE,
}

SESSION: Table = {
    Session.SILENT: {
        **_BEGINNINGS,
        Event.FIRST_OUTPUT: Session.STREAMING,
        Event.SIZE_SENT: Session.ASKING,
        Event.AGENT_LEAVES: Session.UNPROVEN,
        **_ENDS,
    },
    Session.ASKING: {
        **_BEGINNINGS,
        Event.FIRST_OUTPUT: Session.STREAMING,
        Event.OPENING_ACK: Session.PRESUMED,
        Event.AGENT_LEAVES: Session.UNPROVEN,
        **_ENDS,
    },
    Session.HANDSHAKE: {
        Event.HANDSHAKE_COMPLETE: Session.HELD,
        Event.FIRST_OUTPUT: Session.STREAMING_UNFINISHED,
        **_ENDS,
    },
    Session.IDLE_HANDSHAKE: {
        Event.HANDSHAKE_COMPLETE: Session.HELD,
        Event.FIRST_OUTPUT: Session.STREAMING_UNFINISHED,
        Event.OPENING_ACK: Session.PRESUMED_IDLE,
        **_ENDS,
    },
    Session.HELD: {
        Event.FIRST_OUTPUT: Session.STREAMING,
        Event.HOLD_EXPIRED: Session.UNPROVEN,
        **_ENDS,
    },
    Session.PRESUMED: {
        **_BEGINNINGS,
        Event.FIRST_OUTPUT: Session.STREAMING,
        Event.HOLD_EXPIRED: Session.UNPROVEN,
        **_ENDS,
    },
    Session.PRESUMED_IDLE: {
        Event.HANDSHAKE_COMPLETE: Session.HELD,
        Event.FIRST_OUTPUT: Session.STREAMING_UNFINISHED,
        Event.HOLD_EXPIRED: Session.UNPROVEN_IDLE,
        **_ENDS,
    },
    Session.UNPROVEN: {
        Event.FIRST_OUTPUT: Session.STREAMING,
        **_ENDS,
    },
    Session.UNPROVEN_IDLE: {
        Event.HANDSHAKE_COMPLETE: Session.HELD,
        Event.FIRST_OUTPUT: Session.STREAMING_UNFINISHED,
        **_ENDS,
    },
    Session.STREAMING: _ENDS,
    Session.STREAMING_UNFINISHED: {
        Event.HANDSHAKE_COMPLETE: Session.STREAMING,
        **_ENDS,
    },
    Session.CLOSED: {},
    Session.FAILED: {},
}

LINK: Table = {
    Link.DOWN: {
        Event.CONNECTED: Link.UP,
        Event.LOST: Link.DOWN,
        Event.PAUSE: Link.DOWN,
        Event.RESUME: Link.DOWN,
    },
    Link.UP: {Event.LOST: Link.DOWN, Event.PAUSE: Link.PAUSED, Event.RESUME: Link.UP},
    Link.PAUSED: {Event.LOST: Link.DOWN, Event.PAUSE: Link.PAUSED, Event.RESUME: Link.UP},
}

INPUT: Table = {
    Input.ACCEPTED: {
        Event.INPUT_ENDED: Input.DRAINING,
        Event.TERMINATION_ASKED: Input.HURRIED,
    },
    Input.DRAINING: {
        Event.INPUT_ENDED: Input.DRAINING,
        Event.TERMINATION_ASKED: Input.HURRIED,
        Event.FLAG_QUEUED: Input.TERMINATED,
    },
    Input.HURRIED: {
        Event.INPUT_ENDED: Input.HURRIED,
        Event.TERMINATION_ASKED: Input.HURRIED,
        Event.FLAG_QUEUED: Input.TERMINATED,
    },
    Input.TERMINATED: {
        Event.INPUT_ENDED: Input.TERMINATED,
        Event.TERMINATION_ASKED: Input.TERMINATED,
    },
}

#: Events that the agent may cause in a phase in which it must not.
AGENT_EVENTS = frozenset({Event.HANDSHAKE_REQUEST, Event.IDLE_REQUEST, Event.HANDSHAKE_COMPLETE})

#: Phases of a handshake that is not complete.
HANDSHAKES = frozenset({Session.HANDSHAKE, Session.IDLE_HANDSHAKE})

_OPENING = HANDSHAKES | {Session.SILENT, Session.ASKING}
_ENDED = frozenset({Session.CLOSED, Session.FAILED})

#: Phases in which output has arrived.
PROVEN = frozenset({Session.STREAMING, Session.STREAMING_UNFINISHED})

#: Phases in which input may leave.
RELEASED = PROVEN | {Session.UNPROVEN, Session.UNPROVEN_IDLE}


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
    if event == Event.HANDSHAKE_COMPLETE:
        raise RemoteProtocolError("the agent ended a handshake that it had not begun")
    if event in AGENT_EVENTS:
        raise RemoteProtocolError("the agent asked for a second handshake")
    if event == Event.CONNECTED:
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
