"""The library's promises: it leaves nothing behind and changes nothing in the process."""

from __future__ import annotations

import gc
import logging
import os
import random
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from .waiting import eventually

DATA = random.Random(5).randbytes(4_000_000)


def descriptors() -> int:
    """Return the number of open descriptors of this process."""
    return len(os.listdir("/dev/fd"))


def handlers() -> dict[signal.Signals, object]:
    return {number: signal.getsignal(number) for number in signal.Signals}


def carriers() -> list[threading.Thread]:
    """Return the library's running threads."""
    return [thread for thread in threading.enumerate() if thread.name.startswith("connector ")]


def logging_setup() -> list[object]:
    """Return the process's set-up of logging, without the handler that every library adds."""
    ours, root = logging.getLogger("connector"), logging.getLogger()
    loud = [each for each in ours.handlers if not isinstance(each, logging.NullHandler)]
    return [*loud, *root.handlers, ours.level, root.level, ours.propagate, logging.lastResort]


@contextmanager
def nothing_left() -> Iterator[None]:
    """Check that threads, descriptors, signals and logging are the same afterwards as before."""
    gc.collect()
    before = descriptors()
    signals, logs = handlers(), logging_setup()
    wakeup = signal.set_wakeup_fd(-1)
    signal.set_wakeup_fd(wakeup)
    yield
    assert carriers() == []
    gc.collect()  # objects that were only dropped warn here, and a warning is an error
    eventually(lambda: descriptors() <= before, "the end of the connections")
    assert handlers() == signals
    assert logging_setup() == logs
    assert signal.set_wakeup_fd(wakeup) == wakeup
