"""Build and parse the payloads that are not stream bytes: JSON documents and the flag.

Builders return the bytes for the wire. Parsers raise :class:`MalformedPayload` and no other
error, whatever the payload.
"""

from __future__ import annotations

import json
import re
import struct

from ..errors import RemoteProtocolError
from ..fast.records import NamedTuple
from ..fast.typed import Any
from .messages import wire_id_to_text

MESSAGE_SCHEMA_VERSION = "1.0"

#: The largest document that is parsed, in bytes; it bounds the cost of a hostile one. The
#: documents of the published ends are much smaller.
MAX_DOCUMENT = 256 * 1024

_EXIT_CODE = rb"\s*EXIT_CODE:\s*(-?[0-9]{1,10})\s*"  # compiled at first use
_UINT32 = struct.Struct("!I")
# An ack of input as the published agent writes it, around the id and the number.
_BEFORE_ID = b'{"AcknowledgedMessageType":"input_stream_data","AcknowledgedMessageId":"'
_AFTER_ID = b'","AcknowledgedMessageSequenceNumber":'
_AFTER_NUMBER = b',"IsSequentialMessage":true}'
_ID_END = len(_BEFORE_ID) + 36


class MalformedPayload(RemoteProtocolError):
    """A payload that does not have the form of its type."""


class ActionStatus:
    """The client's answer to an action of a handshake."""

    SUCCESS = 1
    FAILED = 2
    UNSUPPORTED = 3


_STATUSES = (ActionStatus.SUCCESS, ActionStatus.FAILED, ActionStatus.UNSUPPORTED)


class ClientAction(NamedTuple):
    """One action that the agent asks of the client: ``SessionType``, ``KMSEncryption``, …"""

    action_type: str
    parameters: dict[str, Any]


class HandshakeRequest(NamedTuple):
    """The agent's first message in a session with a handshake."""

    agent_version: str
    actions: tuple[ClientAction, ...]


class ProcessedAction(NamedTuple):
    """The client's answer to one :class:`ClientAction`; ``error`` is empty on success."""

    action_type: str
    status: int
    error: str = ""
    result: Any = None


class HandshakeComplete(NamedTuple):
    """The end of a handshake. ``customer_message`` is a text for the user; may be empty."""

    customer_message: str


def open_data_channel(
    token_value: str, client_id: str, request_id: str, client_version: str
) -> str:
    """Return the text frame that opens a data channel, the first frame on every link."""
    return _dump(
        {
            "MessageSchemaVersion": MESSAGE_SCHEMA_VERSION,
            "RequestId": request_id,
            "TokenValue": token_value,
            "ClientId": client_id,
            "ClientVersion": client_version,
        }
    )


def acknowledge(message_type: str, message_id: bytes, sequence_number: int) -> bytes:
    """Return the payload of the ack of one stream message.

    The channel builds one for every message that arrives, so this does not use :mod:`json`.

    :param message_id: the id in the byte order of the wire.
    """
    return (
        f'{{"AcknowledgedMessageType":"{message_type}",'
        f'"AcknowledgedMessageId":"{wire_id_to_text(message_id)}",'
        f'"AcknowledgedMessageSequenceNumber":{sequence_number},'
        '"IsSequentialMessage":true}'
    ).encode()


def acknowledged_sequence_number(payload: bytes) -> int:
    """Return the sequence number that an ack names.

    :raises MalformedPayload: if there is none, or it is negative.
    """
    # An ack arrives for every message that was sent, and JSON costs ten times as much.
    if (
        payload.startswith(_BEFORE_ID)
        and payload.startswith(_AFTER_ID, _ID_END)
        and payload.endswith(_AFTER_NUMBER)
    ):
        digits = payload[_ID_END + len(_AFTER_ID) : -len(_AFTER_NUMBER)]
        if digits.isdigit() and len(digits) < 20:
            return int(digits)
    number = _load(payload, "an ack").get("AcknowledgedMessageSequenceNumber")
    if type(number) is not int or number < 0:
        raise MalformedPayload("an ack names no sequence number")
    return number


def parse_handshake_request(payload: bytes) -> HandshakeRequest:
    document = _load(payload, "a handshake request")
    actions = document.get("RequestedClientActions") or []
    if not isinstance(actions, list):
        raise MalformedPayload("a handshake request has no list of actions")
    parsed = []
    for action in actions:
        if not isinstance(action, dict) or not isinstance(action.get("ActionType"), str):
            raise MalformedPayload("an action of a handshake request has no type")
        parameters = action.get("ActionParameters")
        parsed.append(
            ClientAction(action["ActionType"], parameters if isinstance(parameters, dict) else {})
        )
    return HandshakeRequest(_text(document, "AgentVersion"), tuple(parsed))


