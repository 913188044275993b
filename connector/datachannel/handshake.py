"""The client's answer to a HandshakeRequest: which of the agent's actions it can do."""

from __future__ import annotations

from ..errors import ConnectorError, RemoteProtocolError, SessionEncrypted
from ..fast.records import NamedTuple
from ..fast.typed import NewType
from .payloads import (
    ActionStatus,
    ClientAction,
    HandshakeRequest,
    ProcessedAction,
    handshake_response,
)

#: The version that this client claims. It has four parts, and is new enough for what the agent
#: derives from it: multiplexing from 1.1.70 on, separate standard error above 1.2.295, and no
#: limit of 30 s, which the agent sets for builds from source.
CLIENT_VERSION = "1.2.764.0"

#: Session types that run one command: on a terminal, and on pipes.
COMMAND_SESSION_TYPES = frozenset({"InteractiveCommands", "NonInteractiveCommands"})

#: The session type that leads to a TCP port.
PORT_SESSION = "Port"

#: Session types whose Output payloads are the bytes of a stream.
STREAM_SESSION_TYPES = frozenset({PORT_SESSION, "Standard_Stream"}) | COMMAND_SESSION_TYPES

#: The type of a Port session that carries many connections, multiplexed in its own frames.
_MULTIPLEXED = "LocalPortForwarding"

#: The action that asks for encryption. Port sessions never have it.
_ENCRYPTION = "KMSEncryption"

#: Why the client cannot do an action, as the end of a sentence. It is a type of its own because
#: the manual's list of messages is harvested from the code by type.
Unsupported = NewType("Unsupported", str)


class HandshakeAnswer(NamedTuple):
    """The answer to one HandshakeRequest.

    :param response: the payload of the HandshakeResponse.
    :param session_type: the type of session, or ``None`` if the request named none.
    :param error: why the client cannot serve this session. The response says the same.
    """

    response: bytes
    session_type: str | None
    error: ConnectorError | None


def answer_handshake(request: HandshakeRequest) -> HandshakeAnswer:
    """Answer each action: success, failed, or unsupported.

    The agent cancels the session if any action does not succeed, so the first such action is
    also our error.
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
        handshake_response(CLIENT_VERSION, processed),
        session_type,
        _error(failed) if failed else None,
    )


def _error(failed: ProcessedAction) -> ConnectorError:
    if failed.action_type == _ENCRYPTION:
        return SessionEncrypted(
            "the session must be encrypted with a KMS key, which the connector does not support",
            "Use ssh, which never needs KMS, or turn KMS encryption off in the account's Session "
            "Manager preferences",
        )
    return RemoteProtocolError(
        f"the agent asks for something that the connector cannot do: {failed.error}"
    )


def _process(action: ClientAction) -> ProcessedAction:
    if action.action_type == "SessionType":
        session_type = _session_type(action)
        if session_type not in STREAM_SESSION_TYPES:
            return _failed(action, Unsupported(f"session type {session_type[:64]!r} is unknown"))
        properties = action.parameters.get("Properties")
        if isinstance(properties, dict) and properties.get("type") == _MULTIPLEXED:
            return _failed(action, Unsupported("multiplexed port forwarding is not supported"))
        return ProcessedAction(action.action_type, ActionStatus.SUCCESS)
    if action.action_type == _ENCRYPTION:
        error = Unsupported("encryption with a KMS key is not supported")
    else:
        error = Unsupported(f"action {action.action_type[:64]!r} is unknown")
    return ProcessedAction(action.action_type, ActionStatus.UNSUPPORTED, error)


def _failed(action: ClientAction, error: Unsupported) -> ProcessedAction:
    return ProcessedAction(action.action_type, ActionStatus.FAILED, error)


def _session_type(action: ClientAction) -> str:
    value = action.parameters.get("SessionType")
    return value if isinstance(value, str) else ""
