"""The two operations of AWS Systems Manager that a client of a session needs: a new token
for a session whose link was lost, and the session's end.

AWS JSON 1.1: one path for all, the operation in a header. Source of names and shapes:
botocore's model ``ssm/2014-11-06``. Signatures are not checked, only whose key they name.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

from .codecatalyst.model import CodeCatalystModel
from .codecatalyst.operations import Operation
from .codecatalyst.resources import Session
from .errors import ApiError
from .rest import Endpoint
from .shapes import Structure, Text

_SESSION_ID = Structure({"SessionId": Text(1, 96)}, ("SessionId",))

RESUME_SESSION = Operation(
    "ResumeSession", "POST", "/", _SESSION_ID, target="AmazonSSM.ResumeSession"
)
TERMINATE_SESSION = Operation(
    "TerminateSession", "POST", "/", _SESSION_ID, target="AmazonSSM.TerminateSession"
)


class SsmError(ApiError):
    """An error as AWS JSON has it: its name is in the body."""

    status = 400

    def body(self) -> dict[str, str]:
        """The members of the JSON answer."""
        return {"__type": self.code, "message": self.message}


class DoesNotExistException(SsmError):
    """There never was such a session."""


class ValidationException(SsmError):
    """A member is missing or malformed."""


class UnrecognizedClientException(SsmError):
    """The request is not signed, or not with a known key."""


class SessionManagerService:
    """The operations, as endpoints for a ``RestServer``.

    :param stream_url: makes the ``StreamUrl`` that a resumed session is answered with.
    :param access_key_id: whose requests are done; the caller of all of them.
    """

    def __init__(
        self, model: CodeCatalystModel, stream_url: Callable[[Session], str], access_key_id: str
    ) -> None:
        self._model = model
        self._stream_url = stream_url
        self._access_key_id = access_key_id

    def endpoints(self) -> list[Endpoint]:
        """All operations."""
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
            # How the published client is told that a session has timed out.
            return {"SessionId": session.id, "TokenValue": "", "StreamUrl": ""}
        self._model.renew_token(session)
        return {
            "SessionId": session.id,
            "TokenValue": session.token_value,
            "StreamUrl": self._stream_url(session),
        }

    def _terminate(self, caller: str, members: Mapping[str, Any]) -> Mapping[str, Any]:
        session = self._session(members)
        self._model.end_session(session, "TerminateSession was called")
        return {"SessionId": session.id}

    def _session(self, members: Mapping[str, Any]) -> Session:
        session = self._model.find_session(members["SessionId"])
        if session is None:
            raise DoesNotExistException("The requested session does not exist")
        return session
