"""Session: starts, resumes and stops a session in threads, so that the loop never blocks."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping

from ..errors import ConnectorError, StartAbandoned
from ..fast.logs import Logger
from ..sessions import SessionAccess, SessionSource, Waiting
from .loop import Loop

logger = Logger(__name__)

OnStarted = Callable[[SessionAccess], None]
OnFailed = Callable[[BaseException], None]

#: Called with the reason for a wait and the seconds that the source pauses now; the reason is
#: ``None`` when the wait is over.
OnWaiting = Callable[[Waiting | None, float], None]


class _Progress:
    """A ``StartProgress`` that passes the reports of the source's thread on to the loop.

    :ivar over: set when the source's thread has finished.
    :ivar access: access to the session that it started, if any.
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
        """Abandon the start. Return whether it is certain that no session is started."""
        with self._lock:
            self._abandoned.set()
            return self._harmless

    def _enter(self, *, harmless: bool) -> None:
        # Under the same lock as abandon(): either this call raises, or abandon() knows whether
        # the source may start a session now.
        with self._lock:
            if self._abandoned.is_set():
                raise StartAbandoned
            self._harmless = harmless


class Session:
    """The one session of a tunnel.

    :ivar access: access to its data channel; ``None`` until the session is started.
    """

    _on_started: OnStarted
    _on_failed: OnFailed
    _on_waiting: OnWaiting

    def __init__(self, loop: Loop, source: SessionSource) -> None:
        self.access: SessionAccess | None = None
        self._loop = loop
        self._source = source
        self._progress: _Progress | None = None

    def begin(self) -> None:
        """Ask the service for a session. :meth:`start` has to follow, with the callbacks."""
        progress = self._progress = _Progress(self._loop, self._waits)

        def start() -> SessionAccess:
            try:
                access = progress.access = self._source.start(progress)
            finally:
                progress.over.set()
            return access

        self._loop.run_in_thread(start, self._started)

    def start(self, on_started: OnStarted, on_failed: OnFailed, on_waiting: OnWaiting) -> None:
        """Set the callbacks, and ask the service for a session unless :meth:`begin` has."""
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
        """Abandon the start.

        :returns: whether it is certain that no session is started.
        """
        return self._progress is not None and self._progress.abandon()

    def resume(
        self, on_resumed: Callable[[SessionAccess | None], None], on_failed: OnFailed
    ) -> None:
        """Ask the service for new access after a lost link.

        ``on_resumed`` gets ``None`` if the service has none to give; the old may still be good.
        The next link goes to the URL of the new access. A URL, session id or signer that the
        answer lacks stays as it was: without its signer the next dial would not be signed.
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

    def sign(
        self,
        on_signed: Callable[[Mapping[str, str]], None],
        on_failed: OnFailed,
        refused: bool = False,
    ) -> None:
        """Ask the session's signer for the headers that authenticate the next upgrade.

        :param refused: whether the gateway has just refused its headers.
        """
        access = self.access
        if access is None or access.signer is None:
            raise RuntimeError("the session has no signer")
        signer = access.signer

        def done(headers: Mapping[str, str] | None, error: BaseException | None) -> None:
            if error is not None:
                on_failed(error)
            else:
                on_signed(headers or {})

        self._loop.run_in_thread(lambda: signer(access.stream_url, refused), done)

    def stop(self, timeout: float, on_stopped: Callable[[], None]) -> None:
        """Tell the service that the session is over. A failure is only logged."""
        access = self.access
        if access is None:
            raise RuntimeError("there is no session to stop")

        def done(_: None, error: BaseException | None) -> None:
            if error is not None:
                # The agent knows of the end by the flag, and the user may be gone.
                logger.info("the session could not be stopped: %s", error)
            on_stopped()

        self._loop.run_in_thread(lambda: self._source.stop(access, timeout), done)

    def tidy(self) -> None:
        """Let the source clean up, in a thread that the end does not wait for."""

        def done(_: None, error: BaseException | None) -> None:
            if error is not None:
                logger.debug("cleaning up failed", exc_info=error)

        self._loop.run_in_thread(self._source.tidy, done)

    def abandon(self, timeout: float) -> None:
        """Stop the session after a crash, without the loop.

        A start that is under way may still yield a session. The call blocks for up to
        ``timeout`` seconds until the start is over, and for as many until the session is stopped.
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
            logger.info("the session could not be stopped: %s", error)
