"""How far a session is: its phase, and what moves it on.

This is the part of :class:`~.channel.DataChannel` that decides when input may leave. The theory
and the transitions are in :mod:`.phases`.
"""

from __future__ import annotations

from . import payloads, phases
from .events import SessionOpened
from .handshake import answer_handshake
from .messages import PayloadType
from .phases import SessionPhase, State, Trigger
from .streams import StreamSender
from .window import Window

#: Seconds after HandshakeComplete during which input waits for the first output. The agent acks
#: and drops input that arrives a fraction of a millisecond too early, and takes 2 to 80 ms to
#: connect to the port.
FIRST_OUTPUT_GRACE = 0.25

#: The same after an ack that opened the session. A handshake may still begin; an agent that is
#: about to begin one has done so by then.
SILENT_START_GRACE = 0.5

#: Seconds of silence on a new link after which the size is sent unasked. The published agent
#: sends its first output after one second if there is no handshake. It does not ack input that
#: arrives before its command reads.
SILENCE = 2.0


class Progress:
    """The phase of one session.

    :param sender: takes the messages that a phase makes due.
    :param window: the size of the terminal, which may break the silence.
    :ivar phase: one of :class:`~.phases.SessionPhase`.
    :ivar state: the phase in brief, one of :class:`~.phases.State`.
    :ivar proven: whether output has arrived, which proves that the agent takes input.
    :ivar released: whether input may leave.
    """

    def __init__(self, sender: StreamSender, window: Window, first_output_grace: float) -> None:
        self.phase = SessionPhase.SILENT
        # Read for every message, so they are looked up only after a transition.
        self.state = State.OPENING
        self.proven = False
        self.released = False
        self._sender = sender
        self._window = window
        self._first_output_grace = first_output_grace
        self._session_type: str | None = None
        self._deadline: float | None = None
        # The number of our message whose ack alone opens the session in the present phase.
        self._opening_number: int | None = None

    def advance(self, event: str, deadline: float | None = None) -> None:
        """Move to the phase that follows an event.

        :param deadline: when the new phase ends by itself, if it does.
        :raises RemoteProtocolError: if the agent must not do this in the present phase.
        """
        self.phase = phases.after(phases.SESSION, self.phase, event)
        self.state = phases.state_of(self.phase)
        self.proven = self.phase in phases.PROVEN
        self.released = self.phase in phases.RELEASED
        self._deadline = deadline
        self._opening_number = None

    def link_made(self, now: float) -> None:
        """Start the deadline of the silence, if the agent has sent nothing yet."""
        if self.phase == SessionPhase.SILENT and self._window.due is not None:
            self._deadline = now + SILENCE

    def get_timer(self, *, input_waits: bool) -> float | None:
        """Return when :meth:`check_deadline` has something to do, or ``None``.

        :param input_waits: whether anything waits for the release of input. Without that, a
            release needs no timer.
        """
        return self._deadline if input_waits or self.phase == SessionPhase.SILENT else None

    def check_deadline(self, now: float, *, input_leaves: bool) -> None:
        """Leave the present phase if its deadline has expired.

        :param input_leaves: whether input leaves as soon as it is released.
        """
        if self._deadline is None or self._deadline > now:
            return
        if self.phase == SessionPhase.SILENT:
            self.advance(Trigger.SIZE_SENT)
            self._opening_number = self._window.send(self._sender)
            return
        self.advance(Trigger.HOLD_EXPIRED)
        if input_leaves:
            # The agent may still refuse that input, and must get it again soon.
            self._sender.recovery.start_early_retransmits(self._sender.next_seq)

    # What the agent sends. A method returns an event if the session opens.

    def first_output(self) -> SessionOpened | None:
        """Note that output has arrived, in its turn."""
        opens = self.state == State.OPENING
        self.advance(Trigger.FIRST_OUTPUT)
        self._sender.recovery.stop_early_retransmits()
        return SessionOpened(self._session_type, "") if opens else None

    def handshake_request(self, payload: bytes) -> None:
        """Answer a HandshakeRequest.

        :raises ConnectorError: if the client cannot do what the agent asks. The response, which
            says so, is queued nevertheless.
        """
        request = payloads.parse_handshake_request(payload)
        self.advance(Trigger.HANDSHAKE_REQUEST if request.actions else Trigger.IDLE_REQUEST)
        self._window.send_again()
        answer = answer_handshake(request)
        self._session_type = answer.session_type
        number = self._sender.queue_control(PayloadType.HANDSHAKE_RESPONSE, answer.response)
        if not request.actions:
            self._opening_number = number
        if answer.error:
            raise answer.error

    def handshake_complete(self, payload: bytes, now: float) -> SessionOpened:
        """Open the session at HandshakeComplete."""
        complete = payloads.parse_handshake_complete(payload)
        deadline = None if self.proven else now + self._first_output_grace
        self.advance(Trigger.HANDSHAKE_COMPLETE, deadline)
        self._window.session_known(self._session_type)
        return SessionOpened(self._session_type, complete.customer_message)

    def acked(self, sequence_number: int, now: float) -> SessionOpened | None:
        """Note that the agent has acked a message of ours."""
        if sequence_number != self._opening_number:
            return None
        self.advance(Trigger.OPENING_ACK, now + SILENT_START_GRACE)
        return SessionOpened(None, "")

    def agent_leaves(self) -> SessionOpened | None:
        """Open a silent session whose agent is about to leave: its command printed nothing."""
        if Trigger.AGENT_LEAVES not in phases.SESSION[self.phase]:
            return None
        self.advance(Trigger.AGENT_LEAVES)
        return SessionOpened(None, "")
