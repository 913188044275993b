"""What a leg of the way is, what was found of it, and the examination of one after another.

Nothing here prints: whoever asks for an examination shows its findings.
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

from ..errors import ConnectFailed, ConnectorError, InternalError
from .words import Harmless, Words, words

#: Seconds that all legs together may take; the end of a session may come on top of that.
TOTAL_TIMEOUT = 32.0

_PACKAGE = Path(__file__).parents[1]

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

    A report shows the values of text, hint, blocks and facts only where they are numbers or
    :class:`~.words.Harmless`, and other strings that are no :class:`~.words.Words` not at all.

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
            _text_of(error),
            Status.FAIL,
            error.hint or "",
            facts or {},
            exit_code=error.exit_code,
        )


def _text_of(error: ConnectorError) -> Words:
    """The message. A report says what kind of error it is, and where our source raises it."""
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
    shown = message[:1].upper() + message[1:]
    return Words("{kind}{where}: {meaning} ({message})", values, shown)


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
    :param timeout: seconds for all of them. A leg that is left over is a warning: what was
        not looked at is not well.
    """
    deadline = time.monotonic() + timeout
    blocked: dict[str, str] = {}
    for leg in legs:
        began = time.monotonic()
        reason = next((blocked[name] for name in leg.needs if name in blocked), "")
        if reason:
            result = Result(reason, Status.SKIP, blocks=reason)
        elif began >= deadline:
            late = words("Not tried: {timeout:.0f} s are over", timeout=timeout)
            result = Result(late, Status.WARN, blocks=late)
        else:
            begun(leg)
            result = _look(leg, min(leg.timeout, deadline - began))
            if result.status is Status.FAIL and not result.blocks:
                result.blocks = words("{leg}: failed, see above", leg=Harmless(leg.title))
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
            text = words(
                "Internal error ({kind}): a bug of the connector",
                kind=Harmless(type(error).__name__),
            )
            results.append(Result(text, Status.FAIL, exit_code=InternalError.exit_code))
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
