"""The sessions that the services hand out: ids, tokens, URLs and ends.

Every service opens its sessions here, and the gateway looks them up by id and token. No I/O
and no timers. Not thread-safe: the table belongs to the emulator's event loop.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
import secrets
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import Enum
from urllib.parse import quote

#: The path of a data channel, in front of the session's id, and its role.
DATA_CHANNEL_PATH = "/v1/data-channel/"
DATA_CHANNEL_ROLE = "publish_subscribe"

TOKEN_BYTES = 120  # of randomness: 160 characters of base64, about the length of real tokens
HISTORY_MAX = 1000  # sessions that are remembered after their end; a choice
SESSION_ID_MAX = 96  # characters, by the model of ssm:StartSession

#: The first bytes of every cell number. In base64 they are ``++/+``, so every stream URL has
#: characters that its signature must encode.
_CELL_PREFIX = b"\xfb\xef\xfe\x01"


class Form(Enum):
    """What a session gives its client."""

    #: A port of the machine, by default its SSH server's.
    SSH = "ssh"
    #: A port of the machine, whose session type asks clients to multiplex connections.
    FORWARD = "forward"
    SHELL = "shell"
    COMMAND = "command"
    #: One line that ``sh`` runs on a terminal.
    LINE = "line"
    #: One line that ``sh`` runs without a terminal.
    PIPED_LINE = "piped line"
    #: One line that the agent of a container splits into words and runs on a terminal.
    CONTAINER_LINE = "container line"


@dataclass(frozen=True)
class Origin:
    """The signed request that opened a session.

    :ivar target: the machine as the request names it.
    :ivar owner: the caller's ARN.
    :ivar document: the name of the session's document; empty without one.
    :ivar listed: whether Systems Manager of the account knows the session.
    """

    target: str
    region: str
    owner: str
    document: str = ""
    reason: str = ""
    listed: bool = True


@dataclass(eq=False)
class Session:
    """One session. Times are seconds since the epoch.

    :ivar machine_id: the machine that the session leads to.
    :ivar command: the words of a command, or one line; empty for other forms.
    :ivar access_time: when the present token was issued.
    :ivar end_reason: ``None`` while the session lives; ``end_time`` likewise.
    :ivar path: the ``PATH`` of a container's image; empty means that of the machine.
    :ivar token_ends: when the token opens nothing any more; ``None`` means never.
    :ivar port: of a session to a port; ``None`` means that of the SSH server.
    :ivar origin: ``None`` if no signed request opened the session. Its data channel needs no
        signature then.
    """

    id: str
    token_value: str = field(repr=False)
    started_time: float
    machine_id: str
    form: Form = Form.SSH
    command: tuple[str, ...] = ()
    access_time: float = 0.0
    token_ends: float | None = None
    end_reason: str | None = None
    end_time: float | None = None
    port: int | None = None
    origin: Origin | None = None
    path: str = ""


class Sessions:
    """All sessions of the emulator.

    :param now: the clock, in seconds since the epoch.
    :param random_bytes: the source of ids and tokens: returns as many bytes as it is asked for.
    """

    def __init__(
        self,
        now: Callable[[], float] = time.time,
        random_bytes: Callable[[int], bytes] = secrets.token_bytes,
    ) -> None:
        self.now = now
        self.random_bytes = random_bytes
        self._sessions: dict[str, Session] = {}
        self._ended: deque[str] = deque()
        self._listeners: list[Callable[[Session], None]] = []

    def on_end(self, listener: Callable[[Session], None]) -> None:
        """Call ``listener`` once for every session that ends, after its end."""
        self._listeners.append(listener)

    def open(
        self,
        machine_id: str,
        user_name: str,
        form: Form = Form.SSH,
        command: tuple[str, ...] = (),
        *,
        port: int | None = None,
        origin: Origin | None = None,
    ) -> Session:
        """Return a new session. Every call opens another one.

        :param user_name: the beginning of the session's id.
        """
        now = self.now()
        session = Session(
            self._new_id(user_name),
            self._new_token(),
            now,
            machine_id,
            form,
            command,
            access_time=now,
            port=port,
            origin=origin,
        )
        self._sessions[session.id] = session
        return session

    def find(self, session_id: str) -> Session | None:
        """Return the session of this id: one that lives, or has ended not long ago."""
        return self._sessions.get(session_id)

    def opened_by_requests(self) -> list[Session]:
        """Return the sessions that signed requests opened, the ended ones included."""
        return [session for session in self._sessions.values() if session.origin is not None]

    def authenticate(self, session_id: str, token_value: str) -> Session | None:
        """Return the living session that this token opens; ``None`` for any other id or token."""
        session = self._sessions.get(session_id)
        if session is None or session.end_reason is not None:
            return None
        if session.token_ends is not None and self.now() >= session.token_ends:
            return None
        same = hmac.compare_digest(session.token_value.encode(), token_value.encode())
        return session if same else None

    def living(self, machine_id: str | None = None) -> list[Session]:
        """Return the sessions that have not ended, or those of one machine."""
        return [
            session
            for session in self._sessions.values()
            if machine_id in (None, session.machine_id) and session.end_reason is None
        ]

    def renew_token(self, session: Session) -> None:
        """Replace the session's token; the old one opens nothing from now on."""
        session.token_value = self._new_token()
        session.access_time = self.now()

    def end(self, session: Session, reason: str) -> None:
        """End a session and tell the listeners. Ending it again changes nothing.

        :param reason: a sentence for a person.
        """
        if session.end_reason is not None:
            return
        session.end_reason, session.end_time = reason, self.now()
        self._ended.append(session.id)
        if len(self._ended) > HISTORY_MAX:
            del self._sessions[self._ended.popleft()]
        for listener in self._listeners:
            listener(session)

    def _new_token(self) -> str:
        return base64.b64encode(self.random_bytes(TOKEN_BYTES)).decode()

    def _new_id(self, user_name: str) -> str:
        # <user>-<17 hexadecimal digits>, as Session Manager names its sessions.
        suffix = "-" + self.random_bytes(9).hex()[:17]
        name = re.sub(r"[^a-zA-Z0-9_.-]", "-", user_name)
        return name[: SESSION_ID_MAX - len(suffix)] + suffix


def data_channel_url(base: str, session: Session) -> str:
    """Return the URL of a session's data channel, in the form of Session Manager's.

    The ``cell-number`` is standard base64 without percent-encoding, as in real URLs.

    :param base: the gateway, ``wss://host:port``.
    """
    path = f"{base}{DATA_CHANNEL_PATH}{quote(session.id, safe='')}"
    return f"{path}?role={DATA_CHANNEL_ROLE}&cell-number={cell_number(session)}"


def cell_number(session: Session) -> str:
    """Return the cell number of a session's present token, in base64.

    It has 36 bytes without a meaning here, then the second of the token's issue as 8 bytes,
    big-endian.
    """
    issued = int(session.access_time)
    digest = hashlib.sha256(f"{session.id} {session.access_time}".encode()).digest()
    return base64.b64encode(_CELL_PREFIX + digest + issued.to_bytes(8, "big")).decode()
