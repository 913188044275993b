"""The contract for the room of a service with targets whose API is signed.

A room is a :class:`~.world.World`: it is made for ``Services`` and planned targets, and has
operations. One more line in ``api/__init__.py`` lets the emulator run it. An example, of lamps::

    LIST_LAMPS = Structure({"NextToken": Text(), "MaxResults": Whole(1, 100)})
    LAMP = Structure({"LampId": Text(1, 40, r"lamp-[0-9a-f]+")}, ("LampId",))

    class LampWorld(Room):
        def __init__(self, services, targets):
            super().__init__(services.account)
            self._lamps = {}
            for target in targets:
                self.add(target)
            self.account.add_machines(self)  # for ssm:StartSession; it has find and list

        def endpoints(self):
            api = SignedApi(self.account, "lamps", "AWSLampService")  # JSON 1.1
            return [
                api.endpoint("ListLamps", LIST_LAMPS, self._list),
                api.endpoint("OpenLamp", LAMP, self._open, resources=self._arns),
            ]

        def _arns(self, call):
            return [call.arn(f"lamp/{call['LampId']}")]

        def _list(self, call):
            lamps = [lamp for lamp in self._lamps.values() if lamp.region == call.region]
            found, token = page(lamps, call.get("MaxResults", 100), call.get("NextToken"))
            return {"Lamps": [lamp.summary() for lamp in found], "NextToken": token}

        def _open(self, call):
            lamp = self._lamp(call)  # may raise ApiError("…", "ResourceNotFoundException", 400)
            session = call.open_session(lamp.id, lamp.id, Form.SHELL)
            return {"TokenValue": session.token_value, "StreamUrl": call.stream_url(session)}

EC2's operations are those of ``SignedApi(account, "ec2", protocols=(EC2_QUERY,), dialect=EC2)``,
with ``EC2_QUERY = Ec2Query("2016-11-15", "http://ec2.amazonaws.com/doc/2016-11-15/")``, and have
their members' names on the wire: ``InstanceId`` in requests, ``reservationSet`` in answers.
CodeBuild's are CBOR and JSON: ``protocols=(RpcCbor(prefix), JSON_RPC)``. REST with JSON has
``protocols=(REST_JSON,), dialect=REST``, and ``method=``, ``path=`` of each operation. Times in
answers are :class:`~.protocols.protocol.Instant`. Members that are ``None`` are left out.
"""

from __future__ import annotations

import base64
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, TypeVar

from ..access import Names, SshDefaults
from .account import HOME_REGION, Account
from .errors import ApiError
from .rest import Endpoint, Page
from .world import PlannedTarget

Item = TypeVar("Item")


class RoomUser(NamedTuple):
    """The account's user, who can sign in."""

    id: str
    user_name: str


class Room(ABC):
    """A service with targets, which shares the account of all signed APIs."""

    def __init__(self, account: Account) -> None:
        self.account = account

    @property
    def user_id(self) -> str:
        return self.account.user_key.identity.user_id

    def users(self) -> list[RoomUser]:
        return [RoomUser(self.user_id, self.account.user_key.identity.name)]

    def variables(self, endpoint_url: str, token: str) -> dict[str, str]:
        key = self.account.user_key
        return {
            "AWS_ACCESS_KEY_ID": key.id,
            "AWS_SECRET_ACCESS_KEY": key.secret,
            "AWS_REGION": HOME_REGION,
            "AWS_DEFAULT_REGION": HOME_REGION,
            "AWS_ENDPOINT_URL": endpoint_url,
        }

    @property
    @abstractmethod
    def ssh(self) -> SshDefaults:
        """How ssh's configuration describes the targets."""

    @property
    @abstractmethod
    def targets(self) -> Sequence[Names]:
        """The names of all targets; the first is the one that instructions use."""

    @abstractmethod
    def add(self, target: PlannedTarget) -> Names:
        """Add a target and return its names."""

    @abstractmethod
    def endpoints(self) -> list[Endpoint]:
        """Return the API's operations."""

    def pages(self) -> list[Page]:
        return []

    @abstractmethod
    def state(self, alias: str) -> str:
        """Return the state of a target; raises KeyError if no target has this alias."""

    @abstractmethod
    def set_state(self, alias: str, state: str, reason: str | None = None) -> None:
        """Force a target into a state; raises KeyError and ValueError as a ``World`` does."""


class Lifecycle:
    """A state that changes with time, without timers: it is brought up to date when it is asked.

    :param now: the clock, in seconds.
    """

    def __init__(self, now: Callable[[], float], state: str) -> None:
        self._now = now
        self._state = state
        self._next: tuple[float, str] | None = None
        self.since = now()

    @property
    def state(self) -> str:
        """The state now."""
        if self._next is not None and self._now() >= self._next[0]:
            (self.since, self._state), self._next = self._next, None
        return self._state

    def move(self, on_the_way: str, to: str, seconds: float) -> None:
        """Be in the state ``on_the_way`` for some seconds, then in ``to``."""
        self.since, self._state = self._now(), on_the_way
        self._next = (self.since + seconds, to)

    def set(self, state: str) -> None:
        """Be in a state from now on."""
        self.since, self._state, self._next = self._now(), state, None


@dataclass(frozen=True)
class PlannedMachine:
    """A ``Machine`` for ssm:StartSession, made of plain values.

    :ivar is_connected: asked at each request: whether the agent is connected.
    :ivar facts: for ssm:DescribeInstanceInformation; ``None`` for a machine it does not list.
    """

    id: str
    arn: str
    is_connected: Callable[[], bool] = lambda: True
    facts: Mapping[str, Any] | None = None

    def connected(self) -> bool:
        return self.is_connected()

    def information(self) -> Mapping[str, Any] | None:
        return self.facts


def page(
    items: Sequence[Item], size: int, token: str | None, code: str = "ValidationException"
) -> tuple[list[Item], str | None]:
    """Return a page of items and the token of the next one.

    The token says how many items the pages before had, so the items keep their order.

    :param code: of the error for a token that no page gave.
    """
    try:
        start = int(base64.b64decode(token or "MA==", validate=True))
    except ValueError:
        start = -1
    if not 0 <= start <= len(items):
        raise ApiError("The specified token is not valid.", code, 400)
    end = start + size
    following = base64.b64encode(str(end).encode()).decode() if end < len(items) else None
    return list(items[start:end]), following
