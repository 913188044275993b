"""Loggers that import ``logging`` when there is something to write.

Without ``-v`` and without a log file, only warnings are written, and a connection that works has
none. A program that reads our log has imported ``logging``: then these are real loggers.

Saves 5 ms of CPU time a connection: ``python -m benchmarks.tricks logs``.
"""

from __future__ import annotations

import sys
from collections.abc import Callable

from .typed import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import logging

#: The levels of ``logging``.
DEBUG, INFO, WARNING = 10, 20, 30

_set_up: Callable[[], None] | None = None


def set_up_later(set_up: Callable[[], None]) -> None:
    """Have ``logging`` set up by this function before anything is written.

    It is set up at once if it is imported already, since other code may write to it then.

    :param set_up: sets up a log of warnings alone.
    """
    global _set_up
    if "logging" in sys.modules:
        set_up()
    else:
        _set_up = set_up


def set_up_now() -> None:
    """Set ``logging`` up, if that was left until now. Call it before other code imports it."""
    global _set_up
    set_up, _set_up = _set_up, None
    if set_up:
        set_up()


class Logger:
    """The methods of ``logging.Logger`` that we use."""

    __slots__ = ("name",)

    def __init__(self, name: str) -> None:
        self.name = name

    def debug(self, message: str, *values: object, exc_info: object = None) -> None:
        self._write(DEBUG, message, values, exc_info)

    def info(self, message: str, *values: object) -> None:
        self._write(INFO, message, values)

    def warning(self, message: str, *values: object) -> None:
        self._write(WARNING, message, values)

    def log(self, level: int, message: str, *values: object) -> None:
        self._write(level, message, values)

    def isEnabledFor(self, level: int) -> bool:
        return "logging" in sys.modules and self._real.isEnabledFor(level)

    def _write(
        self, level: int, message: str, values: tuple[object, ...], exc_info: Any = None
    ) -> None:
        if level < WARNING and "logging" not in sys.modules:
            return
        set_up_now()
        # The record names the function that called debug() and so on.
        self._real.log(level, message, *values, exc_info=exc_info, stacklevel=3)

    @property
    def _real(self) -> logging.Logger:
        import logging

        return logging.getLogger(self.name)
