"""The sessions that this user's connectors have open, so that later ones can stop orphans.

A connector that is killed by SIGKILL cannot stop its session. The service keeps the session, and
a target with a session does not time out. So each session has a file for as long as it lives,
locked by the process that carries it. The system drops the lock when that process dies:
:mod:`.sweeping` stops the sessions of files that are not locked. A process id would prove less,
since a reboot, a container or another host gives it to another process.

A lock may not reach other hosts that share a home directory. So a file also names the boot of
its host, and only connectors of the same boot look at its lock.

The ledger holds no secret and costs a working session 0.1 ms. If it cannot be written, the
session goes on without an entry.
"""

from __future__ import annotations

import json
import os
import socket
import sys
import threading
from collections.abc import Callable

from ..fast.logs import Logger
from ..files import make_directory_of, reason

_BOOT_ID = "/proc/sys/kernel/random/boot_id"  # proc(5): another one after each boot

#: Names of the entries that this process has locked. To close a second descriptor of a file
#: would drop the process's lock on it (fcntl(2)), so its own entries are never opened again.
held: set[str] = set()

logger = Logger(__name__)


class Ledger:
    """The entries of one endpoint.

    :param directory: the path of the entries' directory, which is made when it is missing.
    :param endpoint: of the API that can stop the sessions.
    """

    def __init__(self, directory: str, endpoint: str) -> None:
        self.directory = directory
        self.endpoint = endpoint

    def enter(self, key: str, session_id: str) -> Entry | None:
        """Make the entry of a session, or return None where the file system does not allow it.

        :param key: of the target.
        """
        content = json.dumps([this_boot(), self.endpoint, key, session_id]).encode()
        name = f"{os.getpid()}.{os.urandom(8).hex()}"
        path = os.path.join(self.directory, name)
        held.add(name)
        try:
            return Entry(name, path, _make(path, content))
        except OSError as error:
            held.discard(name)
            logger.info("session %s has no entry in %s (%s)", session_id, path, reason(error))
            return None


class Entry:
    """The file of a session that lives, which this process has locked."""

    def __init__(self, name: str, path: str, descriptor: int) -> None:
        self._name = name
        self._path = path
        self._descriptor = descriptor

    def remove(self) -> None:
        """The session has ended at the service: remove the file."""
        if sys.platform == "win32":  # which removes no file that is open
            self.release()
            remove(self._path)
        else:
            remove(self._path)
            self.release()

    def release(self) -> None:
        """The session may live on without us: leave the file to the next sweep."""
        os.close(self._descriptor)
        held.discard(self._name)


class Entering:
    """Makes an entry in a thread: a lock may block where the server of a home is away."""

    def __init__(self, ledger: Ledger, key: str, session_id: str) -> None:
        self._lock = threading.Lock()
        self._entry: Entry | None = None
        self._leave: Callable[[Entry], None] | None = None

        def enter() -> None:
            entry = ledger.enter(key, session_id)
            with self._lock:
                if self._leave is None:
                    self._entry = entry
                elif entry:
                    self._leave(entry)

        threading.Thread(target=enter, daemon=True).start()

    def leave(self, how: Callable[[Entry], None]) -> None:
        """Have the entry removed or released, now or when it is made. Does not wait for that."""
        with self._lock:
            self._leave = how
            if self._entry:
                how(self._entry)


def this_boot() -> str:
    """Return what tells this boot of this host from all others, as far as the system has that."""
    try:
        with open(_BOOT_ID, "rb", buffering=0) as file:
            return file.read(64).decode("ascii", "replace").strip()
    except OSError:
        return socket.gethostname()


def lock(descriptor: int) -> bool:
    """Lock a file until it is closed; return False if another process has locked it.

    :raises OSError: where the file system has no locks.
    """
    try:
        if sys.platform == "win32":
            import msvcrt

            msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)
        else:
            os.lockf(descriptor, os.F_TLOCK, 0)  # fcntl would be one more import
    except (BlockingIOError, PermissionError):  # PermissionError: EACCES of POSIX and Windows
        return False
    return True


def remove(path: str) -> None:
    """Remove an entry that may be gone already."""
    try:
        os.unlink(path)
    except OSError as error:
        logger.debug("the entry %s cannot be removed (%s)", path, reason(error))


def _make(path: str, content: bytes) -> int:
    """Write and lock a new file; return its descriptor.

    :raises OSError: when that cannot be done; then there is no file.
    """
    try:
        descriptor = _create(path)
    except FileNotFoundError:
        make_directory_of(path)
        descriptor = _create(path)
    try:
        if not lock(descriptor):
            raise BlockingIOError("a sweep looks at it")
        os.write(descriptor, content)
        os.lseek(descriptor, 0, os.SEEK_SET)
    except BaseException:
        os.close(descriptor)
        remove(path)
        raise
    return descriptor


def _create(path: str) -> int:
    return os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0), 0o600)
