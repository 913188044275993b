"""Libraries, without what they import and one connection never uses.

That is hidden for the time of the import. They are to be imported so before there are
threads: one that imports the hidden module at the same moment would be misled.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from types import ModuleType
from typing import Any, cast


class _Later(ModuleType):
    """Stands for a module until something of it is wanted that is not in its place yet."""

    def __getattr__(self, name: str) -> Any:
        return getattr(import_module(self.__name__), name)


def import_lightly(*names: str) -> None:
    """Import each of these modules, of those that :func:`_stand_ins` knows."""
    for name in names:
        with _hidden(_stand_ins(name)):
            try:
                import_module(name)
            except AttributeError:
                if name != "websockets.version":
                    raise
                # No release: it is imported again, and with all, when it is used.


def _stand_ins(name: str) -> dict[str, ModuleType | None]:
    """What the module gets in place of those that it could do without; ``None``: an error."""
    if name == "dataclasses":
        # Looks at classes without a text, and from CPython 3.12 on at annotations, so that this
        # helps before that only; ast, dis and tokenize come with it, 6 ms.
        return {"inspect": _Later("inspect")}
    if name == "logging":
        # Shows exceptions; textwrap and tokenize come with it, 2 ms.
        return {"traceback": _Later("traceback")}
    if name == "uuid":
        # Both are for the address of a network card, of which only uuid1 makes ids. The former
        # is asked for the system's name, before CPython 3.13, and takes 1.4 ms; the latter 0.4.
        system = _Later("platform")
        system.system = lambda: os.uname().sysname  # type: ignore[attr-defined]
        return {"platform": system, "_uuid": None}
    if name == "websockets.version":
        # Says which commit it is, where that is no release; email, zipfile and calendar come
        # with it, a fifth of the time to the server's greeting.
        return {"importlib.metadata": ModuleType("importlib.metadata")}
    raise ValueError(f"there is no light way to import {name}")


@contextmanager
def _hidden(stand_ins: dict[str, ModuleType | None]) -> Iterator[None]:
    """Whoever imports one of these meanwhile gets the stand-in, if nobody has it yet."""
    modules = cast("dict[str, ModuleType | None]", sys.modules)  # None is what import looks for
    hidden = {name: module for name, module in stand_ins.items() if name not in modules}
    modules.update(hidden)
    try:
        yield
    finally:
        for name in hidden:
            del modules[name]
