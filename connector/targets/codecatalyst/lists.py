"""What the API's lists have in common: pages, and times."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from ...aws.api import CallFailed
from ...errors import ServiceError

_MOST_PAGES = 100  # of a list; a service that gives more turns in a circle


def items_of(ask: Callable[[dict[str, str]], dict[str, Any]], what: str) -> Iterator[Any]:
    """The items of all pages.

    :param ask: gets a page; its argument are the members that name it, none for the first.
    :param what: is listed, in the plural, for the errors.
    :raises CallFailed: when it is no list, or does not end; and what ``ask`` raises.
    """
    more: dict[str, str] = {}
    seen: set[str] = set()
    for _ in range(_MOST_PAGES):
        answer = ask(more)
        if "items" not in answer:
            raise CallFailed(ServiceError(f"CodeCatalyst answered without a list of {what}"))
        yield from answer["items"]
        next_token = answer.get("nextToken", "")
        if not next_token:
            return
        if next_token in seen:
            break
        seen.add(next_token)
        more = {"nextToken": next_token}
    raise CallFailed(ServiceError(f"CodeCatalyst's list of {what} does not end"))


def iso_time(value: object) -> str:
    """A member that is a time, in ISO 8601: botocore has parsed it, the light client not."""
    from datetime import datetime  # which no ssh needs

    if isinstance(value, datetime):
        return value.isoformat(timespec="milliseconds").replace("+00:00", "Z")
    return value if isinstance(value, str) else ""
