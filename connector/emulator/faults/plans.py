"""What shall go wrong between a client and its agent: plans, made of faults.

A plan says what happens and when; :mod:`.interference` does it, frame by frame, where the
frames pass. The same seed and the same frames give the same faults. All times are seconds
from the opening of the session, all bytes those of frames, repeated ones counted again.
"""

from __future__ import annotations

import math
import random
from collections.abc import Iterable
from dataclasses import dataclass, field
from enum import Enum


class Direction(Enum):
    TO_AGENT = "to agent"
    TO_CLIENT = "to client"


class Effect(Enum):
    """What happens to a frame."""

    DROP = "dropped"
    DUPLICATE = "duplicated"
    #: It comes late, and what follows overtakes it.
    REORDER = "overtaken"
    #: It comes late, and what follows waits behind it.
    DELAY = "delayed"
    #: A bit of the payload flips. A client finds that by the digest. The real agent looks
    #: at none, so what is corrupted on the way to it stays so.
    CORRUPT = "corrupted"


class Scope(Enum):
    """Which frames; what the gateway says of its own accord is never touched."""

    STREAM = "stream messages"
    ACKS = "acks"
    ALL = "stream messages and acks"


class How(Enum):
    """How a link breaks."""

    RESET = "a TCP reset"
    FIN = "an end of TCP without a close frame"
    #: TCP stays up, and nothing comes nor is taken any more; no pongs either.
    SILENCE = "silence"
    CLOSE = "a close frame"


@dataclass(frozen=True)
class FrameFault:
    """Happens to single frames of one direction.

    :param odds: for each frame, from 0 to 1.
    :param numbers: the frames that it happens to anyway, counted from 0 within the scope.
    :param seconds: how late a frame comes, where it does.
    :param span: from when until when.
    """

    kind: Effect
    direction: Direction
    odds: float = 0.0
    numbers: frozenset[int] = frozenset()
    scope: Scope = Scope.STREAM
    seconds: float = 0.05
    span: tuple[float, float] = (0.0, math.inf)


@dataclass(frozen=True)
class At:
    """A moment: a time, or the byte that is the last to pass.

    :param direction: of the bytes; ``None`` counts both.
    """

    seconds: float | None = None
    bytes: int | None = None
    direction: Direction | None = None

    def __post_init__(self) -> None:
        if (self.seconds is None) == (self.bytes is None):
            raise ValueError("a moment is either a time or a byte")


@dataclass(frozen=True)
class Cut:
    """The link breaks. ``code`` is that of the close frame, if there is one."""

    how: How
    at: At
    code: int = 1001


@dataclass(frozen=True)
class Pause:
    """The client is told to pause, and ``seconds`` later to go on.

    :param text: by bare text frames instead of messages.
    """

    at: At
    seconds: float
    text: bool = False


@dataclass(frozen=True)
class Restart:
    """The gateway restarts: all links break, and for ``seconds`` nobody listens."""

    at: At
    seconds: float


@dataclass(frozen=True)
class AgentCut:
    """The agent's own link breaks, after it has delivered the next input and before it has
    acknowledged it.

    The real one (3.3) counts a message when its acknowledge is sent. So it counts this one
    not, and delivers the client's repeat once more: the far end reads these bytes twice.
    """

    at: At


@dataclass(frozen=True)
class Close:
    """The service closes the session; what did not pass before is lost.

    :param output: its reason, as channel_closed gives it.
    """

    at: At
    output: str = ""


#: What happens once, at a moment.
Incident = Cut | Pause | Restart | AgentCut | Close

#: Of these, those that leave the link as it is.
HARMLESS_TO_LINKS = (Pause, AgentCut)
Fault = FrameFault | Incident


@dataclass(frozen=True)
class FaultPlan:
    """Faults for one session. Plans add up: ``plan | other`` has the faults of both."""

    faults: tuple[Fault, ...] = ()
    seed: int = field(default=0, kw_only=True)

    def __or__(self, other: FaultPlan) -> FaultPlan:
        return FaultPlan(self.faults + other.faults, seed=self.seed)

    @property
    def frame_faults(self) -> tuple[FrameFault, ...]:
        return tuple(fault for fault in self.faults if isinstance(fault, FrameFault))

    @property
    def incidents(self) -> tuple[Incident, ...]:
        return tuple(fault for fault in self.faults if not isinstance(fault, FrameFault))


NO_FAULTS = FaultPlan()


def slow_acks(direction: Direction, seconds: float) -> FrameFault:
    """All acknowledges come late, and hold up nothing else."""
    return FrameFault(Effect.REORDER, direction, odds=1.0, scope=Scope.ACKS, seconds=seconds)


def no_acks(direction: Direction, span: tuple[float, float]) -> FrameFault:
    """No acknowledge arrives from one time to another."""
    return FrameFault(Effect.DROP, direction, odds=1.0, scope=Scope.ACKS, span=span)


def random_cuts(
    rng: random.Random,
    count: int,
    within: int,
    direction: Direction | None = None,
    hows: Iterable[How] = (How.RESET, How.FIN, How.CLOSE),
) -> FaultPlan:
    """``count`` cuts at random among the first ``within`` bytes, in random ways.

    Between two of them are at least half as many bytes as there are on average: a link that
    always breaks before its first word is one that refuses us.
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
