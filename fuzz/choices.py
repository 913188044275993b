"""Decisions taken from a fuzzer's bytes, so that small changes of them change little."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar

T = TypeVar("T")


class Choices:
    """Hands bytes out; once there are no more, they are all zero."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._at = 0

    def __bool__(self) -> bool:
        return self._at < len(self._data)

    def number(self, size: int = 1, *, signed: bool = False) -> int:
        """An integer of so many bytes."""
        return int.from_bytes(self.take(size).ljust(size, b"\0"), "big", signed=signed)

    def take(self, size: int) -> bytes:
        """So many bytes, or what is left."""
        piece = self._data[self._at : self._at + size]
        self._at += size
        return piece

    def piece(self) -> bytes:
        """Bytes of a length that the data themselves tell."""
        return self.take(self.number(2) % 2000)

    def rest(self) -> bytes:
        return self.take(len(self._data))

    def of(self, options: Sequence[T]) -> T:
        return options[self.number() % len(options)]
