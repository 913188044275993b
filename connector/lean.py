"""Libraries, without what they import and one connection never uses.

Each hides one module for the time of its import. They are to be imported so before there are
threads: one that imports the hidden module at the same moment would be misled.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from types import ModuleType
from typing import Any


class _Later(ModuleType):
    """Stands for a module until something of it is wanted that is not in its place yet."""

    def __getattr__(self, name: str) -> Any:
        return getattr(import_module(self.__name__), name)


def import_lightly(*names: str) -> None:
    """Import each of these modules, of those that :func:`_stand_in` knows."""
    for name in names:
        with _hidden(_stand_in(name)):
            try:
                import_module(name)
            except AttributeError:
                if name != "websockets.version":
                    raise
                # No release: it is imported again, and with all, when it is used.


def _stand_in(name: str) -> ModuleType:
    """What the module gets in place of one that it could do without."""
    if name == "dataclasses":
        # Looks at classes without a text, and from CPython 3.12 on at annotations, so that this
        # helps before that only; ast, dis and tokenize come with it, 6 ms.
        return _Later("inspect")
    if name == "logging":
        # Shows exceptions; textwrap and tokenize come with it, 2 ms.
        return _Later("traceback")
    if name == "uuid":
        # Is asked for the system's name, before CPython 3.13; its import takes 1.4 ms.
        system = _Later("platform")
        system.system = lambda: os.uname().sysname  # type: ignore[attr-defined]
        return system
    if name == "websockets.version":
        # Says which commit it is, where that is no release; email, zipfile and calendar come
        # with it, a fifth of the time to the server's greeting.
        return ModuleType("importlib.metadata")
    raise ValueError(f"there is no light way to import {name}")


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
