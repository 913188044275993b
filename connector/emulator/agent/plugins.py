"""The kinds of sessions: what an agent's plugin for each of them does, sans-I/O.

Written from the published agent's sources and from recordings of it. It shakes hands where
the plugin says so, that is for ``Port`` and ``NonInteractiveCommands``, and for all but
``Port`` where the account wants the session encrypted.
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

#: In front of the reason of a plugin that failed, in what channel_closed says.
ERROR_TITLE = "\n----------ERROR-------\n"

#: What the core agent says of a worker that died. The real worker does when its port refuses
#: the connection, and the reason stays in its log. The middle ("exit status 1") is a guess.
WORKER_DIED = (
    "document process failed unexpectedly: exit status 1, check "
    "[ssm-document-worker]/[ssm-session-worker] log for crash reason"
)
#: What the worker means to say, and its log does.
PORT_REFUSED = "Unable to connect to specified port: connection refused"
#: From the refused connection to the end of the worker, in seconds; measured.
WORKER_DEATH_DELAY = 0.003

#: The agent's pause before it says why a command did not start, in seconds.
NOT_STARTED_DELAY = 1.0
#: Its pause after a terminal that could not be had, in seconds.
NO_TERMINAL_DELAY = 2.0
#: What it tells the client of a command that it could not start.
NOT_STARTED_STATUS = 1

#: Keys that reach a command without a terminal as signals, and as nothing else.
#: ``SIGQUIT`` by its number, which Windows has no name for.
SIGNALS = {0x03: int(SIGINT), 0x1C: 3}

#: The newest client version that, to the agent, does not know of separate streams.
NEWEST_WITHOUT_STREAMS = (1, 2, 295)
UPDATE_PLUGIN = (
    "Please update session manager plugin version (minimum required version 1.2.312.0) "
    "for fully support of separate StdOut/StdErr output.\r\n"
)


#: A payload for the client, and its type.
Message = tuple[int, bytes]


class Refused(Exception):
    """Input that the plugin takes for an error: it is not acknowledged."""


@dataclass(frozen=True)
class Failure:
    """How a session goes on whose far end could not be opened.

    :ivar delay: seconds until the session ends.
    :ivar output: what channel_closed says.
    :ivar first: payloads for the client, at once.
    :ivar last: and after the delay; then its acknowledges are waited for.
    """

    delay: float
    output: str
    first: tuple[Message, ...] = ()
    last: tuple[Message, ...] = ()


class Plugin(ABC):
    """One session's plugin. The agent's four are below."""

    session_type: ClassVar[str]
    #: Whether the session starts with a handshake though nothing needs encryption.
    shakes_hands: ClassVar[bool] = True
    #: Whether Output payloads are bytes for the far end. Otherwise :meth:`take` judges them.
    forwards_output: ClassVar[bool] = True
    #: Whether output is read with a delay (``AgentBehaviour.first_output_delay``).
    reads_late: ClassVar[bool] = False

    @property
    def properties(self) -> dict[str, str] | None:
        """Of the session type, as the handshake has them."""
        return None

    @abstractmethod
    def take(self, payload_type: int, payload: bytes) -> Resized | Signalled | CloseFarEnd | None:
        """What comes of one input message while the far end is open, but of its bytes.

        :raises Refused: when the message is not to be acknowledged.
        """

    def ignores(self, payload_type: int, ended: bool) -> bool:
        """Whether input is acknowledged, and thrown away, while the far end is not open.

        :param ended: it was open before. Otherwise it is about to be.
        """
        return False

    @abstractmethod
    def failure(self, reason: str, behaviour: AgentBehaviour) -> Failure:
        """What comes of a far end that could not be opened, for this reason."""

    def last_message(self, exit_status: int | None) -> Message | None:
        """What the client is told of the end of the process.

        :param exit_status: of a process; -1, as in Go, of one that a signal has ended.
        """
        return None

    def customer_message(self, client_version: str) -> str:
        """For a person, at the end of the handshake."""
        return ""


@dataclass(frozen=True)
class Port(Plugin):
    """A TCP port of the machine.

    :ivar number: is announced to the client.
    """

    number: int = 22
    session_type = "Port"

    @property
    def properties(self) -> dict[str, str]:
        return {"portNumber": str(self.number), "type": ""}

    def take(self, payload_type: int, payload: bytes) -> Resized | Signalled | CloseFarEnd | None:
        return closing_flag(payload_type, payload)

    def failure(self, reason: str, behaviour: AgentBehaviour) -> Failure:
        dies = behaviour.dies_of_refused_port
        return Failure(WORKER_DEATH_DELAY, WORKER_DIED if dies else PORT_REFUSED)


class OnTerminal(Plugin):
    """What runs on a pseudo-terminal: ``Standard_Stream`` and ``InteractiveCommands``.

    The exit status is told nobody. Flags mean nothing to the real one: only the service
    (TerminateSession, StopDevEnvironmentSession) ends such a session from outside.
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
    """``InteractiveCommands``: a line for ``sh -c`` on a terminal."""

    line: str
    session_type = "InteractiveCommands"


@dataclass(frozen=True)
class NonInteractiveCommand(Plugin):
    """``NonInteractiveCommands``: a program without a terminal and without input.

    :ivar arguments: the program first.
    :ivar separate: its errors are payloads of their own, output comes at once, and the exit
        status is told at the end. Otherwise output and errors are one file, which is sent
        when the program has ended, and the status is told nobody.
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
    """What comes of input by which a client ends its session; ``None`` for any other."""
    if payload_type != PayloadType.FLAG:
        return None
    value = int.from_bytes(payload[:4], "big")
    closing = value in (Flag.DISCONNECT_TO_PORT, Flag.TERMINATE_SESSION)
    return CloseFarEnd() if closing else None


def _size(payload: bytes) -> Resized:
    try:
        document = json.loads(payload)
    except (ValueError, RecursionError):
        raise Refused("a size that is no JSON") from None
    if not isinstance(document, dict):
        raise Refused("a size that is no object")
    columns, rows = document.get("cols", 0), document.get("rows", 0)
    for value in (columns, rows):
        if type(value) is not int or not 0 <= value < 1 << 32:
            raise Refused("a size that is no number")
    return Resized(columns & 0xFFFF, rows & 0xFFFF)


def _version(text: str) -> tuple[int, ...]:
    parts = text.split(".")
    return tuple(int(part) for part in parts) if all(p.isdigit() for p in parts) else ()
