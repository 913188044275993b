"""Default signal dispositions for the programs that the emulator starts."""

from __future__ import annotations

import contextlib
import signal
import threading
from collections.abc import Iterator
from types import FrameType

#: Python ignores these itself, and :mod:`subprocess` restores their defaults in children.
_RESTORED = ("SIGPIPE", "SIGXFZ", "SIGXFSZ")


@contextlib.contextmanager
def default_signals_for_children() -> Iterator[None]:
    """Give programs that are started in this block the default signal dispositions.

    A shell starts ``connector emulator &`` with SIGINT and SIGQUIT ignored. Programs inherit
    ignored signals, so Ctrl-C would interrupt no program of the machine. They do not inherit
    handlers. So every ignored signal gets a handler that does nothing, and this process still
    ignores it. Only the main thread can set handlers; in other threads nothing changes.
    """
    if not _can_set_handlers():
        yield
        return
    restored = {getattr(signal, name, None) for name in _RESTORED}
    ignored = [
        number
        for number in signal.valid_signals() - restored
        if signal.getsignal(number) is signal.SIG_IGN
    ]
    for number in ignored:
        signal.signal(number, _do_nothing)
    try:
        yield
    finally:
        if _can_set_handlers():
            for number in ignored:
                signal.signal(number, signal.SIG_IGN)


def _can_set_handlers() -> bool:
    return threading.current_thread() is threading.main_thread()


def _do_nothing(number: int, frame: FrameType | None) -> None:
    pass
