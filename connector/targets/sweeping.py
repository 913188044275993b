"""Stops the sessions of killed connectors, which their entries in the ledger show.

See :mod:`.ledger`. A sweep runs in a thread beside an open stream, and is abandoned when the
stream ends. Two sweeps in parallel share the work: each locks the entry that it stops.
"""

from __future__ import annotations

import itertools
import json
import os
import time
from collections.abc import Callable

from ..errors import ConnectorError
from ..fast.logs import Logger
from ..fast.records import NamedTuple
from ..files import reason
from .ledger import Ledger, held, lock, remove, this_boot

#: Seconds after which a session has ended by itself. The longest maximum session duration of
#: Session Manager's preferences is 1,440 minutes.
MAX_AGE = 24 * 3600.0

#: Seconds that a connector may take to write its entry into the file.
_MAKING = 60.0

#: Of one sweep: entries that are looked at, sessions that are stopped, and seconds.
MOST_LOOKED_AT = 1000
MOST_STOPPED = 20
SWEEP_TIMEOUT = 30.0

_STOP_TIMEOUT = 5.0  # seconds for each session
_MAX_BYTES = 4096  # of an entry; ours have some 250
_FLAGS = os.O_RDWR | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_BINARY", 0)

logger = Logger(__name__)


class _Left(NamedTuple):
    """The content of an entry."""

    boot: str
    endpoint: str
    key: str
    session_id: str


def sweep(
    ledger: Ledger,
    key: str,
    stop: Callable[[str, float], None],
    over: Callable[[], bool],
    now: Callable[[], float] = time.time,
) -> None:
    """Stop the sessions of one target whose processes are dead.

    An entry is removed when its session is stopped, or when it is older than ``MAX_AGE``
    seconds. The entry of a session that cannot be stopped stays for a later sweep.

    :param key: of the target.
    :param stop: stops the session of an id within some seconds; does nothing for a session that
        has ended; raises a ConnectorError when it fails.
    :param over: returns whether the caller's stream has ended, so that the sweep has to end.
    :param now: seconds since the epoch.
    """
    deadline = time.monotonic() + SWEEP_TIMEOUT
    wanted = (this_boot(), ledger.endpoint, key)
    stopped = 0
    for name, path in _entries(ledger.directory):
        if over() or stopped == MOST_STOPPED or time.monotonic() > deadline:
            return
        if name in held:
            continue
        try:
            descriptor = os.open(path, _FLAGS)
        except OSError:  # it is gone by now
            continue
        try:
            if not _is_orphan(descriptor, now()):
                continue
            left = _read(descriptor)
            if left is None or now() - os.fstat(descriptor).st_mtime > MAX_AGE:
                remove(path)
            elif left[:3] == wanted:
                stopped += 1
                if _stop(left.session_id, stop):
                    remove(path)
        finally:
            os.close(descriptor)


def _stop(session_id: str, stop: Callable[[str, float], None]) -> bool:
    try:
        stop(session_id, _STOP_TIMEOUT)
    except ConnectorError as error:
        logger.info("session %s of a killed connector stays: %s", session_id, error)
        return False
    logger.info("session %s of a killed connector is stopped", session_id)
    return True


def _entries(directory: str) -> list[tuple[str, str]]:
    """Return the name and the path of each entry, whether its process lives or not."""
    try:
        with os.scandir(directory) as found:
            return [
                (entry.name, entry.path)
                for entry in itertools.islice(found, MOST_LOOKED_AT)
                if entry.is_file(follow_symlinks=False)
            ]
    except OSError as error:
        logger.info("the ledger %s cannot be read (%s)", directory, reason(error))
        return []


def _is_orphan(descriptor: int, now: float) -> bool:
    """Lock an entry; return False if its process lives or another sweep has just removed it."""
    status = os.fstat(descriptor)
    if not status.st_size and now - status.st_mtime < _MAKING:
        return False  # the process that made it is about to lock it
    try:
        return lock(descriptor) and os.fstat(descriptor).st_nlink > 0
    except OSError:  # there are no locks any more: nothing is known
        return False


def _read(descriptor: int) -> _Left | None:
    """Return what an entry says, or None when no connector has written it as a whole."""
    try:
        members = json.loads(os.read(descriptor, _MAX_BYTES))
    except (OSError, ValueError, RecursionError):
        return None
    whole = isinstance(members, list) and len(members) == len(_Left._fields)
    if not whole or not all(isinstance(member, str) for member in members):
        return None
    return _Left(*members)
