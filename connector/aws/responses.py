"""Checks of an API's responses: the members that we read, their types and their ranges.

Each service has a table of its operations' responses, made of the shapes below. :func:`check` runs
before any other code sees a response, botocore's parser included: the parser trusts the types that
its model names, but JSON can hold anything.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import suppress

from ..errors import ServiceError
from ..fast.typed import Any
from .api import CallFailed

#: Check a value of a response and return the value to use; raise :class:`Wrong` for any other.
Shape = Callable[[object], Any]


class Wrong(Exception):
    """A value does not have its shape. The text is the path of the member, if it has one."""


def text(value: object) -> str:
    """Accept a string. JSON can escape lone surrogates, which are replaced."""
    if not isinstance(value, str):
        raise Wrong
    return value if value.isascii() else value.encode("utf-8", "replace").decode()


def non_empty(value: object) -> str:
    """Accept a string that is not empty."""
    found = text(value)
    if not found:
        raise Wrong
    return found


def text_or_empty(value: object) -> str:
    """Accept anything; what is no string counts as an empty one."""
    return text(value) if isinstance(value, str) else ""


def texts(*names: str) -> dict[str, Shape]:
    """Return the members of an object that are strings."""
    return dict.fromkeys(names, text)


def number(low: float, high: float) -> Shape:
    """Accept a number and clamp it to a range. Booleans and NaN are not numbers."""

    def shape(value: object) -> float:
        if not isinstance(value, (int, float)) or isinstance(value, bool) or value != value:
            raise Wrong
        return float(min(max(value, low), high))

    return shape


def list_of(item: Shape) -> Shape:
    """Accept a list whose items all have one shape."""

    def shape(value: object) -> list[Any]:
        if not isinstance(value, list):
            raise Wrong
        return [item(each) for each in value]

    return shape


def list_or_empty(item: Shape) -> Shape:
    """Accept a list as :func:`list_of` does; a missing one is empty."""
    listed = list_of(item)
    return lambda value: listed([] if value is None else value)


class Object:
    """Accept an object and keep only the members named here.

    :param required: members that must be there and have their shape.
    :param optional: members that may be missing but must have their shape if they are there.
    :param lenient: members that are left out if they are missing or have another shape.
    """

    def __init__(
        self,
        required: Mapping[str, Shape] | None = None,
        *,
        optional: Mapping[str, Shape] | None = None,
        lenient: Mapping[str, Shape] | None = None,
    ) -> None:
        self._required = required or {}
        self._optional = optional or {}
        self._lenient = lenient or {}

    def __call__(self, value: object) -> dict[str, Any]:
        if not isinstance(value, dict):
            raise Wrong
        found: dict[str, Any] = {}
        for name, shape in (*self._required.items(), *self._optional.items()):
            if value.get(name) is None and name not in self._required:
                continue
            try:
                found[name] = shape(value.get(name))
            except Wrong as wrong:
                raise Wrong(".".join([name, *wrong.args])) from None
        for name, shape in self._lenient.items():
            with suppress(Wrong):
                found[name] = shape(value.get(name))
        return found


#: The members of requests and responses that name the next page of a list. Each service has one.
PAGE_TOKENS = ("NextToken", "nextToken")


def page_of(member: str, item: Shape) -> Object:
    """Return the shape of a page of a list.

    :param member: that has the items; it may be missing.
    """
    # A page whose token cannot be read must not pass for the last one.
    return Object(optional={member: list_of(item), **dict.fromkeys(PAGE_TOKENS, text)})


def check(response: object, shape: Shape, host: str) -> dict[str, Any]:
    """Return the members of a response that its shape names.

    :param host: the host that answered, for the error.
    :raises CallFailed: when a member that the operation needs is missing or malformed.
    """
    try:
        found: dict[str, Any] = shape(response)
    except Wrong as wrong:
        if not wrong.args:
            raise CallFailed(ServiceError(f"The response from {host} is malformed")) from None
        raise CallFailed(
            ServiceError(f"The response from {host} has no valid {wrong.args[0]}")
        ) from None
    return found
