"""The faults of one session, as its plan demands them."""

from __future__ import annotations

import asyncio
import random
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from ...datachannel.messages import (
    ACKNOWLEDGE,
    HEADER,
    INPUT_STREAM_DATA,
    OUTPUT_STREAM_DATA,
)
from .plans import (
    HARMLESS_TO_LINKS,
    Cut,
    Direction,
    Effect,
    FaultPlan,
    FrameFault,
    Incident,
    Scope,
)

_TYPE = slice(4, 36)  # of a message; see HEADER
_DIGEST = 80
_STREAM = {name.encode().ljust(32) for name in (INPUT_STREAM_DATA, OUTPUT_STREAM_DATA)}
_ACKNOWLEDGE = ACKNOWLEDGE.encode().ljust(32)

#: Bytes travel in a binary frame, text in a text frame.
Frame = bytes | str

#: A frame, and how many seconds later than usual it arrives.
Passage = tuple[float, Frame]

#: The maximum of entries in a log.
LOG_MAX = 100_000


@dataclass(frozen=True)
class Done:
    """One fault that has happened, ``seconds`` after the session was opened."""

    session_id: str
    seconds: float
    what: str

    def __str__(self) -> str:
        return f"{self.seconds:8.3f} s  {self.session_id}  {self.what}"


Log = deque[Done]


class Interference:
    """Apply a plan to the frames of one session.

    :param number: the number of the session. Sessions with the same plan differ by it.
    :param act: carries out an incident; returns ``False`` if that is not possible now, for
        example without a link.
    :param log: gets an entry for every fault that happens.
    """

    def __init__(
        self,
        plan: FaultPlan,
        session_id: str,
        number: int,
        act: Callable[[Incident], bool],
        log: Log,
    ) -> None:
        self._session_id = session_id
        self._act = act
        self._log = log
        self._loop = asyncio.get_running_loop()
        self._opened_at = self._loop.time()
        self._faults: dict[Direction, list[tuple[FrameFault, _Dice]]] = {
            direction: [
                (fault, _Dice(fault, f"{plan.seed}/{number}/{place}"))
                for place, fault in enumerate(plan.frame_faults)
                if fault.direction is direction
            ]
            for direction in Direction
        }
        #: Incidents that wait for a byte, by the direction of the bytes; the next one first.
        self._incidents: dict[Direction | None, deque[Incident]] = {
            direction: deque(
                sorted(
                    (
                        incident
                        for incident in plan.incidents
                        if incident.at.bytes is not None and incident.at.direction is direction
                    ),
                    key=lambda incident: incident.at.bytes or 0,
                )
            )
            for direction in (None, *Direction)
        }
        self._bytes = dict.fromkeys(Direction, 0)
        self._not_before = dict.fromkeys(Direction, 0.0)
        #: Directions in which the last byte before a break has passed.
        self._breaking: set[Direction] = set()
        self._timers = [
            self._loop.call_later(incident.at.seconds, self._happen, incident)
            for incident in plan.incidents
            if incident.at.seconds is not None
        ]

    def close(self) -> None:
        """Cancel everything that has not happened, because the session is over."""
        for timer in self._timers:
            timer.cancel()
        for incidents in self._incidents.values():
            incidents.clear()

    def disturb(self, direction: Direction, frames: list[Frame]) -> list[Passage]:
        """Return the frames that arrive, with their delays."""
        passages: list[Passage] = []
        for frame in frames:
            if direction in self._breaking:
                break  # the frame is lost with the link
            passages += self._pass(direction, frame)
            self._bytes[direction] += len(frame)
            for incident in self._due(direction):
                # Runs after earlier frames are delivered and before later ones arrive.
                if not isinstance(incident, HARMLESS_TO_LINKS):
                    self._breaking.add(direction)
                self._loop.call_soon(self._happen, incident)
        return passages

    def _pass(self, direction: Direction, frame: Frame) -> list[Passage]:
        now = self._loop.time()
        copies, late = 1, 0.0
        for fault, dice in self._faults[direction]:
            if not dice.hit(frame, now - self._opened_at):
                continue
            self._note(f"{direction.value}: {fault.effect.value} {_name(frame)}")
            if fault.effect is Effect.DROP:
                return []
            if fault.effect is Effect.DUPLICATE:
                copies += 1
            elif fault.effect is Effect.CORRUPT:
                frame = dice.corrupt(frame)
            elif fault.effect is Effect.REORDER:
                late += fault.seconds
            else:
                self._not_before[direction] = max(self._not_before[direction], now + fault.seconds)
        return [(max(0.0, self._not_before[direction] - now) + late, frame)] * copies

    # Incidents

    def _due(self, direction: Direction) -> Iterator[Incident]:
        for counted, passed in (
            (direction, self._bytes[direction]),
            (None, sum(self._bytes.values())),
        ):
            incidents = self._incidents[counted]
            while incidents and (incidents[0].at.bytes or 0) <= passed:
                yield incidents.popleft()

    def _happen(self, incident: Incident) -> None:
        self._breaking.clear()
        what = incident.how.value if isinstance(incident, Cut) else type(incident).__name__
        if self._act(incident):
            self._note(f"{what} after {sum(self._bytes.values())} bytes")
        elif incident.at.bytes is not None:
            # Without a link, the incident waits for the next one.
            self._incidents[incident.at.direction].appendleft(incident)
        else:
            self._note(f"{what} found no link")

    def _note(self, what: str) -> None:
        self._log.append(Done(self._session_id, self._loop.time() - self._opened_at, what))


class _Dice:
    """The chance and the count of one fault."""

    def __init__(self, fault: FrameFault, seed: str) -> None:
        self._fault = fault
        self._rng = random.Random(seed)
        self._count = 0

    def hit(self, frame: Frame, seconds: float) -> bool:
        fault = self._fault
        if not isinstance(frame, bytes) or not _in_scope(frame, fault.scope):
            return False
        number = self._count
        self._count += 1
        by_chance = self._rng.random() < fault.odds
        start, end = fault.span
        return (by_chance or number in fault.numbers) and start <= seconds < end

    def corrupt(self, frame: Frame) -> bytes:
        """Flip one bit of the payload, or of the digest if the payload is empty."""
        assert isinstance(frame, bytes)
        damaged = bytearray(frame)
        start = HEADER.size if len(frame) > HEADER.size else _DIGEST
        damaged[self._rng.randrange(start, len(frame))] ^= 1 << self._rng.randrange(8)
        return bytes(damaged)


def _in_scope(frame: bytes, scope: Scope) -> bool:
    message_type = frame[_TYPE]
    if message_type == _ACKNOWLEDGE:
        return scope is not Scope.STREAM
    return message_type in _STREAM and scope is not Scope.ACKS


def _name(frame: Frame) -> str:
    assert isinstance(frame, bytes)
    if frame[_TYPE] == _ACKNOWLEDGE:
        return "an ack"
    return f"message {HEADER.unpack_from(frame)[4]}"
