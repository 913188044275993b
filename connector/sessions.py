"""Sessions, and the protocol of the sources that start them.

The API of a service starts a *session* on a target. :class:`SessionAccess` is the key to its
data channel. Each kind of target has its own :class:`SessionSource`; the tunnel knows only that.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping

from .errors import ConfigError
from .fast.records import NamedTuple
from .fast.typed import Protocol

#: Returns new headers that authenticate an upgrade to a stream URL, for each dial. Blocks. The
#: second argument says whether the gateway has just refused such headers.
Signer = Callable[[str, bool], Mapping[str, str]]

_FORM = 'It has to be {"streamUrl": ..., "tokenValue": ..., "sessionId": ...}'


class SessionAccess(NamedTuple):
    """The address of a session's data channel and the token that opens it.

    ``stream_url`` may have a presigned query, and ``token_value`` is a secret. ``repr`` shows
    neither, so that neither reaches a log by accident. ``signer`` signs the upgrade with AWS
    credentials. Sessions opened with a bearer token have no signer.

    :param raw: whether the stream carries bytes alone, without the data channel. It then has one
        link, needs no token, and is over with the link.
    :param refusal_hint: what the user can do if the upgrade is refused; empty: what holds for
        every session.
    """

    stream_url: str
    token_value: str
    session_id: str = ""
    signer: Signer | None = None
    raw: bool = False
    refusal_hint: str = ""

    def __repr__(self) -> str:
        return f"SessionAccess(session_id={self.session_id!r})"

    @classmethod
    def from_json(cls, text: str | bytes, origin: str) -> SessionAccess:
        """Return the access that a JSON object describes.

        The object has the members ``streamUrl``, ``tokenValue`` and ``sessionId``, in upper or
        lower case. The first two may be in an object ``accessDetails``, as some APIs answer.

        :param origin: where the text came from, for the error message.
        :raises ConfigError: when the text is not such an object. The message never quotes the
            text, which holds a secret.
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
    """The reason why a session takes long to start.

    :param status: the status of its target, in the service's word.
    :param elapsed: seconds since the wait began.
    :param usual: seconds that the wait usually takes; ``None`` if unknown.
    :param made: the words that name the target for commands if the wait is for one that was made
        just now, and costs money until it is stopped; else empty.
    :param makes: the command that lists such a target while its start is asked for, and no answer
        has named it yet; else empty.
    :param program: the program that is waited for instead of the target, in words. The user has
        been told of it. Empty: the target is waited for.
    """

    status: str
    elapsed: float
    usual: float | None
    made: str = ""
    makes: str = ""
    program: str = ""


class StartProgress(Protocol):
    """The tunnel, as the source sees it while it starts a session.

    Every method raises ``StartAbandoned`` once the tunnel no longer wants the session.
    """

    def wait(self, waiting: Waiting, seconds: float) -> None:
        """Report why the start takes longer, and pause for ``seconds``."""

    def go_on(self) -> None:
        """Report that the wait is over. The source may now start a session."""

    def may_leave(self, harmless: bool) -> None:
        """Report whether the source can be abandoned from here on without leaving a session.

        :param harmless: True if the calls that follow start nothing, such as a look-up.
        """


class SessionSource(Protocol):
    """Starts, resumes and stops one session. Methods block; the tunnel calls them in threads."""

    def start(self, progress: StartProgress) -> SessionAccess:
        """Start a session.

        :raises ConnectorError: with the reason, when the session cannot be started.
        """

    def resume(self, access: SessionAccess) -> SessionAccess | None:
        """Return new access to a session whose link was lost; ``None`` to use the old one.

        A new URL is checked like the first. An empty URL, an empty session id and a signer
        that is ``None`` stand for the old ones.
        """

    def stop(self, access: SessionAccess, timeout: float) -> None:
        """End the session at the service, within ``timeout`` seconds.

        :raises ConnectorError: when the service did not confirm the end.
        """

    def tidy(self) -> None:
        """Clean up sessions that other processes left behind.

        The tunnel calls this once data flows, and does not wait for it at its end.
        """
