"""A session at the service: started and stopped without blocking the loop."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Mapping

from ..errors import ConnectorError, StartAbandoned
from ..sessions import SessionAccess, SessionSource, Waiting
from .loop import Loop

logger = logging.getLogger(__name__)

OnStarted = Callable[[SessionAccess], None]
OnFailed = Callable[[BaseException], None]

#: Is told why it takes longer and for how many seconds the source pauses now; ``None``
#: when the waiting is over.
OnWaiting = Callable[[Waiting | None, float], None]


class _Progress:
    """What the source's thread tells the loop while it starts a session: a StartProgress.

    :ivar over: set when the thread is through; ``access`` is what came of it.
    """

    def __init__(self, loop: Loop, on_waiting: OnWaiting) -> None:
        self.over = threading.Event()
        self.access: SessionAccess | None = None
        self._loop = loop
        self._on_waiting = on_waiting
        self._lock = threading.Lock()
        self._abandoned = threading.Event()
        self._harmless = False

    def wait(self, waiting: Waiting, seconds: float) -> None:
        self._enter(harmless=True)
        self._loop.call_soon(self._on_waiting, waiting, seconds)
        self._abandoned.wait(seconds)
        self._enter(harmless=True)

    def go_on(self) -> None:
        self._enter(harmless=False)
        self._loop.call_soon(self._on_waiting, None, 0.0)

    def may_leave(self, harmless: bool) -> None:
        self._enter(harmless=harmless)

    def abandon(self) -> bool:
        """Nobody waits any more; returns whether it is certain that no session is started."""
        with self._lock:
            self._abandoned.set()
            return self._harmless

    def _enter(self, *, harmless: bool) -> None:
        # One lock for both: either we are heard in time, or abandon() knows what we do.
        with self._lock:
            if self._abandoned.is_set():
                raise StartAbandoned
            self._harmless = harmless


class Session:
    """The one session of a tunnel. ``access`` is ``None`` until it is started."""

    _on_started: OnStarted
    _on_failed: OnFailed
    _on_waiting: OnWaiting

    def __init__(self, loop: Loop, source: SessionSource) -> None:
        self.access: SessionAccess | None = None
        self._loop = loop
        self._source = source
        self._progress: _Progress | None = None

    def begin(self) -> None:
        """Ask the service for a session; how that goes is told from :meth:`start` on."""
        progress = self._progress = _Progress(self._loop, self._waits)

        def start() -> SessionAccess:
            try:
                access = progress.access = self._source.start(progress)
            finally:
                progress.over.set()
            return access

        self._loop.run_in_thread(start, self._started)

    def start(self, on_started: OnStarted, on_failed: OnFailed, on_waiting: OnWaiting) -> None:
        """Ask the service for a session, unless that was begun; and tell how it goes and went."""
        self._on_started, self._on_failed = on_started, on_failed
        self._on_waiting = on_waiting
        if self._progress is None:
            self.begin()

    def _waits(self, waiting: Waiting | None, seconds: float) -> None:
        self._on_waiting(waiting, seconds)

    def _started(self, access: SessionAccess | None, error: BaseException | None) -> None:
        if error is not None:
            self._on_failed(error)
        elif access is not None:
            logger.info("session %s started", access.session_id or "without an id")
            self.access = access
            self._on_started(access)

    def abandon_start(self) -> bool:
        """Nobody waits for it any more.

        :returns: whether it is certain that no session will come of it.
        """
        return self._progress is not None and self._progress.abandon()

    def resume(
        self, on_resumed: Callable[[SessionAccess | None], None], on_failed: OnFailed
    ) -> None:
        """Ask the service for fresh access; ``None`` where there is none: the old may do.

        The next link goes to the fresh access's URL. What an answer does not name (URL, session
        id, signer) stays as it was: without its signer the next dial would not be signed.
        """
        access = self.access
        if access is None:
            raise RuntimeError("there is no session to resume")

        def done(fresh: SessionAccess | None, error: BaseException | None) -> None:
            if error is not None:
                on_failed(error)
                return
            if fresh is not None:
                fresh = SessionAccess(
                    fresh.stream_url or access.stream_url,
                    fresh.token_value,
                    fresh.session_id or access.session_id,
                    fresh.signer or access.signer,
                )
            self.access = fresh or access
            on_resumed(fresh)

        self._loop.run_in_thread(lambda: self._source.resume(access), done)

    def sign(self, on_signed: Callable[[Mapping[str, str]], None], on_failed: OnFailed) -> None:
        """The headers that authenticate the next upgrade, from the session's signer."""
        access = self.access
        if access is None or access.signer is None:
            raise RuntimeError("there is nobody who signs")
        signer = access.signer

        def done(headers: Mapping[str, str] | None, error: BaseException | None) -> None:
            if error is not None:
                on_failed(error)
            else:
                on_signed(headers or {})

        self._loop.run_in_thread(lambda: signer(access.stream_url), done)

    def stop(self, timeout: float, on_stopped: Callable[[], None]) -> None:
        """Tell the service that a started session is over, as far as it listens."""
        access = self.access
        if access is None:
            raise RuntimeError("there is no session to stop")

        def done(_: None, error: BaseException | None) -> None:
            if error is not None:
                # The far end knows already, by the flag; a user who left need not.
                logger.info("the service was not told of the end: %s", error)
            on_stopped()

        self._loop.run_in_thread(lambda: self._source.stop(access, timeout), done)

    def tidy(self) -> None:
        """Let the source clean up in a thread that nothing waits for."""

        def done(_: None, error: BaseException | None) -> None:
            if error is not None:
                logger.debug("the cleaning up failed", exc_info=error)

        self._loop.run_in_thread(self._source.tidy, done)

    def abandon(self, timeout: float) -> None:
        """Stop it without a loop, after a crash of ours.

        A start that is under way may yet bring one. Blocks for ``timeout`` seconds at most for
        the answer, and as many for the stop.
        """
        access, progress = self.access, self._progress
        if access is None and progress is not None and not progress.abandon():
            progress.over.wait(timeout)
            access = progress.access
        if access is not None:
            worker = threading.Thread(
                target=self._stop_quietly, args=(access, timeout), daemon=True
            )
            try:
                worker.start()
            except RuntimeError:  # CPython 3.12.0 and .1 start none once the main thread has ended
                self._stop_quietly(access, timeout)
            else:
                worker.join(timeout)

    def _stop_quietly(self, access: SessionAccess, timeout: float) -> None:
        try:
            self._source.stop(access, timeout)
        except ConnectorError as error:
            logger.info("the service was not told of the end: %s", error)
