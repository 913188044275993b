"""Legs, their results, and the examination that runs one leg after another.

This module prints nothing. The caller of :func:`examine` shows the findings.
"""

from __future__ import annotations

import logging
import os
import threading
import time
import traceback
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from enum import Enum
from pathlib import Path
from typing import Any

from ..errors import ConnectFailed, ConnectorError, InternalError, capitalised
from .words import Harmless, Words, words

#: Seconds for all legs together. Ending the session may take longer.
TOTAL_TIMEOUT = 32.0

_PACKAGE = Path(__file__).parents[1]

logger = logging.getLogger(__name__)

#: Details for programs. docs/doctor.md documents the names of the members.
Facts = dict[str, Any]


class Status(str, Enum):
    """The outcome of a leg."""

    OK = "ok"
    WARN = "warn"
    FAIL = "fail"
    SKIP = "skip"


@dataclass
class Result:
    """The result of a leg.

    Texts are :class:`~.words.Words`. A report shows their values, and those of the facts, only if
    they are numbers or :class:`~.words.Harmless`. It replaces a plain string as a whole.

    :param text: the result for a person, without a final full stop.
    :param hint: what the user can do.
    :param blocks: why the legs that need this one are skipped; empty: they are not.
    :param exit_code: the exit code, for a failure.
    """

    text: str
    status: Status = Status.OK
    hint: str = ""
    facts: Facts = field(default_factory=dict)
    blocks: str = ""
    exit_code: int = 0

    @classmethod
    def failed(cls, error: ConnectorError, facts: Facts | None = None) -> Result:
        """Return the result for an error."""
        return cls(
            _text_of(error),
            Status.FAIL,
            error.hint or "",
            facts or {},
            exit_code=error.exit_code,
        )


def _text_of(error: ConnectorError) -> Words:
    """Return the message. A report shows the kind of error and the place in our source instead."""
    message = error.message
    if isinstance(message, Words):
        return message.capitalised
    kind = type(error)
    meaning = (kind.__doc__ or "").strip().partition("\n")[0].rstrip(".")
    places = [
        f"{Path(frame.filename).relative_to(_PACKAGE).as_posix()}:{frame.lineno}"
        for frame in traceback.extract_tb(error.__traceback__)
        if frame.filename.startswith(f"{_PACKAGE}{os.sep}")
    ]
    values = {
        "kind": Harmless(kind.__name__),
        "where": words(" in {place}", place=Harmless(places[-1])) if places else words(""),
        "meaning": Harmless(meaning[:1].lower() + meaning[1:]),
        "message": message,
    }
    return Words("{kind}{where}: {meaning} ({message})", values, capitalised(message))


@dataclass(frozen=True)
class Leg:
    """One step of an examination.

    :param name: the name for programs, which never changes.
    :param title: the name for people.
    :param run: checks the step. A ``ConnectorError`` that it raises is a failure.
    :param needs: the names of the legs that this leg depends on.
    :param timeout: seconds after which the leg has failed.
    :param patience: seconds more that the user's own programs may take in it. They do not count
        for the time of all legs.
    """

    name: str
    title: str
    run: Callable[[], Result]
    needs: tuple[str, ...] = ()
    timeout: float = 5.0
    patience: float = 0.0


@dataclass(frozen=True)
class Finding:
    """The result of a leg, and the seconds that it took."""

    leg: Leg
    result: Result
    seconds: float


def examine(
    legs: Sequence[Leg], begun: Callable[[Leg], None], timeout: float = TOTAL_TIMEOUT
) -> Iterator[Finding]:
    """Run the legs one after another, and yield a finding for each.

    :param begun: called with each leg that is about to run.
    :param timeout: seconds for all legs, besides their patience. A leg that remains after that
        is a warning, because its step was not checked.
    """
    deadline = time.monotonic() + timeout
    blocked: dict[str, str] = {}
    for leg in legs:
        began = time.monotonic()
        reason = next((blocked[name] for name in leg.needs if name in blocked), "")
        if reason:
            result = Result(reason, Status.SKIP, blocks=reason)
        elif began >= deadline:
            late = words("Not tried: the time of {timeout:.0f} s is over", timeout=timeout)
            result = Result(late, Status.WARN, blocks=late)
        else:
            begun(leg)
            result = _run(leg, min(leg.timeout, deadline - began) + leg.patience)
            deadline += max(0.0, time.monotonic() - began - leg.timeout)
            if result.status is Status.FAIL and not result.blocks:
                result.blocks = words("{leg}: failed, see above", leg=Harmless(leg.title))
        if result.blocks:
            blocked[leg.name] = result.blocks
        yield Finding(leg, result, time.monotonic() - began)


def _run(leg: Leg, timeout: float) -> Result:
    """Run a leg in a thread, which is left behind on a timeout: a resolver has no deadline."""
    done = threading.Event()
    results: list[Result] = []

    def work() -> None:
        try:
            results.append(leg.run())
        except ConnectorError as error:
            logger.debug("a leg failed", exc_info=True)
            results.append(Result.failed(error))
        except Exception as error:
            logger.debug("a bug", exc_info=True)
            internal = InternalError.of(error)
            text = words("{error}", error=Harmless(internal))
            results.append(Result(text, Status.FAIL, exit_code=internal.exit_code))
        finally:
            done.set()

    threading.Thread(target=work, daemon=True).start()
    if done.wait(timeout):
        return results[0]
    late = ConnectFailed(
        words("there is no answer within {timeout:.0f} s", timeout=timeout),
        words("Check the network and DNS"),
    )
    return Result.failed(late)
