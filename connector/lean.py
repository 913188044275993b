"""Libraries, without what they import and one connection never uses.

Both functions hide one module for the time of one import. They are to be called before there
are threads: one that imports the hidden module at the same moment would be misled.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from types import ModuleType
from typing import Any


class _Later(ModuleType):
    """Stands for a module until something of it is wanted."""

    def __getattr__(self, name: str) -> Any:
        return getattr(import_module(self.__name__), name)


def import_dataclasses() -> None:
    """Import ``dataclasses``, and ``inspect`` only when that is used.

    It is used for the text of classes without one, and from CPython 3.12 on for annotations, so
    that this helps before that only; ast, dis and tokenize come with it, 6 ms.
    """
    with _hidden(_Later("inspect")):
        import_module("dataclasses")


def import_version() -> None:
    """Import ``websockets.version`` without ``importlib.metadata``.

    It needs that only where websockets is no release, to find out which commit it is; email,
    zipfile and calendar come with it, a fifth of the time to the server's greeting.
    """
    with _hidden(ModuleType("importlib.metadata")):
        try:
            import_module("websockets.version")
        except AttributeError:  # no release: it is imported again, and with all, when it is used
            return


@contextmanager
def _hidden(stand_in: ModuleType) -> Iterator[None]:
    """Whoever imports the module of this name meanwhile gets the stand-in, if nobody has yet."""
    name = stand_in.__name__
    if name in sys.modules:
        yield
        return
    sys.modules[name] = stand_in
    try:
        yield
    finally:
        del sys.modules[name]
