"""Measure the memory of an object, so that a test finds a buffer under any name."""

from __future__ import annotations

import sys
from collections import deque
from collections.abc import Iterator
from enum import Enum

_LEAVES = (bytes, str, int, float, bool, type(None), Enum)


def footprint(root: object) -> int:
    """Return the bytes of all objects that ``root`` reaches by attributes and containers."""
    seen: set[int] = set()
    waiting = [root]
    total = 0
    while waiting:
        thing = waiting.pop()
        if id(thing) in seen or isinstance(thing, type) or callable(thing):
            continue
        seen.add(id(thing))
        total += sys.getsizeof(thing)
        if not isinstance(thing, _LEAVES):
            waiting += _parts(thing)
    return total


def _parts(thing: object) -> Iterator[object]:
    if isinstance(thing, dict):
        yield from thing.keys()
        yield from thing.values()
    elif isinstance(thing, list | tuple | set | frozenset | deque):
        yield from thing
    else:
        yield from getattr(thing, "__dict__", {}).values()
        for name in getattr(type(thing), "__slots__", ()):
            yield getattr(thing, name, None)
