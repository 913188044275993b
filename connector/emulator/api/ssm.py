"""AWS Systems Manager's two operations for the client of a session: resume and terminate.

The protocol is AWS JSON 1.1: one path for all operations, the operation's name in a header.
Source of names and shapes: botocore's model ``ssm/2014-11-06``. Only the access key id of a
request is checked, not its signature.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

from ..sessions import Session, Sessions
from .errors import ApiError
from .rest import Endpoint, Operation
from .shapes import Structure, Text

_SESSION_ID = Structure({"SessionId": Text(1, 96)}, ("SessionId",))

RESUME_SESSION = Operation(
    "ResumeSession", "POST", "/", _SESSION_ID, target="AmazonSSM.ResumeSession"
)
TERMINATE_SESSION = Operation(
    "TerminateSession", "POST", "/", _SESSION_ID, target="AmazonSSM.TerminateSession"
)


class SsmError(ApiError):
    """An error of AWS JSON, whose name is in the body."""

    status = 400

    def body(self) -> dict[str, str]:
        """Return the members of the JSON answer."""
        return {"__type": self.code, "message": self.message}


class DoesNotExistException(SsmError):
    """No session ever had this id."""


class ValidationException(SsmError):
    """A member is missing or malformed."""


class UnrecognizedClientException(SsmError):
    """The request has no signature, or the signature of an unknown key."""


class SessionManagerService:
    """The operations, as endpoints for a ``RestServer``.

    :param stream_url: returns the ``StreamUrl`` of a resumed session.
    :param access_key_id: the only key whose requests are accepted.
    """

    def __init__(
        self, sessions: Sessions, stream_url: Callable[[Session], str], access_key_id: str
    ) -> None:
        self._sessions = sessions
        self._stream_url = stream_url
        self._access_key_id = access_key_id

    def endpoints(self) -> list[Endpoint]:
        """Return all operations."""
        return [
            Endpoint(RESUME_SESSION, self._authenticate, self._resume, ValidationException),
            Endpoint(TERMINATE_SESSION, self._authenticate, self._terminate, ValidationException),
        ]

    def _authenticate(self, authorization: str | None) -> str:
        signed = re.match(r"AWS4-HMAC-SHA256 Credential=([^/]+)/", authorization or "")
        if signed is None or signed[1] != self._access_key_id:
            raise UnrecognizedClientException(
                "The security token included in the request is invalid."
            )
        return self._access_key_id

    def _resume(self, caller: str, members: Mapping[str, Any]) -> Mapping[str, Any]:
        session = self._session(members)
        if session.end_reason is not None:
            # The published client reads an empty answer as a session that has timed out.
            return {"SessionId": session.id, "TokenValue": "", "StreamUrl": ""}
        self._sessions.renew_token(session)
        return {
            "SessionId": session.id,
            "TokenValue": session.token_value,
            "StreamUrl": self._stream_url(session),
        }

    def _terminate(self, caller: str, members: Mapping[str, Any]) -> Mapping[str, Any]:
        session = self._session(members)
        self._sessions.end(session, "TerminateSession was called")
        return {"SessionId": session.id}

    def _session(self, members: Mapping[str, Any]) -> Session:
        session = self._sessions.find(members["SessionId"])
        if session is None:
            raise DoesNotExistException("The requested session does not exist")
        return session
