"""How an emulated agent behaves: every habit and fault of the real one, each with a switch."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from ...datachannel.payloads import ClientAction


class ExecuteAs(Enum):
    """The plugin that runs the command of a session.

    Which plugin AWS uses for a service's "execute command" is not known. ``INTERACTIVE`` is a
    guess for two reasons. JetBrains Gateway runs ``test -d ... && echo true`` and looks for the
    word, which is needed only where the exit status is not reported. And ECS, which has an
    operation of that name, uses InteractiveCommands only.
    """

    INTERACTIVE = "interactive"  # InteractiveCommands
    JOINED = "joined"  # NonInteractiveCommands
    SEPARATE = "separate"  # NonInteractiveCommands with separateOutputStream


@dataclass(frozen=True)
class AgentBehaviour:
    """The habits of amazon-ssm-agent 3.3. The defaults are measured at the real agent.

    All times are in seconds.
    """

    #: The maximum of payload bytes in an output message.
    message_size: int = 1024
    #: The pause after each output message; 0 sends as fast as the link allows.
    message_interval: float = 0.001
    #: How late a message may be without a longer pause after it. Each real agent is a process of
    #: its own; here one loop serves all, and rounds timers up to milliseconds. With this, many
    #: sessions keep the pace of one.
    makes_up: float = 0.0
    #: The maximum of messages in flight. The real agent has no such window.
    window: int | None = None
    #: Retransmit everything in flight when the client is back. The real agent leaves that to its
    #: tick, which retransmits one message every 100 ms.
    resend_all_on_start: bool = False

    #: Shake hands in sessions of all types. The real agent does not in those on a terminal.
    always_shakes_hands: bool = False
    #: The KMS key for encrypted sessions. The handshake asks the client to use it, in all sessions
    #: but ``Port``. Such a session always fails, because the emulator has no KMS.
    kms_key_id: str | None = None
    #: Actions that the handshake asks for besides ``SessionType``.
    extra_actions: tuple[ClientAction, ...] = ()
    #: Text for a person, in HandshakeComplete.
    customer_message: str = ""
    handshake_timeout: float = 15.0
    #: Send HandshakeComplete before the ack of the response, not after it. The real agent's order
    #: is random.
    complete_before_ack: bool = False
    #: Ack and drop input that arrives before the end of the handshake, or during ``complete_gap``.
    #: Otherwise such input gets no ack, so the client retransmits it.
    drops_early_input: bool = True
    #: The time after HandshakeComplete in which input is still early: the real agent sends the
    #: message first and records the end of the handshake later.
    complete_gap: float = 0.0005
    #: The shortest and longest time to connect to the port or to start a process. Until then the
    #: next input gets no ack.
    dial_delay: tuple[float, float] = (0.002, 0.008)

    #: The plugin of sessions with a command.
    execute_as: ExecuteAs = ExecuteAs.INTERACTIVE
    #: The time after the start of a process in which its terminal is not read, only written.
    first_output_delay: float = 1.0
    #: Treat output of shells and commands as UTF-8, which damages other bytes: see
    #: :class:`~connector.emulator.agent.outbox.TextStream`.
    treats_output_as_text: bool = True
    #: Let the flag TerminateSession end sessions of all types. The real agent acks it and ignores
    #: it in all sessions but ``Port``.
    always_obeys_flags: bool = False

    #: Let the worker die if the port refuses, so that the reason stays in its log. Otherwise the
    #: client gets the reason.
    dies_of_refused_port: bool = True

    #: Retransmit only the oldest message at each tick; otherwise all whose timer has expired.
    resends_oldest_only: bool = True
    #: The chance, and the duration, of a message that is sent but not yet recorded as in flight.
    #: An ack during that time is lost, so the message is retransmitted.
    late_record_probability: float = 0.014
    late_record_delay: float = 0.002
    #: The maximum of messages that are held until the expected one arrives.
    reorder_capacity: int = 100_000

    #: Ack the flag that ends the session. The real agent mostly ends before it does.
    acks_terminate: bool = False
    #: How long an ending session waits for the acks of its output.
    drain_timeout: float = 2.0
    #: The time from there to the service's channel_closed.
    close_delay: float = 0.004


#: The published agent.
REAL = AgentBehaviour()

#: A correct agent at full speed, for measurements of the client.
CLEAN = AgentBehaviour(
    message_interval=0.0,
    window=16_384,
    drops_early_input=False,
    resend_all_on_start=True,
    complete_gap=0.0,
    dial_delay=(0.0, 0.0),
    first_output_delay=0.0,
    treats_output_as_text=False,
    late_record_probability=0.0,
    acks_terminate=True,
    close_delay=0.0,
)
