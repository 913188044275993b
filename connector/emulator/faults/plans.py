"""Faults between a client and its agent, and plans made of them.

A plan says what happens and when. ``interference.py`` carries it out, frame by frame. The same
seed and the same frames give the same faults. All times are seconds since the session was
opened. All byte positions count the bytes of frames, repeated frames included.
"""

from __future__ import annotations

import math
import random
from collections.abc import Iterable
from dataclasses import dataclass, field
from enum import Enum
from typing import Any


class Direction(Enum):
    """The way of a frame."""

    TO_AGENT = "to agent"
    TO_CLIENT = "to client"


class Effect(Enum):
    """What happens to a frame."""

    DROP = "dropped"
    DUPLICATE = "duplicated"
    #: The frame arrives late, and the frames behind it overtake it.
    REORDER = "overtaken"
    #: The frame arrives late, and the frames behind it wait.
    DELAY = "delayed"
    #: One bit of the payload flips. A client detects that by the digest. The real agent
    #: ignores digests, so corruption on the way to the agent is not repaired.
    CORRUPT = "corrupted"


class Scope(Enum):
    """The frames that a fault applies to. No fault touches the service's own messages."""

    STREAM = "stream messages"
    ACKS = "acks"
    ALL = "stream messages and acks"


class How(Enum):
    """How a link breaks."""

    RESET = "a TCP reset"
    FIN = "an end of TCP without a close frame"
    #: TCP stays up, but nothing is sent or read any more, pongs included.
    SILENCE = "silence"
    CLOSE = "a close frame"


@dataclass(frozen=True)
class FrameFault:
    """A fault of single frames of one direction.

    :ivar odds: the chance of each frame, from 0 to 1.
    :ivar numbers: frames that are always affected, counted from 0 within the scope.
    :ivar seconds: how late a frame arrives, for REORDER and DELAY.
    :ivar span: the time from which and until which frames are affected.
    """

    effect: Effect
    direction: Direction
    odds: float = 0.0
    numbers: frozenset[int] = frozenset()
    scope: Scope = Scope.STREAM
    seconds: float = 0.05
    span: tuple[float, float] = (0.0, math.inf)


@dataclass(frozen=True)
class At:
    """A moment: a time, or the last byte that passes before the incident.

    :ivar direction: the direction whose bytes count; ``None`` counts both.
    """

    seconds: float | None = None
    bytes: int | None = None
    direction: Direction | None = None

    def __post_init__(self) -> None:
        if (self.seconds is None) == (self.bytes is None):
            raise ValueError("a moment is either a time or a byte")


@dataclass(frozen=True)
class Cut:
    """The link breaks.

    :ivar code: the code of the close frame, for ``How.CLOSE``.
    """

    how: How
    at: At
    code: int = 1001


@dataclass(frozen=True)
class Pause:
    """The service tells the client to pause, and ``seconds`` later to go on.

    :ivar text: by bare text frames instead of messages.
    """

    at: At
    seconds: float
    text: bool = False


@dataclass(frozen=True)
class Restart:
    """The gateway restarts: all links break, and no port listens for ``seconds``."""

    at: At
    seconds: float


@dataclass(frozen=True)
class AgentCut:
    """The agent's own link breaks after it has delivered an input and before it sends the ack.

    The real agent (3.3) counts a message when it sends the ack. It does not count this one, so
    it delivers the client's retransmission too: the far end reads these bytes twice.
    """

    at: At


@dataclass(frozen=True)
class Close:
    """The service closes the session. Frames that have not passed by then are lost.

    :ivar output: the reason in channel_closed.
    """

    at: At
    output: str = ""


#: A fault that happens once.
Incident = Cut | Pause | Restart | AgentCut | Close

#: The incidents that leave the link as it is.
HARMLESS_TO_LINKS = (Pause, AgentCut)
Fault = FrameFault | Incident


@dataclass(frozen=True)
class FaultPlan:
    """The faults of one session. ``plan | other`` has the faults of both plans."""

    faults: tuple[Fault, ...] = ()
    seed: int = field(default=0, kw_only=True)

    def __or__(self, other: FaultPlan) -> FaultPlan:
        return FaultPlan(self.faults + other.faults, seed=self.seed)

    @classmethod
    def from_data(cls, data: object) -> FaultPlan:
        """Return the plan that a dictionary describes; see docs/emulator-for-tests.md.

        :raises ValueError: if it describes none. The text is one line.
        """
        from .data import plan_from_data

        return plan_from_data(data)

    def to_data(self) -> dict[str, Any]:
        """Return a dictionary for JSON or TOML from which :meth:`from_data` makes this plan."""
        from .data import plan_to_data

        return plan_to_data(self)

    @property
    def frame_faults(self) -> tuple[FrameFault, ...]:
        return tuple(fault for fault in self.faults if isinstance(fault, FrameFault))

    @property
    def incidents(self) -> tuple[Incident, ...]:
        return tuple(fault for fault in self.faults if not isinstance(fault, FrameFault))


NO_FAULTS = FaultPlan()


def slow_acks(direction: Direction, seconds: float) -> FrameFault:
    """Return a fault that delays all acks and nothing else."""
    return FrameFault(Effect.REORDER, direction, odds=1.0, scope=Scope.ACKS, seconds=seconds)


def no_acks(direction: Direction, span: tuple[float, float]) -> FrameFault:
    """Return a fault that drops all acks in a span of time."""
    return FrameFault(Effect.DROP, direction, odds=1.0, scope=Scope.ACKS, span=span)


def random_cuts(
    rng: random.Random,
    count: int,
    within: int,
    direction: Direction | None = None,
    hows: Iterable[How] = (How.RESET, How.FIN, How.CLOSE),
) -> FaultPlan:
    """Return a plan with ``count`` cuts at random among the first ``within`` bytes.

    Between two cuts pass at least half as many bytes as on average. Otherwise a link could
    break before its first message, which means a refusal to a client.
    """
    choices = tuple(hows)
    gap = within // (2 * count)
    places = sorted(rng.sample(range(1, within - count * gap), count))
    return FaultPlan(
        tuple(
            Cut(rng.choice(choices), At(bytes=place + number * gap, direction=direction))
            for number, place in enumerate(places, 1)
        ),
        seed=rng.getrandbits(32),
    )