def handshake_request(request: HandshakeRequest) -> bytes:
    return _dump(
        {
            "AgentVersion": request.agent_version,
            "RequestedClientActions": [
                {"ActionType": action.action_type, "ActionParameters": action.parameters}
                for action in request.actions
            ],
        }
    ).encode()


def handshake_response(client_version: str, actions: list[ProcessedAction]) -> bytes:
    """Return the client's answer: each action with its status, and all errors again at the end."""
    return _dump(
        {
            "ClientVersion": client_version,
            "ProcessedClientActions": [
                {
                    "ActionType": action.action_type,
                    "ActionStatus": action.status,
                    "ActionResult": action.result,
                    "Error": action.error,
                }
                for action in actions
            ],
            "Errors": [action.error for action in actions if action.error] or None,
        }
    ).encode()


def parse_handshake_response(payload: bytes) -> list[ProcessedAction]:
    document = _load(payload, "a handshake response")
    actions = document.get("ProcessedClientActions") or []
    if not isinstance(actions, list):
        raise MalformedPayload("a handshake response has no list of actions")
    parsed = []
    for action in actions:
        if not isinstance(action, dict):
            raise MalformedPayload("an action of a handshake response is not an object")
        status = action.get("ActionStatus")
        if type(status) is not int or status not in _STATUSES:
            raise MalformedPayload("an action of a handshake response has no status")
        parsed.append(
            ProcessedAction(
                _text(action, "ActionType"),
                status,
                _text(action, "Error"),
                action.get("ActionResult"),
            )
        )
    return parsed


def handshake_complete(customer_message: str, nanoseconds: int) -> bytes:
    return _dump(
        {"HandshakeTimeToComplete": nanoseconds, "CustomerMessage": customer_message}
    ).encode()


def parse_handshake_complete(payload: bytes) -> HandshakeComplete:
    return HandshakeComplete(_text(_load(payload, "the end of a handshake"), "CustomerMessage"))


def channel_closed_output(payload: bytes) -> str:
    """Return the service's reason for the user; empty if there is none, or it is malformed."""
    try:
        return _text(_load(payload, "channel_closed"), "Output")
    except MalformedPayload:
        return ""  # the channel is closed in any case


def ends_command(payload: bytes) -> bool:
    """Return whether an ``agent_session_state`` says that the agent is about to leave.

    The published agent sends it when a command on a terminal or on pipes has ended.
    """
    try:
        return _text(_load(payload, "agent_session_state"), "SessionState") == "Terminating"
    except MalformedPayload:
        return False


def window_size(columns: int, rows: int) -> bytes:
    """Return the payload that tells the size of the client's terminal, in characters."""
    return _dump({"cols": columns, "rows": rows}).encode()


def flag(value: int) -> bytes:
    return _UINT32.pack(value)


def parse_flag(payload: bytes) -> int:
    if len(payload) != _UINT32.size:
        raise MalformedPayload(f"a flag of {len(payload)} bytes")
    return int.from_bytes(payload, "big")


def parse_exit_code(payload: bytes) -> int:
    """Return the status in ``EXIT_CODE: <n>``, as the agent writes it."""
    match = re.fullmatch(_EXIT_CODE, payload)
    if not match:
        raise MalformedPayload("an exit code is not a number")
    return int(match[1])


def _dump(document: dict[str, Any]) -> str:
    # Compact, as both published ends write it.
    return json.dumps(document, separators=(",", ":"))


def _load(payload: bytes, what: str) -> dict[str, Any]:
    if len(payload) > MAX_DOCUMENT:
        raise MalformedPayload(f"{what} of {len(payload)} bytes")
    try:
        document = json.loads(payload)
    except (ValueError, RecursionError):  # UnicodeDecodeError is a ValueError
        raise MalformedPayload(f"{what} is not JSON") from None
    if not isinstance(document, dict):
        raise MalformedPayload(f"{what} is not a JSON object")
    return document


def _text(document: dict[str, Any], key: str) -> str:
    """Return a text member; empty if it is missing, null or of another type.

    No decision depends on these texts.
    """
    value = document.get(key)
    return value if isinstance(value, str) else ""
