"""The state of the emulated EC2: instances and managed nodes, and the rules by which they change.

No I/O, threads or timers. Not thread-safe: it belongs to the emulator's event loop. Times are
seconds since the epoch. Where AWS documents no rule, the text calls ours a choice.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from enum import Enum
from typing import Any

from ..account import Account
from ..errors import ApiError
from ..room import Lifecycle

#: The network of machines and endpoints that are not given another one.
VPC, SUBNET = "vpc-0a1b2c3d4e5f60718", "subnet-0a1b2c3d4e5f60718"

#: Seconds that a key of EC2 Instance Connect lives, as its API's documentation says.
KEY_SECONDS = 60.0


class InstanceNotFound(ApiError):
    """EC2 knows no instance of an id in this Region."""

    def __init__(self, ids: list[str]) -> None:
        one = f"The instance ID '{ids[0]}' does not exist"
        many = f"The instance IDs '{', '.join(ids)}' do not exist"
        super().__init__(one if len(ids) == 1 else many, "InvalidInstanceID.NotFound")


class IncorrectInstanceState(ApiError):
    """An instance cannot do this in its state."""

    def __init__(self, id: str, done: str) -> None:
        super().__init__(f"The instance '{id}' is not in a state from which it can be {done}.")


class Status(str, Enum):
    """The states of an instance, as EC2's model has them."""

    PENDING = "pending"
    RUNNING = "running"
    SHUTTING_DOWN = "shutting-down"
    TERMINATED = "terminated"
    STOPPING = "stopping"
    STOPPED = "stopped"


class Ping(str, Enum):
    """The states of an agent, as Systems Manager's model has them."""

    ONLINE = "Online"
    LOST = "ConnectionLost"
    INACTIVE = "Inactive"


@dataclass(frozen=True)
class Platform:
    """An operating system, as the APIs describe it.

    :ivar details: EC2's PlatformDetails, which billing goes by.
    :ivar name: the agent's PlatformName, as ``version`` and ``type``.
    :ivar image: the name of the image.
    """

    details: str = "Linux/UNIX"
    name: str = "Amazon Linux"
    version: str = "2023"
    type: str = "Linux"
    image: str = "al2023-ami-2023.9.20261101.0-kernel-6.12-x86_64"


@dataclass(frozen=True)
class AgentTimes:
    """When the agent of an instance is reached after a start. Seconds since it runs.

    :ivar online: until PingStatus is Online for the first time.
    :ivar flaps: when PingStatus changes to ConnectionLost and back, in turn, after that.
    :ivar sessions: until StartSession succeeds. Agents are Online before that.
    """

    online: float = 0.0
    flaps: tuple[float, ...] = ()
    sessions: float = 0.0


@dataclass(frozen=True)
class PushedKey:
    """A public key that EC2 Instance Connect has given to a user of an instance."""

    user: str
    key: str
    expires_at: float


@dataclass(eq=False)
class Instance:
    """An instance.

    :ivar life: its state, one of :class:`Status`.
    :ivar tags: the tag ``Name`` is what people call it.
    :ivar profile: the name of its instance profile.
    :ivar agent: ``None`` where no agent has ever registered.
    :ivar ping: forces the agent's state while the instance runs.
    """

    id: str
    region: str
    address: str
    life: Lifecycle
    launch_time: float
    tags: dict[str, str] = field(default_factory=dict)
    platform: Platform = Platform()
    type: str = "t3.medium"
    vpc_id: str = VPC
    subnet_id: str = SUBNET
    profile: str | None = "ssm-agent"
    start_seconds: float = 0.0
    stop_seconds: float = 0.0
    agent: AgentTimes | None = AgentTimes()
    ping: Ping | None = None
    reason: str = ""
    keys: list[PushedKey] = field(default_factory=list)

    @property
    def status(self) -> Status:
        return Status(self.life.state)

    @property
    def image_id(self) -> str:
        """An id of the platform's image, always the same for the same platform."""
        return f"ami-{self.platform.image.encode().hex()[:17]:0<17}"

    @property
    def zone(self) -> str:
        """The Availability Zone."""
        return f"{self.region}a"

    @property
    def computer_name(self) -> str:
        """What the machine calls itself."""
        return self.dns_name

    @property
    def dns_name(self) -> str:
        """The private DNS name, in the form of the address."""
        of_region = f"{self.region}.compute.internal"
        domain = "ec2.internal" if self.region == "us-east-1" else of_region
        return f"ip-{self.address.replace('.', '-')}.{domain}"


@dataclass(eq=False)
class ConnectEndpoint:
    """An EC2 Instance Connect Endpoint, which opens tunnels to machines of its VPC.

    :ivar state: a word of EC2's model.
    """

    id: str
    region: str
    vpc_id: str = VPC
    subnet_id: str = SUBNET
    state: str = "create-complete"


@dataclass(eq=False)
class ManagedNode:
    """A machine outside of EC2 with an agent.

    :ivar name: as its activation calls it; ``computer_name`` as it calls itself.
    """

    id: str
    region: str
    name: str = ""
    computer_name: str = ""
    address: str = "192.168.7.20"
    platform: Platform = Platform("", "Ubuntu", "24.04", "Linux", "")
    ping: Ping = Ping.ONLINE


