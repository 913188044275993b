"""Commands of the connector that run in the process of the tests: what they change is undone."""

from __future__ import annotations

import logging
import signal
from collections.abc import Iterator
from contextlib import contextmanager

_SIGNALS = ("SIGINT", "SIGTERM", "SIGHUP")  # Windows has no SIGHUP


@contextmanager
def kept_logging() -> Iterator[None]:
    """Undo what a command sets up of the log: handlers, level, propagation, the last resort."""
    logger, last_resort = logging.getLogger("connector"), logging.lastResort
    before = logger.handlers[:], logger.level, logger.propagate
    try:
        yield
    finally:
        for handler in set(logger.handlers) - set(before[0]):
            handler.close()
        logger.handlers, logger.level, logger.propagate = before
        logging.lastResort = last_resort


@contextmanager
def kept_signals() -> Iterator[None]:
    """Give signals the handlers back that they had before a command."""
    numbers = [getattr(signal, name) for name in _SIGNALS if hasattr(signal, name)]
    before = {number: signal.getsignal(number) for number in numbers}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
