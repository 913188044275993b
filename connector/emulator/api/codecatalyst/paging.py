"""The filters and pages of list operations."""

from __future__ import annotations

import base64
import operator
from collections.abc import Callable, Iterable, Mapping
from typing import Any, TypeVar

from ..errors import ValidationException

Item = TypeVar("Item")

# The names are the API's. The default is EQ.
COMPARISONS: Mapping[str, Callable[[str, str], bool]] = {
    "EQ": operator.eq,
    "GT": operator.gt,
    "GE": operator.ge,
    "LT": operator.lt,
    "LE": operator.le,
    "BEGINS_WITH": str.startswith,
}


def matches(attributes: Mapping[str, str], filters: Iterable[Mapping[str, Any]] | None) -> bool:
    """Return whether every filter matches. A filter matches if one of its values does.

    :raises ValidationException: for an unknown key or comparison.
    """
    result = True  # no early return: a malformed filter is an error in any case
    for rule in filters or ():
        name = rule.get("comparisonOperator") or "EQ"
        if rule["key"] not in attributes:
            raise ValidationException(f"Filter key must be one of {', '.join(attributes)}")
        if name not in COMPARISONS:
            raise ValidationException(f"Comparison must be one of {', '.join(COMPARISONS)}")
        attribute = attributes[rule["key"]]
        result = result and any(COMPARISONS[name](attribute, value) for value in rule["values"])
    return result


def page(
    items: Iterable[Item],
    key: Callable[[Item], tuple[str, ...]],
    scope: str,
    size: int,
    next_token: str | None,
) -> tuple[list[Item], str | None]:
    """Return one page of ``items`` in the order of ``key``, and the token of the next page.

    A token holds the last key of its page, not a count. So no item is skipped or repeated when
    others are added or removed between two pages.

    :param key: returns the unique key of an item, whose parts have no newlines.
    :param scope: what is listed. A token is valid only in its own scope.
    :param size: the maximum of items on a page.
    :raises ValidationException: if the token does not belong to this scope.
    """
    after = _read_token(next_token, scope) if next_token else ()
    rest = sorted((item for item in items if key(item) > after), key=key)
    if len(rest) <= size:
        return rest, None
    last = "\n".join((scope, *key(rest[size - 1])))
    return rest[:size], base64.urlsafe_b64encode(last.encode()).decode()


def _read_token(token: str, scope: str) -> tuple[str, ...]:
    try:
        found, *after = base64.b64decode(token, altchars=b"-_", validate=True).decode().split("\n")
    except ValueError:
        found, after = "", []
    if found != scope or not after:
        raise ValidationException("The nextToken is invalid")
    return tuple(after)
