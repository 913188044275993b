"""Ending: acts on what a session's lifecycle decides, so that every end is the same orderly one.

The rest of the input is delivered, the agent is told, the link is closed, and the session is
stopped at the service. :mod:`.lifecycle` has the phases, the causes and the time limits.
"""

from __future__ import annotations

from collections.abc import Callable

from ..fast.logs import Logger
from ..fast.typed import TYPE_CHECKING
from .connection import Connection
from .lifecycle import Lifecycle, Phase, View
from .loop import Alarm, Loop
from .session import Session

if TYPE_CHECKING:
    from .roles import Channel, Input, Output

#: Seconds that the gateway may take to answer the close frame.
CLOSE_TIMEOUT = 0.3

#: The same for a raw stream, where the answer is the only sign that the gateway has read all.
RAW_CLOSE_TIMEOUT = 2.0

logger = Logger(__name__)


class Ending:
    """Drives one lifecycle: gives it causes, views and time, and acts on each new phase.

    :param outputs: the streams that have to be written before the end. The tunnel may add more.
    :param notify: prints a line for the user.
    :param pump: moves the data that is due; called when draining begins.
    :param view: returns the present state of the tunnel's parts.
    :ivar channel: the channel of the session.
    """

    def __init__(
        self,
        loop: Loop,
        lifecycle: Lifecycle,
        session: Session,
        connection: Connection,
        channel: Channel,
        stdin: Input,
        outputs: list[Output],
        notify: Callable[[str], None],
        pump: Callable[[], None],
        view: Callable[[], View],
    ) -> None:
        self._loop = loop
        self._lifecycle = lifecycle
        self._session = session
        self._connection = connection
        self.channel = channel
        self._stdin = stdin
        self._outputs = outputs
        self._notify = notify
        self._pump = pump
        self._view = view
        self._alarm = Alarm(loop)
        self._phase = lifecycle.phase  # the last one that was acted on
        self._begun = False

    def end(self, cause: str, error: BaseException | None = None, exit_code: int = 0) -> None:
        """Report a cause that ends the session; see :meth:`Lifecycle.end`."""
        now = self._loop.time()
        self._lifecycle.end(cause, self._view(), now, error, exit_code)
        self.settle()

    def settle(self) -> None:
        """Act on what has changed since the last call, and set the timer for the next one."""
        lifecycle = self._lifecycle
        self._act()
        if lifecycle.phase != Phase.ENDED:
            lifecycle.advance(self._view(), self._loop.time())
            self._act()
        if lifecycle.timer is None or lifecycle.phase == Phase.ENDED:
            self._alarm.cancel()
        elif lifecycle.timer != self._alarm.when:
            self._alarm.set(lifecycle.timer, self.settle)

    def stop_session(self) -> None:
        """Tell the service that the session is over. The end waits for that."""
        timeout = self._lifecycle.stop_timeout(self._loop.time())
        self._session.stop(timeout, self._session_stopped)

    def link_lost(self) -> None:
        """The link is lost. With its link, a raw stream that is being closed has ended."""
        if self._connection.is_raw and self._phase == Phase.CLOSING:
            self._session_stopped()

    def release(self) -> None:
        """Close everything at once, without waiting and without a message."""
        if self._phase == Phase.ENDED:
            return
        self._phase = self._lifecycle.phase = Phase.ENDED
        self._alarm.cancel()
        self._connection.abort()
        self._stdin.close()
        for output in self._outputs:
            output.close()
        logger.info("%s", self.channel.stats)

    # Acting on a new phase.

    def _act(self) -> None:
        phase = self._lifecycle.phase
        if phase == self._phase:
            return
        if self._lifecycle.ending and not self._begun:
            self._begin()
        if phase == Phase.ENDED:
            self._finish()
            return
        self._phase = phase
        if phase == Phase.DRAINING:
            self._drain()
        elif phase == Phase.CLOSING:
            self._close()

    def _begin(self) -> None:
        self._begun = True
        if self._lifecycle.error:
            # Now, since the end takes time and the caller may not wait for it.
            self._notify(str(self._lifecycle.error))
        self._connection.give_up_reconnecting()

    def _drain(self) -> None:
        if self._lifecycle.input_open and self._lifecycle.delivers(self._view()):
            self._stdin.take_rest()
        self._pump()

    def _close(self) -> None:
        if self.channel.linked:
            # Delivered or not: a service that can hear it should learn of the end.
            self.channel.terminate()
            self._connection.send_messages(self.channel.messages_to_send(self._loop.time()))
        self._stdin.set_wanted(0)
        is_raw = self._connection.is_raw
        self._connection.close(RAW_CLOSE_TIMEOUT if is_raw else CLOSE_TIMEOUT)
        if is_raw:
            if not self._connection.up:
                self._session_stopped()
            # Otherwise the link ends it: the service knows of no session.
        elif self._session.access:
            self.stop_session()
        elif self._session.abandon_start():
            self._session_stopped()
        # Otherwise a session may yet be started. It is stopped as soon as it is known.

    def _finish(self) -> None:
        if self._session.access is None:
            self._session.abandon_start()
        already = self._lifecycle.error
        told = self._lifecycle.judge(self._view())
        if (error := self._lifecycle.error) and error is not already:
            (self._notify if told else logger.info)(str(error))
        self.release()

    def _session_stopped(self) -> None:
        self._lifecycle.session_stopped()
        self.settle()
