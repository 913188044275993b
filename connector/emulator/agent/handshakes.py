"""The agent's side of a handshake: its request, and its checks of the response."""

from __future__ import annotations

import base64
import json
import random

from ...datachannel import payloads
from .behaviour import AgentBehaviour
from .plugins import ERROR_TITLE, Plugin, Port

AGENT_VERSION = "3.3.0.0"
KMS_ENCRYPTION = "KMSEncryption"

HANDSHAKE_ERROR = f"{ERROR_TITLE}Encountered error while initiating handshake. "
HANDSHAKE_TIMED_OUT = (
    "Handshake timed out. Please ensure that you have the latest version of the "
    "session manager plugin."
)
#: The agent's words when KMS does not decrypt the client's key. The emulator has no KMS.
NO_DATA_KEY = "Fetching data key failed: the emulator has no KMS"

_CHALLENGE_SIZE = 16  # bytes, as recorded


def is_needed(plugin: Plugin, behaviour: AgentBehaviour) -> bool:
    """Return whether the session starts with a handshake."""
    encrypts = behaviour.kms_key_id is not None and not isinstance(plugin, Port)
    return plugin.shakes_hands or encrypts or behaviour.always_shakes_hands


def request(plugin: Plugin, behaviour: AgentBehaviour, rng: random.Random) -> bytes:
    """Return the payload of HandshakeRequest.

    :param rng: the source of the challenge for an encrypted session.
    """
    actions = [
        payloads.ClientAction(
            "SessionType", {"SessionType": plugin.session_type, "Properties": plugin.properties}
        ),
        *behaviour.extra_actions,
    ]
    if behaviour.kms_key_id is not None and not isinstance(plugin, Port):
        challenge = base64.b64encode(rng.randbytes(_CHALLENGE_SIZE)).decode()
        parameters = {"KMSKeyId": behaviour.kms_key_id, "Challenge": challenge}
        actions.append(payloads.ClientAction(KMS_ENCRYPTION, parameters))
    return payloads.handshake_request(payloads.HandshakeRequest(AGENT_VERSION, tuple(actions)))


def failed_action(response: bytes) -> str:
    """Return the agent's words for the action that fails the handshake; empty for none.

    A client that claims to have set up encryption fails too, with :data:`NO_DATA_KEY`.
    """
    try:
        actions = payloads.parse_handshake_response(response)
    except payloads.MalformedPayload as error:
        return str(error)
    for action in actions:
        if action.status is not payloads.ActionStatus.SUCCESS:
            return (
                f"{action.action_type} failed on client with status {int(action.status)} "
                f"error: {action.error}"
            )
        if action.action_type == KMS_ENCRYPTION:
            return NO_DATA_KEY
    return ""


def client_version(response: bytes) -> str:
    """Return the client's version from a handshake response that passed the checks, or ``""``."""
    version = json.loads(response).get("ClientVersion")
    return version if isinstance(version, str) else ""
