"""Import a library without the modules that it imports and one connection never uses.

For the time of the import, ``sys.modules`` has a stand-in for such a module. No other thread may
import the same module then: it would get the stand-in.

Saves some 25 ms of CPU time a connection, of which each stand-in has its share (see
:func:`_stand_ins`): ``python -m benchmarks.tricks lean``.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from types import ModuleType

from .typed import Any, cast


class _Later(ModuleType):
    """A stand-in that imports the real module when one of its attributes is missing."""

    def __getattr__(self, name: str) -> Any:
        return getattr(import_module(self.__name__), name)


def import_lightly(*names: str) -> None:
    """Import each of these modules without those that :func:`_stand_ins` names."""
    for name in names:
        with _hidden(_stand_ins(name)):
            try:
                import_module(name)
            except AttributeError:
                if name != "websockets.version":
                    raise
                # This websockets is no release and needs the hidden module after all: the next
                # import of it, without stand-ins, succeeds.


def _stand_ins(name: str) -> dict[str, ModuleType | None]:
    """Return what a library gets in place of the modules it can do without.

    ``None`` makes the import fail, which the library expects.
    """
    if name == "dataclasses":
        # It needs inspect for classes without a docstring, and from CPython 3.12 on for
        # annotations. inspect brings ast, dis and tokenize: 8 ms before 3.12, nothing after.
        return {"inspect": _Later("inspect")}
    if name == "logging":
        # It needs traceback to print exceptions, which brings textwrap and tokenize: 4 ms.
        return {"traceback": _Later("traceback")}
    if name == "uuid":
        # It needs both only to make an id from the address of a network card. It asks platform
        # for the system's name before CPython 3.13. 2.5 ms with 3.11, 1 with 3.12, 0.3 after.
        system = _Later("platform")
        system.system = lambda: os.uname().sysname  # type: ignore[attr-defined]
        return {"platform": system, "_uuid": None}
    if name == "websockets.version":
        # It asks importlib.metadata which commit it is, unless it is a release. That brings
        # email, zipfile and calendar: 15 ms.
        return {"importlib.metadata": ModuleType("importlib.metadata")}
    raise ValueError(f"{name} has no stand-ins")


@contextmanager
def _hidden(stand_ins: dict[str, ModuleType | None]) -> Iterator[None]:
    """Hide modules behind their stand-ins, except those that are imported already."""
    modules = cast("dict[str, ModuleType | None]", sys.modules)  # None makes an import fail
    hidden = {name: module for name, module in stand_ins.items() if name not in modules}
    modules.update(hidden)
    try:
        yield
    finally:
        for name in hidden:
            del modules[name]
