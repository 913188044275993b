"""The agent's plugins, one for each type of session, sans-I/O.

They follow the published agent's sources and recordings of it. ``Port`` and
``NonInteractiveCommands`` shake hands. If the account demands encryption, all plugins but
``Port`` do.
"""

from __future__ import annotations

import json
import shlex
from abc import ABC, abstractmethod
from dataclasses import dataclass
from signal import SIGINT
from typing import ClassVar

from ...datachannel.messages import Flag, PayloadType
from .behaviour import AgentBehaviour, ExecuteAs
from .farend import CloseFarEnd, Resized, Signalled

#: The text in front of a failed plugin's reason in channel_closed.
ERROR_TITLE = "\n----------ERROR-------\n"

#: The core agent's words for a worker that died. The real worker dies if its port refuses the
#: connection, and the reason stays in its log. The middle ("exit status 1") is a guess.
WORKER_DIED = (
    "document process failed unexpectedly: exit status 1, check "
    "[ssm-document-worker]/[ssm-session-worker] log for crash reason"
)
#: The worker's own words, which reach only its log.
PORT_REFUSED = "Unable to connect to specified port: connection refused"
#: Seconds from the refused connection to the end of the worker, as measured.
WORKER_DEATH_DELAY = 0.003

#: Seconds before the agent reports why a command did not start.
NOT_STARTED_DELAY = 1.0
#: Seconds before the agent reports that no terminal could be opened.
NO_TERMINAL_DELAY = 2.0
#: The exit status that the agent reports for a command that did not start.
NOT_STARTED_STATUS = 1

#: The keys that become signals for a command without a terminal. Other keys are lost.
#: ``SIGQUIT`` has no name on Windows, so its number stands here.
SIGNALS = {0x03: int(SIGINT), 0x1C: 3}

#: The newest client version that, to the agent, does not support separate streams.
NEWEST_WITHOUT_STREAMS = (1, 2, 295)
UPDATE_PLUGIN = (
    "Please update session manager plugin version (minimum required version 1.2.312.0) "
    "for fully support of separate StdOut/StdErr output.\r\n"
)


#: The type of a payload, and the payload.
Message = tuple[int, bytes]


class Refused(Exception):
    """The plugin rejects an input, which gets no ack."""


@dataclass(frozen=True)
class Failure:
    """How a session ends if its far end could not be opened.

    :ivar delay: seconds until the session ends.
    :ivar output: the reason in channel_closed.
    :ivar first: payloads that are sent at once.
    :ivar last: payloads that are sent after the delay. The session then waits for their acks.
    """

    delay: float
    output: str
    first: tuple[Message, ...] = ()
    last: tuple[Message, ...] = ()


class Plugin(ABC):
    """The plugin of one session. The agent has the four below."""

    session_type: ClassVar[str]
    #: Whether the session starts with a handshake even without encryption.
    shakes_hands: ClassVar[bool] = True
    #: Whether Output payloads are bytes for the far end. Otherwise :meth:`take` gets them.
    forwards_output: ClassVar[bool] = True
    #: Whether ``AgentBehaviour.first_output_delay`` applies.
    reads_late: ClassVar[bool] = False

    @property
    def properties(self) -> dict[str, str] | None:
        """The properties of the session type in the handshake."""
        return None

    @abstractmethod
    def take(self, payload_type: int, payload: bytes) -> Resized | Signalled | CloseFarEnd | None:
        """Return the event of an input message that is no bytes for the far end, if any.

        :raises Refused: if the message gets no ack.
        """

    def ignores(self, payload_type: int, ended: bool) -> bool:
        """Return whether the agent acks and drops input while the far end is not open.

        :param ended: the far end was open before; otherwise it will be.
        """
        return False

    @abstractmethod
    def failure(self, reason: str, behaviour: AgentBehaviour) -> Failure:
        """Return how the session ends if its far end could not be opened."""

    def last_message(self, exit_status: int | None) -> Message | None:
        """Return the message that reports the end of the process, if there is one.

        :param exit_status: the status of a process; -1, as in Go, if a signal ended it.
        """
        return None

    def customer_message(self, client_version: str) -> str:
        """Return the text for a person at the end of the handshake."""
        return ""


@dataclass(frozen=True)
class Port(Plugin):
    """``Port``: a TCP port of the machine.

    :ivar number: the number that the handshake tells the client.
    :ivar forwards: the session asks for many connections, multiplexed. This agent serves one,
        as the real one serves clients that are too old to multiplex.
    """

    number: int = 22
    forwards: bool = False
    session_type = "Port"

    @property
    def properties(self) -> dict[str, str]:
        kind = "LocalPortForwarding" if self.forwards else ""
        return {"portNumber": str(self.number), "type": kind}

    def take(self, payload_type: int, payload: bytes) -> Resized | Signalled | CloseFarEnd | None:
        return closing_flag(payload_type, payload)

    def failure(self, reason: str, behaviour: AgentBehaviour) -> Failure:
        dies = behaviour.dies_of_refused_port
        return Failure(WORKER_DEATH_DELAY, WORKER_DIED if dies else PORT_REFUSED)


