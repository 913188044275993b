"""The source of a target's sessions, with what is remembered of them from run to run.

A kind's own source starts and stops sessions. Three wrappers add what all kinds share:
:class:`LateSource` looks a target up only when a session is started, :class:`LedgerSource` enters
each session in the ledger, and :class:`RememberingSource` remembers its gateway.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable

from ..errors import ConnectorError
from ..fast.logs import Logger
from ..fast.typed import TYPE_CHECKING
from ..sessions import SessionAccess, SessionSource, StartProgress
from ..transport.address import authority_of
from .ledger import Entering, Entry, Ledger
from .memory import Memory, cache_file

if TYPE_CHECKING:
    from ..transport.address import StreamSettings
    from .kind import Finder, Target
    from .model import SessionRequest, StartSettings

#: Seconds that the check of a remembered name may still take once the session has started. VS
#: Code gives ssh 15 s for everything.
_DOUBT_PATIENCE = 1.0
_STOP_TIMEOUT = 2.0  # for the session of a target whose name has moved

logger = Logger(__name__)


def open_source(
    finder: Finder,
    request: SessionRequest,
    start: StartSettings,
    *,
    ping_interval: float,
    payload_size: int,
) -> tuple[LateSource, StreamSettings]:
    """Return the source of sessions, and the way to their streams.

    ``ping_interval`` and ``payload_size`` are those of ``StreamSettings``.
    """
    settings = finder.settings._replace(ping_interval=ping_interval, payload_size=payload_size)
    target = finder.known()  # a look-up takes time, in which the ends of the stream are heeded
    gateway = gateway_memory_of(target).recall() if target else ""
    settings = settings._replace(likely_gateway=gateway)
    settings.dial_ahead()
    source = LateSource(finder, target, lambda found: source_of(found, request, start))
    return source, settings


def source_of(target: Target, request: SessionRequest, start: StartSettings) -> SessionSource:
    """Return the source of a target's sessions, which notes each in the ledger and its gateway."""
    ledger = Ledger(cache_file(os.environ, "sessions"), target.service)
    entering = LedgerSource(target.source(request, start), lambda: target.key, ledger)
    return RememberingSource(entering, gateway_memory_of(target))


def gateway_memory_of(target: Target) -> GatewayMemory:
    """Return what is remembered of a target's gateway."""
    return GatewayMemory(Memory(cache_file(os.environ, "gateways.json"), target.key))


class GatewayMemory:
    """The gateway of a target's last session, as ``host:port``.

    A guess for the next session: it saves two round trips when it is right.
    """

    def __init__(self, memory: Memory) -> None:
        self._memory = memory

    def recall(self) -> str:
        """Return the gateway; empty when none is known. The caller has to check it."""
        gateway = self._memory.recall()
        return gateway if isinstance(gateway, str) else ""

    def note(self, stream_url: str) -> None:
        """Remember host and port of a stream URL. Its query is a secret and is not kept."""
        gateway = authority_of(stream_url)
        if "@" not in gateway:
            self._memory.note(gateway)


class RememberingSource:
    """A session source that notes the gateway of each session that it starts.

    The gateway of a resumed session is not noted: a later session starts at the first one.
    """

    def __init__(self, source: SessionSource, memory: GatewayMemory) -> None:
        self._source = source
        self._memory = memory

    def start(self, progress: StartProgress) -> SessionAccess:
        access = self._source.start(progress)
        self._memory.note(access.stream_url)
        return access

    def resume(self, access: SessionAccess) -> SessionAccess | None:
        return self._source.resume(access)

    def stop(self, access: SessionAccess, timeout: float) -> None:
        self._source.stop(access, timeout)

    def tidy(self) -> None:
        self._source.tidy()


class LedgerSource:
    """A session source that enters its sessions in a ledger.

    :param key: returns the target's key, which a look-up may change until a session is started.
    """

    def __init__(self, source: SessionSource, key: Callable[[], str], ledger: Ledger) -> None:
        self._source = source
        self._key = key
        self._ledger = ledger
        self._entries: dict[str, Entering] = {}
        self._ended = False

    def start(self, progress: StartProgress) -> SessionAccess:
        access = self._source.start(progress)
        if access.session_id:
            entering = Entering(self._ledger, self._key(), access.session_id)
            self._entries[access.session_id] = entering
        return access

    def resume(self, access: SessionAccess) -> SessionAccess | None:
        return self._source.resume(access)

    def stop(self, access: SessionAccess, timeout: float) -> None:
        self._ended = True
        entry = self._entries.pop(access.session_id, None)
        try:
            self._source.stop(access, timeout)
        except BaseException:
            if entry:
                entry.leave(Entry.release)
            raise
        if entry:
            entry.leave(Entry.remove)

    def tidy(self) -> None:
        """Stop the sessions of this target that killed connectors have left behind."""
        from .sweeping import sweep  # most connections have ended by then

        def stop(session_id: str, timeout: float) -> None:
            self._source.stop(SessionAccess("", "", session_id), timeout)

        sweep(self._ledger, self._key(), stop, lambda: self._ended)


class LateSource:
    """A session source that may have to look its target up first.

    A target that is known from memory is used at once. If its name means another target by now,
    its session is stopped before anything is sent to it, and the name is looked up.

    :ivar target: the target; None until it is known.
    """

    def __init__(
        self,
        finder: Finder,
        target: Target | None,
        source_of: Callable[[Target], SessionSource],
    ) -> None:
        self.target = target
        self._finder = finder
        self._source_of = source_of
        self._source: SessionSource | None = None

    def start(self, progress: StartProgress) -> SessionAccess:
        self._finder.may_leave = progress.may_leave
        self._finder.unlock(progress)
        self.target = target = self.target or self._finder.find()
        self._source = source = self._source_of(target)
        doubter = target.doubter()
        if doubter is None:
            return source.start(progress)
        remembered, doubt = target.key, _Doubt(doubter)
        access = source.start(progress)
        if target.key != remembered or not doubt.is_founded():
            return access
        logger.info("%s has another name by now", target)
        try:
            source.stop(access, _STOP_TIMEOUT)
        except ConnectorError as error:
            logger.info("the session could not be stopped: %s", error)
        self.target = self._finder.find_anew()
        self._source = self._source_of(self.target)
        return self._source.start(progress)

    def resume(self, access: SessionAccess) -> SessionAccess | None:
        return self._started().resume(access)

    def stop(self, access: SessionAccess, timeout: float) -> None:
        self._started().stop(access, timeout)

    def tidy(self) -> None:
        self._started().tidy()

    def _started(self) -> SessionSource:
        if self._source is None:
            raise RuntimeError("no session was started")
        return self._source


class _Doubt:
    """A check whether a name means another target, in a thread beside the session's start."""

    def __init__(self, ask: Callable[[], bool]) -> None:
        self._answers: list[bool] = []
        self._thread = threading.Thread(target=lambda: self._answers.append(ask()), daemon=True)
        self._thread.start()

    def is_founded(self) -> bool:
        self._thread.join(_DOUBT_PATIENCE)
        return self._answers == [True]
