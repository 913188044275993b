"""A session at the service: started and stopped without blocking the loop."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Mapping

from ..errors import ConnectorError
from ..sessions import SessionAccess, SessionSource
from .loop import Loop

logger = logging.getLogger(__name__)

OnStarted = Callable[[SessionAccess], None]
OnFailed = Callable[[BaseException], None]


class Session:
    """The one session of a tunnel. ``access`` is ``None`` until it is started."""

    def __init__(self, loop: Loop, source: SessionSource) -> None:
        self.access: SessionAccess | None = None
        self._loop = loop
        self._source = source

    def start(self, on_started: OnStarted, on_failed: OnFailed) -> None:
        """Ask the service for a session, and tell how that went."""

        def done(access: SessionAccess | None, error: BaseException | None) -> None:
            if error is not None:
                on_failed(error)
            elif access is not None:
                logger.info("session %s started", access.session_id or "without an id")
                self.access = access
                on_started(access)

        self._loop.run_in_thread(self._source.start, done)

    def resume(
        self, on_resumed: Callable[[SessionAccess | None], None], on_failed: OnFailed
    ) -> None:
        """Ask the service for a fresh key; ``None`` where there is none: the old one may do."""
        access = self.access
        if access is None:
            raise RuntimeError("there is no session to resume")

        def done(fresh: SessionAccess | None, error: BaseException | None) -> None:
            if error is not None:
                on_failed(error)
                return
            self.access = fresh or access
            on_resumed(fresh)

        self._loop.run_in_thread(lambda: self._source.resume(access), done)

    def sign(self, on_signed: Callable[[Mapping[str, str]], None], on_failed: OnFailed) -> None:
        """The headers that authenticate the next upgrade; none where nobody signs."""
        access = self.access
        if access is None:
            raise RuntimeError("there is no session to sign for")
        signer = access.signer
        if signer is None:
            on_signed({})
            return

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

    def abandon(self, timeout: float) -> None:
        """Stop it without a loop, after a crash of ours; blocks for ``timeout`` at most."""
        if self.access is not None:
            access = self.access
            worker = threading.Thread(
                target=self._stop_quietly, args=(access, timeout), daemon=True
            )
            worker.start()
            worker.join(timeout)

    def _stop_quietly(self, access: SessionAccess, timeout: float) -> None:
        try:
            self._source.stop(access, timeout)
        except ConnectorError as error:
            logger.info("the service was not told of the end: %s", error)
