"""The lists of regional APIs, page by page, and the times in them."""

from __future__ import annotations

import time
from collections.abc import Iterator

from ...aws.api import CallFailed, Refused
from ...aws.responses import PAGE_TOKENS
from ...aws.retry import Retry, may_pass
from ...errors import NETWORK_HINT, ConnectFailed, ServiceError
from ...fast.typed import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ...aws.signed import SignedApi

_CALL_TIMEOUT = 12.0  # seconds for one try
_TRIES = 3
_MOST_PAGES = 200  # of a list


def items_of(
    api: SignedApi, operation: str, member: str, deadline: float, **members: Any
) -> Iterator[Any]:
    """Yield the items of all pages of a list. Failures that may pass are tried again.

    :param operation: the name of the botocore client's method.
    :param member: of the answer, that has the items.
    :param deadline: on the clock of ``time.monotonic``.
    :param members: of the request.
    :raises Refused: when the service refuses.
    :raises CallFailed: when there is no answer by the deadline, or the pages do not end.
    """
    seen: list[dict[str, str]] = []
    for _ in range(_MOST_PAGES):
        answer = ask(api, operation, deadline, **members)
        yield from answer.get(member, ())
        following = {name: answer[name] for name in PAGE_TOKENS if answer.get(name)}
        if not following:
            return
        if following in seen:
            break
        seen.append(following)
        members |= following
    raise CallFailed(ServiceError(f"The list of {operation} does not end"))


def ask(api: SignedApi, operation: str, deadline: float, **members: Any) -> dict[str, Any]:
    """Make a call that changes nothing; failures that may pass are tried again.

    :raises Refused: when the service refuses.
    :raises CallFailed: when there is no answer by the deadline.
    """
    retry = Retry(operation, deadline, tries=_TRIES)
    while True:
        left = deadline - time.monotonic()
        if left <= 0:
            raise late(operation)
        try:
            return api.call(operation, timeout=min(_CALL_TIMEOUT, left), **members)
        except (Refused, CallFailed) as failure:
            if not retry.pause(failure, passes=may_pass(failure, idempotent=True)):
                raise


def late(what: str) -> CallFailed:
    """Return the failure of calls that end after their deadline."""
    return CallFailed(ConnectFailed(f"AWS did not answer in time ({what})", NETWORK_HINT))


def epoch_time(value: object) -> float:
    """Return a time of a service in seconds since the epoch; 0 for a value that is none."""
    from datetime import datetime  # ssh has no need of it

    if isinstance(value, str):
        try:
            value = datetime.fromisoformat(value.replace("Z", "+00:00"))
        except ValueError:
            return 0.0
    if isinstance(value, datetime):
        return value.timestamp()
    return float(value) if isinstance(value, (int, float)) else 0.0


def iso_time(value: object) -> str:
    """Return a time of a service in ISO 8601; empty for a value that is none."""
    from datetime import datetime, timezone  # ssh has no need of it

    if isinstance(value, datetime):
        moment = value
    elif isinstance(value, (int, float)) and 0 <= value < 1e11:
        moment = datetime.fromtimestamp(value, timezone.utc)
    else:
        return value if isinstance(value, str) else ""
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")
