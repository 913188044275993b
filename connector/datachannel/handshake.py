"""What the agent asks of a client before the stream, and what this client answers."""

from __future__ import annotations

from typing import NewType

from ..errors import ConnectorError, RemoteProtocolError, SessionEncrypted
from ..fast.records import NamedTuple
from .payloads import (
    ActionStatus,
    ClientAction,
    HandshakeRequest,
    ProcessedAction,
    handshake_response,
)

#: Session types that run one command: on a terminal, and on pipes.
COMMAND_SESSION_TYPES = frozenset({"InteractiveCommands", "NonInteractiveCommands"})

#: The session type that leads to a TCP port.
PORT_SESSION = "Port"

#: Session types whose Output payloads are the bytes of a stream.
STREAM_SESSION_TYPES = frozenset({PORT_SESSION, "Standard_Stream"}) | COMMAND_SESSION_TYPES

#: The type of a Port session that carries many connections in a framing of its own.
_MULTIPLEXED = "LocalPortForwarding"

#: The action that asks for encryption; never of Port sessions.
_ENCRYPTION = "KMSEncryption"

#: Why an action cannot be done, as the end of a sentence. A kind of its own for the table of all
#: messages, which is read off the code.
Unsupported = NewType("Unsupported", str)


class HandshakeAnswer(NamedTuple):
    """:param error: why the session cannot be; the agent is told the same in ``response``."""

    response: bytes
    session_type: str | None
    error: ConnectorError | None


def answer_handshake(request: HandshakeRequest, client_version: str) -> HandshakeAnswer:
    """Answer each action: done, failed, or unsupported.

    The agent cancels the session over any action that is not done, so the first of
    those is also our error.
    """
    processed = [_process(action) for action in request.actions]
    session_type = next(
        (
            _session_type(action)
            for action, answer in zip(request.actions, processed, strict=True)
            if action.action_type == "SessionType" and answer.status == ActionStatus.SUCCESS
        ),
        None,
    )
    failed = next((answer for answer in processed if answer.error), None)
    return HandshakeAnswer(
        handshake_response(client_version, processed),
        session_type,
        _error(failed) if failed else None,
    )


def _error(failed: ProcessedAction) -> ConnectorError:
    if failed.action_type == _ENCRYPTION:
        return SessionEncrypted(
            "the session is to be encrypted with a KMS key, which this connector does not "
            "support yet",
            "Use ssh (connector proxy), whose sessions are never encrypted so, or have the "
            "encryption turned off in the Session Manager preferences of the account",
        )
    return RemoteProtocolError(
        f"the session asks for what this connector cannot do: {failed.error}"
    )


def _process(action: ClientAction) -> ProcessedAction:
    if action.action_type == "SessionType":
        session_type = _session_type(action)
        if session_type not in STREAM_SESSION_TYPES:
            return _failed(action, Unsupported(f"session type {session_type[:64]!r} is not known"))
        properties = action.parameters.get("Properties")
        if isinstance(properties, dict) and properties.get("type") == _MULTIPLEXED:
            return _failed(action, Unsupported("multiplexed port forwarding is not a plain stream"))
        return ProcessedAction(action.action_type, ActionStatus.SUCCESS)
    if action.action_type == _ENCRYPTION:
        error = Unsupported("encryption with a KMS key is not supported")
    else:
        error = Unsupported(f"action {action.action_type[:64]!r} is not known")
    return ProcessedAction(action.action_type, ActionStatus.UNSUPPORTED, error)


def _failed(action: ClientAction, error: Unsupported) -> ProcessedAction:
    return ProcessedAction(action.action_type, ActionStatus.FAILED, error)


def _session_type(action: ClientAction) -> str:
    value = action.parameters.get("SessionType")
    return value if isinstance(value, str) else ""