class Ec2Model:
    """Instances and managed nodes of all Regions.

    :ivar on_push: told of an instance that has got another key, whose sshd asks for it.
    :ivar on_end: told of an instance whose connections end with it.
    :ivar connect_endpoints: of all Regions; may be changed at any time.
    """

    def __init__(self, account: Account) -> None:
        self.on_push: Callable[[Instance], None] = lambda instance: None
        self.on_end: Callable[[Instance], None] = lambda instance: None
        self.connect_endpoints: list[ConnectEndpoint] = []
        self.now = account.now
        self._account = account
        self._instances: dict[str, Instance] = {}
        self._nodes: dict[str, ManagedNode] = {}

    def add_instance(
        self, region: str, name: str = "", *, running: bool = True, **details: Any
    ) -> Instance:
        """Return a new instance that was launched an hour ago.

        :param details: other members of :class:`Instance`.
        """
        number = len(self._instances)
        status = Status.RUNNING if running else Status.STOPPED
        life = Lifecycle(self.now, status.value, ago=3600)
        known: dict[str, Any] = {
            "id": f"i-0{self._account.sessions.random_bytes(8).hex()}",
            "address": f"10.0.{number // 250}.{number % 250 + 5}",
            "launch_time": life.since,
            "tags": {"Name": name} if name else {},
        }
        instance = Instance(region=region, life=life, **{**known, **details})
        self._instances[instance.id] = instance
        return instance

    def remove(self, instance: Instance) -> None:
        """Forget an instance, as EC2 does an hour after its termination."""
        self.set_status(instance, Status.TERMINATED)
        del self._instances[instance.id]

    def add_node(self, node: ManagedNode) -> ManagedNode:
        """Add a managed node and return it."""
        self._nodes[node.id] = node
        return node

    def instances(self, region: str, ids: Iterable[str] = ()) -> list[Instance]:
        """Return the instances of a Region, or those of these ids.

        :raises InstanceNotFound: when the Region has no instance of one of these ids.
        """
        wanted = list(ids)
        here = {each.id: each for each in self._instances.values() if each.region == region}
        missing = [id for id in wanted if id not in here]
        if missing:
            raise InstanceNotFound(missing)
        return [here[id] for id in wanted] if wanted else list(here.values())

    def nodes(self, region: str) -> list[ManagedNode]:
        """Return the managed nodes of a Region."""
        return [node for node in self._nodes.values() if node.region == region]

    def start(self, instances: Sequence[Instance]) -> None:
        """Start stopped instances, all or none. Starting a running one changes nothing.

        :raises IncorrectInstanceState: if one is in any other state.
        """
        for instance in self._of(instances, Status.STOPPED, Status.RUNNING, "started"):
            instance.launch_time, instance.reason = self.now(), ""
            instance.life.move("pending", "running", seconds=instance.start_seconds)

    def stop(self, instances: Sequence[Instance]) -> None:
        """Stop running instances, all or none, and end their sessions.

        Stopping a stopped one changes nothing.

        :raises IncorrectInstanceState: if one is in any other state.
        """
        for instance in self._of(instances, Status.RUNNING, Status.STOPPED, "stopped"):
            instance.reason = "Client.UserInitiatedShutdown: User initiated shutdown"
            instance.life.move("stopping", "stopped", seconds=instance.stop_seconds)
            self._end_sessions(instance)

    def _of(
        self, instances: Sequence[Instance], before: Status, after: Status, done: str
    ) -> list[Instance]:
        """Return those of the instances that are in the state before a change.

        :raises IncorrectInstanceState: if one is neither in this state nor in, or on the way to,
            the state after it.
        """
        fine = {before, after, Status.PENDING if after is Status.RUNNING else Status.STOPPING}
        for instance in instances:
            if instance.status not in fine:
                raise IncorrectInstanceState(instance.id, done)
        return [instance for instance in instances if instance.status is before]

    def set_status(self, instance: Instance, status: Status, reason: str = "") -> None:
        """Force a state until the next call. Any state but RUNNING ends the sessions."""
        instance.life.set(status.value)
        instance.reason = reason
        if status is not Status.RUNNING:
            self._end_sessions(instance)

    def ping(self, machine: Instance | ManagedNode) -> Ping | None:
        """Return the state of an agent; ``None`` where none has registered."""
        if isinstance(machine, ManagedNode):
            return machine.ping
        instance, agent = machine, machine.agent
        if agent is None:
            return None
        if instance.status is not Status.RUNNING:
            return Ping.LOST
        if instance.ping is not None:
            return instance.ping
        elapsed = self.now() - instance.life.since
        changes = sum(1 for change in agent.flaps if elapsed >= change)
        return Ping.ONLINE if elapsed >= agent.online and changes % 2 == 0 else Ping.LOST

    def is_connected(self, machine: Instance | ManagedNode) -> bool:
        """Return whether StartSession reaches the agent."""
        if isinstance(machine, ManagedNode):
            return machine.ping is Ping.ONLINE
        elapsed = self.now() - machine.life.since
        online = self.ping(machine) is Ping.ONLINE
        return online and machine.agent is not None and elapsed >= machine.agent.sessions

    def push_key(self, instance: Instance, user: str, key: str) -> None:
        """Let a user log in with a public key for the next 60 s."""
        instance.keys = [*self.keys(instance), PushedKey(user, key, self.now() + KEY_SECONDS)]
        self.on_push(instance)

    def keys(self, instance: Instance) -> list[PushedKey]:
        """Return the pushed keys that live."""
        return [key for key in instance.keys if self.now() < key.expires_at]

    def _end_sessions(self, instance: Instance) -> None:
        self._account.end_sessions(instance.id, f"The instance is {instance.status.value}")
        self.on_end(instance)
