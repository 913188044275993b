"""The sources of a soak's sessions, a kind of target each, and how their links come back.

A Dev Environment's links come back with the token of the start. All other sessions are opened
with temporary keys, and each upgrade is signed with keys that have not ended. Where the caller may
resume a session, each link that is lost needs a fresh token or URL of ssm:ResumeSession, which is
throttled at random. Elsewhere Systems Manager refuses to resume and to end the session, and the
token of the start opens every link.
"""

from __future__ import annotations

import random
import threading
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import NamedTuple

from aiohttp import web

from connector.emulator.api.errors import ApiError
from connector.emulator.api.rest import Misbehaviours, Proceed
from connector.emulator.gateway.gateway import Rejoin
from connector.emulator.sessions import Session
from tests.endtoend.cloud import Cloud
from tests.endtoend.matrix import Lost
from tests.endtoend.rolekeys import RoleKeys

#: Seconds of a link until the gateway closes it, as AWS's does hourly.
LIFETIMES = (2.0, 5.0, None)

#: Seconds that keys live, and those between two pairs of keys.
KEY_LIFE, KEY_PERIOD = 10.0, 2.0

#: The share of ssm:ResumeSession that is throttled.
THROTTLED = 0.2


#: The kinds of targets besides a Dev Environment and an EC2 instance.
KINDS = ("ecs", "sagemaker", "codebuild")


class Source(NamedTuple):
    """A service that starts sessions on one machine, and what Systems Manager says of them.

    :ivar host: of the machine.
    :ivar targets: how the target of each session begins; empty: no signed request opens one.
    :ivar resume: the code of the error of ssm:ResumeSession; empty: it resumes.
    :ivar end: likewise of ssm:TerminateSession.
    """

    name: str
    host: str
    targets: str = ""
    resume: str = ""
    end: str = ""


def sources_of(cloud: Cloud) -> tuple[Source, ...]:
    unknown, denied = "DoesNotExistException", "AccessDeniedException"
    return (
        Source("Dev Environment, the token of the start", cloud.host),
        Source("EC2 instance, ssm:ResumeSession", cloud.instance, "i-"),
        Source("ECS task, ssm:ResumeSession, end denied", cloud.names["ecs"], "ecs:", "", denied),
        Source(
            "SageMaker space, unknown to SSM", cloud.names["sagemaker"], "arn:", *2 * (unknown,)
        ),
        Source(
            "CodeBuild sandbox, denied by SSM",
            cloud.names["codebuild"],
            "codebuild:",
            *2 * (denied,),
        ),
    )


class Rules(Misbehaviours):
    """The rules of all sources: refuses requests about sessions, and throttles some of the others.

    :ivar answers: of ssm:ResumeSession, by the source's name and whether it was granted.
    """

    def __init__(self, cloud: Cloud, sources: Sequence[Source], rng: random.Random) -> None:
        super().__init__()
        self.answers: Counter[tuple[str, bool]] = Counter()
        self._sessions = cloud.account.sessions
        self._sources = sources
        self._rng = rng

    def rejoin(self, session: Session) -> Rejoin:
        """Return what a session's next link needs. Half of those that resume need a fresh URL."""
        if session.origin is None or self._source(session).resume:
            return Rejoin.SAME_TOKEN
        return Rejoin.FRESH_URL if session.id[-1] in "01234567" else Rejoin.FRESH_TOKEN

    async def __call__(
        self, operation: str, request: web.Request, proceed: Proceed
    ) -> web.Response:
        if operation not in ("ssm:ResumeSession", "ssm:TerminateSession"):
            return await super().__call__(operation, request, proceed)
        session = self._sessions.find((await request.json())["SessionId"])
        assert session is not None
        source = self._source(session)
        code = source.end
        if operation == "ssm:ResumeSession":
            busy = self._rng.random() < THROTTLED
            code = source.resume or ("ThrottlingException" if busy else "")
            self.answers[source.name, not code] += 1
        if code:
            raise ApiError("The soak's rules", code)
        return await proceed()

    def _source(self, session: Session) -> Source:
        assert session.origin is not None
        target = session.origin.target
        return next(
            each for each in self._sources if each.targets and target.startswith(each.targets)
        )


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

    def add_resumes(self, rules: Rules, source: Source) -> None:
        """Add the answers of ssm:ResumeSession about a source's sessions."""
        self.resumed += rules.answers[source.name, True]
        self.refused += rules.answers[source.name, False]


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
