"""What a session is to the rest of the program, and who can start one.

A *session* is what the service's API started; :class:`SessionAccess` is the key to it.
Sources (CodeCatalyst today) implement :class:`SessionSource`; the tunnel knows only this.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Protocol

from .errors import ConfigError
from .fast.records import NamedTuple

#: Makes the headers that authenticate an upgrade to a stream URL, afresh for every dial; blocks.
Signer = Callable[[str], Mapping[str, str]]

_FORM = 'It has to be {"streamUrl": ..., "tokenValue": ..., "sessionId": ...}'


class SessionAccess(NamedTuple):
    """The address of a session's data channel and the token that opens it.

    ``stream_url`` may carry a presigned query, ``token_value`` always is a secret:
    neither appears in ``repr``, so that neither reaches a log by accident. ``signer`` is
    there where AWS credentials belong to the session, which those of a bearer token have not.
    """

    stream_url: str
    token_value: str
    session_id: str = ""
    signer: Signer | None = None

    def __repr__(self) -> str:
        return f"SessionAccess(session_id={self.session_id!r})"

    @classmethod
    def from_json(cls, text: str | bytes, origin: str) -> SessionAccess:
        """Read ``{"streamUrl", "tokenValue", "sessionId"}``, the keys in any case.

        The first two may stand in an object ``accessDetails``, as CodeCatalyst answers.

        :param origin: where the text came from, for the error message.
        :raises ConfigError: when it is not such an object. The text itself, which
            holds a secret, is never quoted.
        """
        try:
            document = json.loads(text)
        except (ValueError, RecursionError):
            raise ConfigError(f"{origin} does not hold JSON", _FORM) from None
        if not isinstance(document, dict):
            raise ConfigError(f"{origin} does not hold a JSON object", _FORM)
        members = {key.lower(): value for key, value in document.items()}
        details = members.get("accessdetails")
        if isinstance(details, dict):
            members.update((key.lower(), value) for key, value in details.items())
        values = []
        for name, required in (("streamUrl", True), ("tokenValue", True), ("sessionId", False)):
            value = members.get(name.lower(), "")
            if not isinstance(value, str) or (required and not value):
                raise ConfigError(f"{origin} lacks a text member {name}", _FORM)
            values.append(value)
        stream_url, token_value, session_id = values
        return cls(stream_url, token_value, session_id)


class Waiting(NamedTuple):
    """Why a session takes long to start.

    :param status: of what is waited for, in the service's word.
    :param elapsed: seconds of waiting so far; ``usual`` those that it usually takes, if known.
    """

    status: str
    elapsed: float
    usual: float | None


class StartProgress(Protocol):
    """Who waits for a session, as its source sees it."""

    def wait(self, waiting: Waiting, seconds: float) -> None:
        """The service has answered that it takes longer: tell why, and pause.

        :raises StartAbandoned: when nobody waits for the session any more.
        """
        ...

    def go_on(self) -> None:
        """The waiting is over: what follows may start a session, and has the usual time.

        :raises StartAbandoned: when nobody waits for the session any more.
        """
        ...

    def may_leave(self, harmless: bool) -> None:
        """Say whether what follows can be left alone at any time, for it starts nothing.

        :raises StartAbandoned: when nobody waits for the session any more.
        """
        ...


class SessionSource(Protocol):
    """Starts, resumes and stops one session. Methods block; the tunnel calls them in threads."""

    def start(self, progress: StartProgress) -> SessionAccess:
        """Start a session.

        :raises ConnectorError: with the reason, when there is none to be had.
        """
        ...

    def resume(self, access: SessionAccess) -> SessionAccess | None:
        """Return fresh access to a session whose link was lost; ``None`` where there is none.

        Its URL may be another one, and is checked like the first. An empty URL or session id,
        and a signer that is ``None``, keep the old.
        """
        ...

    def stop(self, access: SessionAccess, timeout: float) -> None:
        """End the session at the service, within ``timeout`` seconds.

        :raises ConnectorError: when the service could not be told.
        """
        ...

    def tidy(self) -> None:
        """Clean up what other processes have left, now that the stream flows.

        The end of the tunnel does not wait for it.
        """
        ...
