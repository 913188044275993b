"""Names of ``typing`` for the modules that a connection imports.

Type checkers see the real names. A program gets as little as works with annotations that are not
evaluated: every module has ``from __future__ import annotations``.

Saves 3 ms of CPU time a connection: ``python -m benchmarks.tricks typed``.
"""

from __future__ import annotations

#: Type checkers take this for true.
TYPE_CHECKING = False

if TYPE_CHECKING:
    from typing import Any as Any
    from typing import Generic as Generic
    from typing import NewType as NewType
    from typing import NoReturn as NoReturn
    from typing import Protocol as Protocol
    from typing import TypeVar as TypeVar
    from typing import cast as cast
else:
    Any = NoReturn = object

    class Generic:
        """A base of generic classes."""

        def __class_getitem__(cls, parameters):
            return cls

    class Protocol(Generic):
        """A base of classes that only type checkers read."""

    def NewType(name, kind):
        return lambda value: value

    def TypeVar(name, **limits):
        return object

    def cast(kind, value):
        return value
