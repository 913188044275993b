"""The shapes of requests: what each member may be, and the checks.

botocore checks only required members, types and minima. Lengths, patterns and enums are the
service's to check. A request in a query string has strings only: each shape reads its values
from them, by ``parse``.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


class InvalidInput(Exception):
    """A member does not fit its shape. The text names the member and never quotes the value."""


def _broken(where: str, rule: str) -> InvalidInput:
    subject = f"Value at '{where}'" if where else "Value of the request"
    return InvalidInput(f"{subject} failed to satisfy constraint: {rule}")


@dataclass(frozen=True)
class Text:
    """A string. Lengths are in characters; ``pattern`` must match the whole string."""

    minimum: int = 0
    maximum: int | None = None
    pattern: str | None = None
    enum: tuple[str, ...] = ()

    def check(self, value: object, where: str) -> None:
        """:raises InvalidInput: if ``value`` is not such a string."""
        if not isinstance(value, str):
            raise _broken(where, "Member must be a string")
        if any("\ud800" <= character <= "\udfff" for character in value):
            raise _broken(where, "Member must be Unicode text")  # it has a lone surrogate
        if len(value) < self.minimum:
            raise _broken(where, f"Member must have length at least {self.minimum}")
        if self.maximum is not None and len(value) > self.maximum:
            raise _broken(where, f"Member must have length at most {self.maximum}")
        if self.pattern is not None and not re.fullmatch(self.pattern, value):
            raise _broken(where, f"Member must match the pattern {self.pattern}")
        if self.enum and value not in self.enum:
            raise _broken(where, f"Member must be one of {', '.join(self.enum)}")

    def parse(self, value: Any) -> Any:
        """Return the value of a query string's member. A malformed one stays as it is."""
        return value


@dataclass(frozen=True)
class Whole:
    """An integer. Both bounds are included."""

    minimum: int
    maximum: int

    def check(self, value: object, where: str) -> None:
        """:raises InvalidInput: if ``value`` is not such an integer."""
        if not isinstance(value, int) or isinstance(value, bool):
            raise _broken(where, "Member must be an integer")
        if not self.minimum <= value <= self.maximum:
            raise _broken(where, f"Member must be from {self.minimum} to {self.maximum}")

    def parse(self, value: Any) -> Any:
        """Return the value of a query string's member. A malformed one stays as it is."""
        whole = isinstance(value, str) and re.fullmatch(r"-?[0-9]{1,19}", value)
        return int(value) if whole else value


@dataclass(frozen=True)
class Flag:
    """A boolean."""

    def check(self, value: object, where: str) -> None:
        """:raises InvalidInput: if ``value`` is not a boolean."""
        if not isinstance(value, bool):
            raise _broken(where, "Member must be a boolean")

    def parse(self, value: Any) -> Any:
        """Return the value of a query string's member. A malformed one stays as it is."""
        return {"true": True, "false": False}.get(value, value) if isinstance(value, str) else value


@dataclass(frozen=True)
class Time:
    """A timestamp: seconds since the epoch, or a text of ISO 8601 in a query string."""

    def check(self, value: object, where: str) -> None:
        """:raises InvalidInput: if ``value`` is no timestamp."""
        if not isinstance(value, int | float | str) or isinstance(value, bool):
            raise _broken(where, "Member must be a timestamp")

    def parse(self, value: Any) -> Any:
        """Return the value of a query string's member, which stays a text."""
        return value


@dataclass(frozen=True)
class ListOf:
    """A list of one shape with ``minimum`` to ``maximum`` items."""

    item: Shape
    maximum: int | None = None
    minimum: int = 0

    def check(self, value: object, where: str) -> None:
        """:raises InvalidInput: if ``value`` is not such a list."""
        if not isinstance(value, list):
            raise _broken(where, "Member must be a list")
        if len(value) < self.minimum:
            raise _broken(where, f"Member must have at least {self.minimum} items")
        if self.maximum is not None and len(value) > self.maximum:
            raise _broken(where, f"Member must have at most {self.maximum} items")
        for number, item in enumerate(value, 1):
            self.item.check(item, f"{where}.{number}.member")

    def parse(self, value: Any) -> Any:
        """Return the value of a query string's member. A malformed one stays as it is."""
        return [self.item.parse(item) for item in value] if isinstance(value, list) else value


@dataclass(frozen=True)
class MapOf:
    """A JSON object whose keys are texts of one shape, and whose values are of another."""

    key: Text
    item: Shape
    maximum: int | None = None

    def check(self, value: object, where: str) -> None:
        """:raises InvalidInput: if ``value`` is not such an object."""
        if not isinstance(value, dict):
            raise _broken(where, "Member must be a map")
        if self.maximum is not None and len(value) > self.maximum:
            raise _broken(where, f"Member must have at most {self.maximum} entries")
        for name, item in value.items():
            self.key.check(name, f"{where}.key")
            self.item.check(item, f"{where}.value")

    def parse(self, value: Any) -> Any:
        """Return the value of a query string's member. No emulated query has a map."""
        return value


@dataclass(frozen=True)
class Structure:
    """A JSON object. Null members count as missing.

    AWS ignores unknown members of JSON. Here they are refused: one that the emulator does not have
    could change what the caller expects, and a misspelt one would go unseen.
    """

    members: Mapping[str, Shape] = field(default_factory=dict)
    required: tuple[str, ...] = ()

    def check(self, value: object, where: str = "") -> None:
        """:raises InvalidInput: if ``value`` is not such an object."""
        if not isinstance(value, dict):
            raise _broken(where, "Member must be an object")
        prefix = f"{where}." if where else ""
        if value.keys() - self.members.keys():
            raise _broken(where, "Member must have no members that the emulator does not know")
        for name, shape in self.members.items():
            member = value.get(name)
            if member is not None:
                shape.check(member, prefix + name)
            elif name in self.required:
                raise _broken(prefix + name, "Member must not be null")

    def parse(self, value: Any) -> Any:
        """Return the value of a query string's member. A malformed one stays as it is."""
        if not isinstance(value, dict):
            return value
        return {
            name: self.members[name].parse(member) if name in self.members else member
            for name, member in value.items()
        }


Shape = Text | Whole | Flag | Time | ListOf | MapOf | Structure