class OnTerminal(Plugin):
    """A process on a pseudo-terminal: ``Standard_Stream`` and ``InteractiveCommands``.

    The agent does not report the exit status. The real agent ignores flags here, so only the
    service can end such a session from outside.
    """

    shakes_hands = False
    reads_late = True

    def take(self, payload_type: int, payload: bytes) -> Resized | Signalled | CloseFarEnd | None:
        if payload_type == PayloadType.SIZE:
            return _size(payload)
        return None

    def ignores(self, payload_type: int, ended: bool) -> bool:
        return ended and payload_type != PayloadType.OUTPUT

    def failure(self, reason: str, behaviour: AgentBehaviour) -> Failure:
        text = f"Unable to start command: Failed to start pty: {reason}\n\n"
        return Failure(NO_TERMINAL_DELAY, ERROR_TITLE + text)


@dataclass(frozen=True)
class Shell(OnTerminal):
    """``Standard_Stream``: a shell."""

    session_type = "Standard_Stream"


@dataclass(frozen=True)
class InteractiveCommand(OnTerminal):
    """``InteractiveCommands``: a line that ``sh -c`` runs on a terminal."""

    line: str
    session_type = "InteractiveCommands"


@dataclass(frozen=True)
class ContainerCommand(OnTerminal):
    """``InteractiveCommands`` in a container: the agent runs the words itself, without a shell.

    Source: ``ContainerMode`` in the agent's ``shell_unix.go``.

    :ivar path: the ``PATH`` of the container; empty means that of the machine.
    """

    line: str
    path: str = ""
    session_type = "InteractiveCommands"

    @property
    def arguments(self) -> list[str]:
        """The words of the line. :raises OSError: as the agent, when a quote is not closed."""
        try:
            return shlex.split(self.line)
        except ValueError:
            reason = "EOF found when expecting closing quote"
            raise OSError(f"Failed to parse commands input: {reason}") from None


@dataclass(frozen=True)
class NonInteractiveCommand(Plugin):
    """``NonInteractiveCommands``: a program without a terminal and without input.

    :ivar arguments: the words of the command, the program first.
    :ivar separate: send output at once, errors in payloads of their own, and the exit status at
        the end. Otherwise the agent sends output and errors as one file after the program's end,
        without a status.
    """

    arguments: tuple[str, ...]
    separate: bool = False
    session_type = "NonInteractiveCommands"
    forwards_output = False

    def take(self, payload_type: int, payload: bytes) -> Resized | Signalled | CloseFarEnd | None:
        if payload_type == PayloadType.OUTPUT:
            for byte in payload:
                if byte in SIGNALS:
                    return Signalled(SIGNALS[byte])
        return None

    def ignores(self, payload_type: int, ended: bool) -> bool:
        return True

    def failure(self, reason: str, behaviour: AgentBehaviour) -> Failure:
        text = f"Error occurred starting the command: {reason}\n"
        message = self.last_message(NOT_STARTED_STATUS)
        return Failure(
            NOT_STARTED_DELAY,
            ERROR_TITLE + text,
            first=(message,) if message else (),
            last=((PayloadType.STDERR, text.encode()),),
        )

    def last_message(self, exit_status: int | None) -> Message | None:
        if exit_status is None or not self.separate:
            return None
        return PayloadType.EXIT_CODE, f"EXIT_CODE: {exit_status}".encode()

    def customer_message(self, client_version: str) -> str:
        if self.separate and _version(client_version) <= NEWEST_WITHOUT_STREAMS:
            return UPDATE_PLUGIN
        return ""


def command_plugin(words: tuple[str, ...], execute_as: ExecuteAs) -> Plugin:
    """Return the plugin for a command that a service's API was asked to run.

    InteractiveCommands knows a single line. Quoting the words so that the program gets exactly
    these is a choice: how AWS's services make the line is not known.
    """
    if execute_as is ExecuteAs.INTERACTIVE:
        return InteractiveCommand(shlex.join(words))
    return NonInteractiveCommand(words, execute_as is ExecuteAs.SEPARATE)


def closing_flag(payload_type: int, payload: bytes) -> CloseFarEnd | None:
    """Return the event of a flag that ends the session; ``None`` for any other input."""
    if payload_type != PayloadType.FLAG:
        return None
    value = int.from_bytes(payload[:4], "big")
    closing = value in (Flag.DISCONNECT_TO_PORT, Flag.TERMINATE_SESSION)
    return CloseFarEnd() if closing else None


def _size(payload: bytes) -> Resized:
    try:
        document = json.loads(payload)
    except (ValueError, RecursionError):
        raise Refused("the size is not JSON") from None
    if not isinstance(document, dict):
        raise Refused("the size is not an object")
    columns, rows = document.get("cols", 0), document.get("rows", 0)
    for value in (columns, rows):
        if type(value) is not int or not 0 <= value < 1 << 32:
            raise Refused("the size is not a number")
    return Resized(columns & 0xFFFF, rows & 0xFFFF)


def _version(text: str) -> tuple[int, ...]:
    parts = text.split(".")
    return tuple(int(part) for part in parts) if all(p.isdigit() for p in parts) else ()
