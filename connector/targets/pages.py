"""The lists of APIs, page by page, and the times in them."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from ..aws.api import CallFailed
from ..aws.responses import PAGE_TOKENS
from ..errors import ServiceError
from ..fast.typed import Any

_MOST_PAGES = 200  # of a list


def items_of(ask: Callable[..., dict[str, Any]], member: str, what: str) -> Iterator[Any]:
    """Yield the items of all pages of a list.

    :param ask: return a page. Its keyword is the member of a request that names the page; it has
        none for the first one.
    :param member: of a page, that has the items.
    :param what: is listed, for the error.
    :raises CallFailed: when the pages do not end.
    """
    more: dict[str, str] = {}
    seen: list[dict[str, str]] = []
    for _ in range(_MOST_PAGES):
        page = ask(**more)
        yield from page.get(member, ())
        more = {name: page[name] for name in PAGE_TOKENS if page.get(name)}
        if not more:
            return
        if more in seen:
            break
        seen.append(more)
    raise CallFailed(ServiceError(f"The list of {what} does not end"))


def epoch_time(value: object) -> float:
    """Return a time of a service in seconds since the epoch; 0 for a value that is none."""
    from datetime import datetime  # ssh has no need of it

    from ..aws.times import epoch_of

    if isinstance(value, str):
        return epoch_of(value) or 0.0
    try:
        if isinstance(value, datetime):
            return value.timestamp()
        return float(value) if isinstance(value, (int, float)) else 0.0
    except (ValueError, OverflowError):  # a time that no clock shows
        return 0.0


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
