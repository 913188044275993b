"""How an emulated agent behaves: the real one's habits and vices, each with its switch."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from ...datachannel.payloads import ClientAction


class ExecuteAs(Enum):
    """The session that a command of CodeCatalyst's API becomes.

    Which of the agent's it is at AWS is not known. That it is ``INTERACTIVE`` is a guess with
    two grounds: JetBrains Gateway runs ``test -d ... && echo true`` and looks for the word,
    as one does where no exit status is told; and "execute command" is what ECS calls the
    same, which knows InteractiveCommands alone.
    """

    INTERACTIVE = "interactive"  # InteractiveCommands
    JOINED = "joined"  # NonInteractiveCommands
    SEPARATE = "separate"  # the same with separateOutputStream


@dataclass(frozen=True)
class AgentBehaviour:
    """The habits of amazon-ssm-agent 3.3; the defaults are the real one's, as measured.

    All times are in seconds.
    """

    #: The most payload bytes of one output message.
    message_size: int = 1024
    #: The pause after each output message; 0 sends as fast as the link takes.
    message_interval: float = 0.001
    #: How many unacknowledged messages stop new output; the real one knows no such window.
    window: int | None = None
    #: When the link comes back, resend all that is unacknowledged at once. The real one
    #: leaves it to its tick, which resends one message in 100 ms.
    resend_all_on_start: bool = False

    #: Shake hands in sessions of all types. The real one does not in those on a terminal.
    always_shakes_hands: bool = False
    #: The key that sessions are to be encrypted with; asked of the client in a handshake, in
    #: sessions of all types but ``Port``. No such session comes about: there is no KMS here.
    kms_key_id: str | None = None
    #: Asked of the client besides ``SessionType``.
    extra_actions: tuple[ClientAction, ...] = ()
    #: For a person; comes with HandshakeComplete.
    customer_message: str = ""
    handshake_timeout: float = 15.0
    #: HandshakeComplete goes out before the acknowledge of the response, not after it.
    #: Which is first is a coin toss with the real one.
    complete_before_ack: bool = False
    #: Input that arrives before the end of the handshake, or in ``complete_gap`` after it, is
    #: acknowledged and thrown away. Otherwise it is not acknowledged, and comes again.
    drops_early_input: bool = True
    #: Input that arrives so soon after HandshakeComplete is acknowledged and thrown away:
    #: the real one first sends the message and then notes that the handshake is over.
    complete_gap: float = 0.0005
    #: The shortest and longest time to connect to the port, or to start a process; input that
    #: is next in order is not acknowledged meanwhile.
    dial_delay: tuple[float, float] = (0.002, 0.008)

    #: What a session with a command is.
    execute_as: ExecuteAs = ExecuteAs.INTERACTIVE
    #: A terminal is not read for so long after its process has started; its input is taken.
    first_output_delay: float = 1.0
    #: Output of shells and commands is taken for UTF-8, which is not good for other bytes: see
    #: :class:`~connector.emulator.agent.text.TextStream`.
    treats_output_as_text: bool = True
    #: The flag TerminateSession ends sessions of all types. The real one acknowledges it and
    #: does nothing, but in those of type ``Port``.
    always_obeys_flags: bool = False

    #: The worker dies of a port that refuses, and its reason stays in its log. Otherwise the
    #: client is told it.
    dies_of_refused_port: bool = True

    #: The tick resends the oldest unacknowledged message only; otherwise all that are overdue.
    resends_oldest_only: bool = True
    #: How often, and for how long, an output message is sent but not yet noted as
    #: unacknowledged: an acknowledge in that time is forgotten, and the message comes again.
    late_record_probability: float = 0.014
    late_record_delay: float = 0.002
    #: How many messages ahead of the expected one are held.
    reorder_capacity: int = 100_000

    #: The real one mostly ends before it acknowledges the flag that ended it.
    acks_terminate: bool = False
    #: How long an ending session waits for its output to be acknowledged.
    drain_timeout: float = 2.0
    #: From there to the service's channel_closed.
    close_delay: float = 0.004


#: The published agent.
REAL = AgentBehaviour()

#: A well-behaved agent that is as fast as it can be, to measure the other end with.
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
