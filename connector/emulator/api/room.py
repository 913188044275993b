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
            return call.page("Lamps", [lamp.summary() for lamp in lamps], 100)

        def _open(self, call):
            lamp = self._lamp(call)  # may raise ApiError("…", "ResourceNotFoundException")
            return call.access(call.open_session(lamp.id, lamp.id, Form.SHELL))

EC2's operations are those of ``SignedApi(account, "ec2", protocols=(EC2_QUERY,), dialect=EC2)``,
with ``EC2_QUERY = Ec2Query("2016-11-15", "http://ec2.amazonaws.com/doc/2016-11-15/")``, and have
their members' names on the wire: ``InstanceId`` in requests, ``reservationSet`` in answers.
CodeBuild's are CBOR and JSON: ``protocols=(RpcCbor(prefix), JSON_RPC)``. REST with JSON has
``protocols=(REST_JSON,), dialect=REST``, and ``method=``, ``path=`` of each operation. Times in
answers are :class:`~.protocols.protocol.Instant`. Members that are ``None`` are left out.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from ..access import Names, SshDefaults
from .account import HOME_REGION, Account
from .rest import Endpoint, Page
from .world import PlannedTarget


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

    def __init__(self, now: Callable[[], float], state: str, *, ago: float = 0.0) -> None:
        self._now = now
        self._next: list[tuple[float, str]] = []
        self.set(state, ago=ago)

    @property
    def state(self) -> str:
        """The state now."""
        while self._next and self._now() >= self._next[0][0]:
            self._since, self._state = self._next.pop(0)
        return self._state

    @property
    def since(self) -> float:
        """When the state of now began."""
        _ = self.state  # brings both up to date
        return self._since

    def move(self, *states: str, seconds: float) -> None:
        """Be in each state but the last for an equal part of the time, then in the last."""
        began, part = self._now(), seconds / (len(states) - 1)
        self._since, self._state = began, states[0]
        self._next = [(began + number * part, state) for number, state in enumerate(states)][1:]

    def set(self, state: str, *, ago: float = 0.0) -> None:
        """Be in a state from now on, or for some seconds already."""
        self._since, self._state = self._now() - ago, state
        self._next = []


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
