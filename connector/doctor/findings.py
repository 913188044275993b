"""What a leg of the way is, what was found of it, and the examination of one after another.

Nothing here prints: whoever asks for an examination shows its findings.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from enum import Enum
from typing import Any

from ..errors import ConnectFailed, ConnectorError, InternalError

#: Seconds that all legs together may take; the end of a session may come on top of that.
TOTAL_TIMEOUT = 32.0

logger = logging.getLogger(__name__)

#: Details for programs; the names of the members are documented by ``connector doctor --help``.
Facts = dict[str, Any]


class Status(str, Enum):
    OK = "ok"
    WARN = "warn"
    FAIL = "fail"
    SKIP = "skip"


@dataclass
class Result:
    """What was found of a leg.

    :param text: for a person, without a final full stop; ``hint`` says what to do.
    :param blocks: why the legs that need this one cannot be looked at; empty: they can.
    :param exit_code: of a failure.
    """

    text: str
    status: Status = Status.OK
    hint: str = ""
    facts: Facts = field(default_factory=dict)
    blocks: str = ""
    exit_code: int = 0

    @classmethod
    def failed(cls, error: ConnectorError, facts: Facts | None = None) -> Result:
        return cls(
            error.message[:1].upper() + error.message[1:],
            Status.FAIL,
            error.hint or "",
            facts or {},
            exit_code=error.exit_code,
        )


@dataclass(frozen=True)
class Leg:
    """:param name: for programs; it never changes. ``title`` is for people.
    :param run: looks at it; what it raises of ``ConnectorError`` is a failure.
    :param needs: the names of the legs without which there is nothing to look at.
    :param timeout: seconds after which it counts as failed.
    """

    name: str
    title: str
    run: Callable[[], Result]
    needs: tuple[str, ...] = ()
    timeout: float = 5.0


@dataclass(frozen=True)
class Finding:
    """:param seconds: that it took to look."""

    leg: Leg
    result: Result
    seconds: float


def examine(
    legs: Sequence[Leg], begun: Callable[[Leg], None], timeout: float = TOTAL_TIMEOUT
) -> Iterator[Finding]:
    """Look at one leg after the other.

    :param begun: is told which one is looked at now.
    :param timeout: seconds for all of them; what is left over is skipped.
    """
    deadline = time.monotonic() + timeout
    blocked: dict[str, str] = {}
    for leg in legs:
        began = time.monotonic()
        reason = next((blocked[name] for name in leg.needs if name in blocked), "")
        if not reason and began >= deadline:
            reason = f"{timeout:.0f} s are over"
        if reason:
            result = Result(reason, Status.SKIP, blocks=reason)
        else:
            begun(leg)
            result = _look(leg, min(leg.timeout, deadline - began))
            if result.status is Status.FAIL and not result.blocks:
                result.blocks = f"{leg.title}: failed, see above"
        if result.blocks:
            blocked[leg.name] = result.blocks
        yield Finding(leg, result, time.monotonic() - began)


def _look(leg: Leg, timeout: float) -> Result:
    """In a thread: a resolver, for one, knows no deadline and is left behind."""
    done = threading.Event()
    results: list[Result] = []

    def work() -> None:
        try:
            results.append(leg.run())
        except ConnectorError as error:
            logger.debug("why", exc_info=True)
            results.append(Result.failed(error))
        except Exception as error:
            logger.debug("a bug", exc_info=True)
            text = f"Internal error ({type(error).__name__}): a bug of the connector"
            results.append(Result(text, Status.FAIL, exit_code=InternalError.exit_code))
        finally:
            done.set()

    threading.Thread(target=work, daemon=True).start()
    if done.wait(timeout):
        return results[0]
    late = ConnectFailed(f"there is no answer within {timeout:.0f} s", "Check the network and DNS")
    return Result.failed(late)
