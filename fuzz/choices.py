"""Take decisions from a fuzzer's bytes, so that a small change of the bytes changes little."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar

T = TypeVar("T")


class Choices:
    """Takes values from bytes; after the last byte, numbers are zero and pieces are empty."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._at = 0

    def __bool__(self) -> bool:
        return self._at < len(self._data)

    def number(self, size: int = 1, *, signed: bool = False) -> int:
        """Return an integer of ``size`` bytes."""
        return int.from_bytes(self.take(size).ljust(size, b"\0"), "big", signed=signed)

    def take(self, size: int) -> bytes:
        """Return ``size`` bytes, or as many as are left."""
        piece = self._data[self._at : self._at + size]
        self._at += size
        return piece

    def piece(self) -> bytes:
        """Return bytes, with a length that the next two bytes give."""
        return self.take(self.number(2) % 2000)

    def rest(self) -> bytes:
        return self.take(len(self._data))

    def of(self, options: Sequence[T]) -> T:
        return options[self.number() % len(options)]
