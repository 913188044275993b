"""GameLift Streams: the one operation that hands out a session, and the sessions it knows.

Source of names and shapes: botocore's model ``gameliftstreams/2018-05-10``. States and their
meaning are those of AWS's guide ("Stream session admin shell"). Sentences are ours.
"""

from __future__ import annotations

from dataclasses import dataclass

from ...sessions import Form
from ..account import Account
from ..errors import ApiError
from ..protocols.protocol import REST_JSON, Answer
from ..rest import Endpoint
from ..shapes import Structure, Text
from ..signed import REST, Call, SignedApi

IDENTIFIER = Text(
    1, 128, r"(^[a-zA-Z0-9-]+$)|(^arn:aws:gameliftstreams:([^: ]*):([0-9]{12}):([^: ]*)$)"
)
_BOTH = ("Identifier", "StreamSessionIdentifier")
ADMIN_SHELL = Structure(dict.fromkeys(_BOTH, IDENTIFIER), _BOTH)
PATH = "/streamgroups/{Identifier}/streamsessions/{StreamSessionIdentifier}/access"

#: Seconds for which the URL and the token of an answer are good.
TOKEN_SECONDS = 60.0

#: The states in which a stream session has a shell, the one in which it will have one, and ends.
OPEN = ("ACTIVE", "CONNECTED", "PENDING_CLIENT_RECONNECTION", "RECONNECTING")
STARTING = "ACTIVATING"
ENDED = ("TERMINATED", "ERROR")


@dataclass(eq=False)
class StreamSession:
    """One stream session, in a stream group."""

    region: str
    group: str
    id: str
    status: str = "ACTIVE"


class GameLiftStreams:
    """Stream sessions, and the operation on them."""

    def __init__(self, account: Account) -> None:
        self._account = account
        self._streams: list[StreamSession] = []

    def add(self, stream: StreamSession) -> StreamSession:
        """Add a stream session and return it."""
        self._streams.append(stream)
        return stream

    def arn(self, stream: StreamSession) -> str:
        """Return the ARN of a stream session."""
        resource = f"streamsession/{stream.group}/{stream.id}"
        return self._account.arn("gameliftstreams", stream.region, resource)

    def force(self, stream: StreamSession, status: str) -> None:
        """Force a stream session into a state. One that ends takes its shells with it.

        :raises ValueError: if there is no such state.
        """
        if status not in (*OPEN, STARTING, *ENDED):
            raise ValueError(status)
        stream.status = status
        if status in ENDED:
            self._account.end_sessions(self.arn(stream), f"The stream session is {status}")

    def endpoints(self) -> list[Endpoint]:
        """Return all operations."""
        api = SignedApi(self._account, "gameliftstreams", protocols=(REST_JSON,), dialect=REST)
        return [
            api.endpoint(
                "CreateStreamSessionAdminShell",
                ADMIN_SHELL,
                self._open,
                resources=self._group_arn,
                path=PATH,
            )
        ]

    def _open(self, call: Call) -> Answer:
        group = call.name_of(call["Identifier"], "streamgroup/")
        id = call.name_of(call["StreamSessionIdentifier"], f"streamsession/{group}/")
        place = (call.region, group, id)
        stream = next((each for each in self._streams if _place(each) == place), None)
        if stream is None or stream.status in ENDED:
            raise ApiError("The stream session was not found.", "ResourceNotFoundException", 404)
        if stream.status == STARTING:
            raise ApiError(
                "The terminal connection is not yet available.",
                "StreamSessionAccessNotReadyException",
                409,
            )
        # The machine is in an account of AWS's own.
        session = call.open_session(self.arn(stream), stream.id, Form.SHELL, listed=False)
        session.token_ends = self._account.now() + TOKEN_SECONDS
        return call.access(session)

    def _group_arn(self, call: Call) -> list[str]:
        group = call["Identifier"]
        return [group if group.startswith("arn:") else call.arn(f"streamgroup/{group}")]


def _place(stream: StreamSession) -> tuple[str, str, str]:
    return stream.region, stream.group, stream.id
