"""A tunnel in a thread of its own, and the socket that leads into it.

``near`` and the tunnel's ends are a pair of connected sockets: whoever reads and writes
``near`` has back-pressure, timeouts and ``select`` from the system, and not from us.
"""

from __future__ import annotations

import logging
import socket
import threading
from collections.abc import Callable
from concurrent.futures import Future

from ..errors import ConnectorError, InternalError, SessionEnded, StartAbandoned
from ..sessions import Waiting
from ..transport.loop import Loop
from ..transport.session import Session
from ..transport.stdio import open_input, open_output
from ..transport.tunnel import Observer, Tunnel
from .options import Options

#: Seconds between two looks whether anybody is left who could use the stream.
_LOOK_INTERVAL = 0.5

logger = logging.getLogger(__name__)


class Carrier(threading.Thread):
    """One session from its start to its end.

    It is no daemon: at the exit of the interpreter, which would kill one, the session has yet
    to be ended at the service. So it ends by itself when all threads have that could use it.

    :param tell: is called in this thread: with why the start takes long, as often as that is
        known anew, and with ``None`` when the stream is open and when it has ended.
    :ivar near: the user's end. It reads as ended once :attr:`error` is known.
    :ivar error: why there is no stream, or no more; ``None`` while it lives, and when it
        ended in order.
    :ivar ended: done when the session has ended at the service, or nothing more can be done.
    """

    def __init__(self, options: Options, tell: Callable[[Waiting | None], None]) -> None:
        super().__init__(name=f"connector {options.query.name}", daemon=False)
        self.error: ConnectorError | None = None
        self.ended: Future[None] = Future()
        self.ended.set_running_or_notify_cancel()  # from here on nobody can cancel it
        self._options = options
        self._tell = tell
        self._opened = False
        self._wanted = True
        self._tunnel: Tunnel | None = None
        self._loop = Loop()
        try:
            self.near, self._far = socket.socketpair()
        except BaseException:
            self._loop.close()
            raise

    def begin(self) -> None:
        """Start the thread."""
        try:
            self.start()
        except BaseException:
            self._let_go()
            raise

    def end(self) -> None:
        """Nobody wants the stream any more: deliver what was written, within three seconds.

        Returns at once. Any thread may call this, and more than once.
        """
        self._wanted = False
        self._loop.call_soon(self._end)

    def wait_ended(self) -> None:
        """Wait for that; blocks."""
        self.ended.result()
        if self.ident is not None:  # it was started
            self.join()

    def raise_failure(self) -> None:
        """:raises ConnectorError: when something else than a wish has ended the stream."""
        if self.error is not None:
            raise self.error.with_traceback(None)  # it may be raised many times

    def raise_unless_opened(self) -> None:
        """After the first ``None`` was told.

        :raises ConnectorError: with the reason, when there is no stream.
        """
        if not self._opened:
            self.raise_failure()
            raise SessionEnded("the stream was closed before it was open")

    def run(self) -> None:
        """The thread; not for others."""
        try:
            self._carry()
        except ConnectorError as error:
            self.error = error
        except BaseException as error:  # handed on, whatever it is
            logger.debug("a bug", exc_info=True)
            if self._wanted:  # otherwise the end went wrong, which nobody waits for
                self.error = InternalError.of(error)
        finally:
            self._let_go()

    def _carry(self) -> None:
        source, settings = self._options.prepare()
        if not self._wanted:
            raise StartAbandoned
        # The original stays open until the error is known: only then may the user read the end.
        with self._far.dup() as stdin, self._far.dup() as stdout:
            self._tunnel = Tunnel(
                self._loop,
                Session(self._loop, source),
                open_input(self._loop, stdin.detach()),
                open_output(self._loop, stdout.detach()),
                settings,
                logger.info,
                self._show_wait,
                observer=_Opening(self._open),
            )
        self._look_for_users()
        self._tunnel.run()
        self.error = self._tunnel.error

    def _let_go(self) -> None:
        self._loop.close()
        self._far.close()
        self.ended.set_result(None)
        self._tell(None)

    # In the loop.

    def _open(self) -> None:
        self._opened = True
        self._tell(None)

    def _show_wait(self, waiting: Waiting | None) -> None:
        if waiting is not None:
            self._tell(waiting)

    def _end(self) -> None:
        if self._tunnel is not None:
            self._tunnel.close()

    def _look_for_users(self) -> None:
        if _somebody_is_left():
            self._loop.call_at(self._loop.time() + _LOOK_INTERVAL, self._look_for_users)
        else:
            logger.info("the interpreter exits")
            self.end()


class _Opening(Observer):
    """:param opened: is called when bytes may flow."""

    def __init__(self, opened: Callable[[], None]) -> None:
        self._opened = opened

    def session_opened(self, session_type: str | None) -> None:
        self._opened()


def _somebody_is_left() -> bool:
    """Whether a thread runs that the interpreter waits for, besides our own."""
    main = threading.main_thread()
    return main.is_alive() or any(
        not (thread.daemon or thread is main or isinstance(thread, Carrier))
        for thread in threading.enumerate()
    )
