"""What both ways into the library share: options, and a socket into a tunnel.

The tunnel runs in a thread of its own. ``near`` and the tunnel's end are a pair of connected
sockets. So the system provides back-pressure, timeouts and ``select`` for ``near``.
"""

from __future__ import annotations

import logging
import os
import socket
import threading
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass

from ..datachannel.limits import MAX_PAYLOAD_SIZE
from ..errors import ConfigError, ConnectorError, InternalError, SessionEnded, StartAbandoned
from ..sessions import SessionSource, Waiting
from ..targets.model import SSH, SSH_SESSION, Query, StartSettings
from ..targets.registry import require_name, row_of
from ..targets.source import open_source
from ..transport.address import StreamSettings
from ..transport.loop import Loop
from ..transport.session import Session
from ..transport.stdio import open_input, open_output
from ..transport.tunnel import Observer, Tunnel

#: Seconds until a target has to run.
WAIT = 600.0

_SECONDS = (1, 3600)


@dataclass(frozen=True)
class Options:
    """Which target, and how it is reached; see :func:`connector.open_socket`."""

    query: Query
    start: bool | None
    wait: float
    ping_interval: float
    payload_size: int

    def __post_init__(self) -> None:
        """:raises ConfigError: when a number is out of its range."""
        _check("wait", self.wait, *_SECONDS)
        _check("ping_interval", self.ping_interval, *_SECONDS)
        _check("payload_size", self.payload_size, 1, MAX_PAYLOAD_SIZE)

    def prepare(self) -> tuple[SessionSource, StreamSettings]:
        """Return the source of sessions and the way to the stream. Reads files.

        :raises ConfigError: when a name or a setting is not usable.
        """
        row = row_of(self.query)
        require_name(self.query, os.environ)
        row.require(SSH, self.query)
        allowed = row.starts_unasked if self.start is None else self.start
        return open_source(
            row.load().open_finder(self.query, os.environ),
            SSH_SESSION,
            StartSettings(allowed, self.wait),
            ping_interval=self.ping_interval,
            payload_size=self.payload_size,
        )


def query_of(
    name: str,
    space: str | None,
    project: str | None,
    region: str | None,
    profile: str | None,
    endpoint_url: str | None,
) -> Query:
    """Return the query of a program that gave these arguments."""
    given = (("space", space), ("project", project), ("region", region))
    options = tuple((option, value) for option, value in given if value is not None)
    return Query(name, options, profile, endpoint_url)


def _check(name: str, value: float, least: int, most: int) -> None:
    if not least <= value <= most:
        raise ConfigError(f"the argument {name} is {value!r}, which is not from {least} to {most}")


#: Seconds between two checks whether any thread is left that could use the stream.
_LOOK_INTERVAL = 0.5

logger = logging.getLogger(__name__)


class Carrier(threading.Thread):
    """One session from its start to its end.

    The thread is no daemon: the exit of the interpreter would kill a daemon before the session is
    ended at the service. The thread ends by itself when no other thread could use the stream.

    :param tell: called in this thread: with the state of a start that takes long, as often as it
        changes, and with ``None`` when the stream is open and when it has ended.
    :ivar near: the program's end. It reads as ended once :attr:`error` is known.
    :ivar error: why there is no stream any more; ``None`` while it is open, and after an orderly
        end.
    :ivar ended: done when the session has ended at the service, or cannot be ended.
    """

    def __init__(self, options: Options, tell: Callable[[Waiting | None], None]) -> None:
        super().__init__(name=f"connector {options.query.name}", daemon=False)
        self.error: ConnectorError | None = None
        self.ended: Future[None] = Future()
        self.ended.set_running_or_notify_cancel()  # no caller can cancel it any more
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
        """End the stream, after the delivery of written bytes within three seconds.

        Return at once. Any thread may call this, also more than once.
        """
        self._wanted = False
        self._loop.call_soon(self._end)

    def wait_ended(self) -> None:
        """Block until the session has ended and the thread with it."""
        self.ended.result()
        if self.ident is not None:  # it was started
            self.join()

    def raise_failure(self) -> None:
        """:raises ConnectorError: when a failure has ended the stream."""
        if self.error is not None:
            raise self.error.with_traceback(None)  # the error may be raised many times

    def raise_unless_opened(self) -> None:
        """Check that the stream is open, after ``tell`` was called with ``None``.

        :raises ConnectorError: with the reason, when there is no stream.
        """
        if not self._opened:
            self.raise_failure()
            raise SessionEnded("the stream was closed before it was open")

    def run(self) -> None:
        """Run the thread. Only ``Thread.start`` calls this."""
        try:
            self._carry()
        except ConnectorError as error:
            self.error = error
        except BaseException as error:  # passed on to the caller's thread
            logger.debug("a bug", exc_info=True)
            if self._wanted:  # no caller waits for an end that fails
                self.error = InternalError.of(error)
        finally:
            self._let_go()

    def _carry(self) -> None:
        source, settings = self._options.prepare()
        if not self._wanted:
            raise StartAbandoned
        # The original stays open until the error is known: only then may the program read the end.
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

    # Called in the loop.

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
        if _has_users():
            self._loop.call_at(self._loop.time() + _LOOK_INTERVAL, self._look_for_users)
        else:
            logger.info("the interpreter exits")
            self.end()


class _Opening(Observer):
    """Calls ``opened`` when the stream is open."""

    def __init__(self, opened: Callable[[], None]) -> None:
        self._opened = opened

    def session_opened(self, session_type: str | None) -> None:
        self._opened()


def _has_users() -> bool:
    """Return whether a thread of the program runs that the interpreter waits for."""
    main = threading.main_thread()
    return main.is_alive() or any(
        not (thread.daemon or thread is main or isinstance(thread, Carrier))
        for thread in threading.enumerate()
    )
