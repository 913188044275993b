"""The sources of a soak's sessions: a Dev Environment's service, and Systems Manager.

A Dev Environment's links come back with the token of the start. The sessions of an EC2 instance
are opened by ssm:StartSession with temporary keys. Each link that is lost needs a fresh token or
URL of ssm:ResumeSession, which is throttled at random, and an upgrade that is signed with keys
that have not ended.
"""

from __future__ import annotations

import random
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from types import TracebackType
from typing import NamedTuple

from connector.emulator.api.errors import ApiError
from connector.emulator.gateway.gateway import Rejoin
from connector.emulator.sessions import Session
from tests.endtoend.cloud import Cloud
from tests.endtoend.matrix import Lost
from tests.endtoend.rolekeys import RoleKeys

#: Seconds of a link until the gateway closes it, as AWS's does hourly.
LIFETIMES = (2.0, 5.0, None)

#: Seconds that keys live, and those between two pairs of keys.
KEY_LIFE, KEY_PERIOD = 10.0, 2.0

#: The share of ssm:ResumeSession that is throttled, and the requests for which that is planned.
THROTTLED, PLANNED = 0.2, 1000


class Source(NamedTuple):
    """A service that starts sessions on one machine.

    :ivar host: of the machine.
    """

    name: str
    host: str


def sources_of(cloud: Cloud) -> tuple[Source, Source]:
    return (
        Source("Dev Environment, the token of the start", cloud.host),
        Source("EC2 instance, ssm:ResumeSession", cloud.instance),
    )


def rejoin_of(session: Session) -> Rejoin:
    """Return what a session's next link needs. Half of an instance's sessions need a fresh URL."""
    if session.origin is None:
        return Rejoin.SAME_TOKEN
    return Rejoin.FRESH_URL if session.id[-1] in "01234567" else Rejoin.FRESH_TOKEN


def throttle(cloud: Cloud, rng: random.Random) -> None:
    """Throttle some of the next requests for ssm:ResumeSession."""
    busy = ApiError("Rate exceeded", "ThrottlingException", 400)

    def plan() -> None:
        for _ in range(PLANNED):
            if rng.random() < THROTTLED:
                cloud.misbehaviours.refuse("ResumeSession", busy)
            else:
                cloud.misbehaviours.delay("ResumeSession", 0.0)

    cloud.call(plan)


class KeyRing:
    """Replaces keys before they end, in a thread: ``with``.

    The program of the profile tells the end of every other pair only.

    :ivar given: the number of pairs.
    """

    def __init__(self, keys: RoleKeys) -> None:
        self.given = 0
        self._keys = keys
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self) -> KeyRing:
        self._give()
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._over.set()
        self._thread.join()
        self._keys.remove()

    def _run(self) -> None:
        while not self._over.wait(KEY_PERIOD):
            self._give()

    def _give(self) -> None:
        self._keys.give(KEY_LIFE, told=self.given % 2 == 0)
        self.given += 1


@dataclass
class Tally:
    """What the sessions of one source went through."""

    runs: int = 0
    cuts: int = 0
    closes: int = 0
    resumed: int = 0
    refused: int = 0
    bytes: int = 0
    failures: int = 0

    def add(self, lost: Lost, size: int, *, runs: int = 1, failures: int = 0) -> None:
        """Add runs, the links that they lost, and the bytes of all of them together."""
        self.runs += runs
        self.cuts += lost.cuts
        self.closes += lost.closes
        self.bytes += size
        self.failures += failures

    def add_resumes(self, cloud: Cloud) -> None:
        """Add the answers of ssm:ResumeSession, which are taken out of the log."""

        def take() -> list[bool]:
            answers = cloud.server.requests_for("ssm:ResumeSession")
            cloud.server.requests.clear()
            return [each.status == 200 for each in answers]

        answers = cloud.call(take)
        self.resumed += answers.count(True)
        self.refused += answers.count(False)


def table(tallies: Mapping[str, Tally]) -> list[str]:
    """Return the lines of a table of all sources."""
    return [
        "\n## All sessions, by their source\n",
        "| source | runs | cuts | hourly closes | resumes | refused resumes | bytes | failures |",
        "|---|---|---|---|---|---|---|---|",
        *(
            f"| {name} | {each.runs} | {each.cuts} | {each.closes} | {each.resumed} "
            f"| {each.refused} | {each.bytes} | {each.failures} |"
            for name, each in tallies.items()
        ),
    ]
