"""Hand the stream to ssh as a socket, for its option ``ProxyUseFdpass``.

Such an ssh gives its ProxyCommand one UNIX socket as stdin and stdout, and waits for a descriptor
on it (``mm_receive_fd`` in OpenSSH's monitor_fdpass.c). It takes the first one as its connection
and closes the UNIX socket. ``ConnectTimeout`` begins only then, so the start of a target may take
as long as it takes.

The hand-over waits for the first output, because an earlier failure is reported best while ssh
waits. Programs other than ssh may also use one socket for both directions. They are recognised:

    before the hand-over     data                        the stream stays on this socket
                             the end                     ssh has ended
    after it                 the end                     ssh has the other socket
                             data                        the stream stays on this socket
                             the other socket is closed  the same: the program has read the
                                                         message without its descriptor

Such a program reads an empty line before the server's greeting, which RFC 4253 (section 4.2)
allows.
"""

from __future__ import annotations

import os
import select
import socket
from collections.abc import Callable

from ..errors import LinkLost
from ..fast.logs import Logger
from .loop import Alarm, Loop
from .pumps import READER_GONE, OnBroken, PolledInput, PolledOutput
from .tunnel import Observer

#: Seconds from the opening of the session until the hand-over to a server that sends nothing.
#: A few servers wait for the greeting of ssh. A refused port is reported much earlier.
GREETING_TIMEOUT = 1.0

#: ssh reads one byte with the descriptor, and ignores its value. A newline is an empty line.
_MESSAGE = b"\n"

logger = Logger(__name__)


class Handover(Observer):
    """The streams of a session whose socket goes to ssh with the first output.

    :param fd_in: the descriptor of the UNIX socket that ssh waits on.
    :param fd_out: another descriptor of the same socket.
    :param dialer: a pipe that ends when the process ends that ssh waits for.
    :param passed: called when ssh has its socket.
    :param gone: called when ssh has ended: before the hand-over, or by closing its socket.
    :ivar input: what ssh sends; it has nothing before the hand-over.
    :ivar output: what ssh gets; it keeps everything until the hand-over.
    """

    def __init__(
        self,
        loop: Loop,
        fd_in: int,
        fd_out: int,
        dialer: int,
        passed: Callable[[], None],
        gone: Callable[[], None],
    ) -> None:
        self._loop = loop
        self._fd_in, self._fd_out, self._dialer = fd_in, fd_out, dialer
        self._passed = passed
        self._gone = gone
        self._alarm = Alarm(loop)
        self._channel = socket.socket(fileno=os.dup(fd_in))
        self._ours, self._theirs = socket.socketpair()
        self._offered = False
        self._settled = False
        self.input = LateInput(loop, self._close)
        self.output = LateOutput(self.offer, self._close)
        loop.watch(fd_in, self._look, None)
        loop.watch(dialer, self._dialer_gone, None)

    def session_opened(self, session_type: str | None) -> None:
        if not self._settled:
            self._alarm.set(self._loop.time() + GREETING_TIMEOUT, self.offer)

    def offer(self) -> None:
        """Send ssh its socket, unless that is done."""
        self._alarm.cancel()
        if self._offered or self._settled:
            return
        if self._channel.family != socket.AF_UNIX:  # inetd gives a TCP socket
            self._stay()
            return
        try:
            socket.send_fds(self._channel, [_MESSAGE], [self._theirs.fileno()])
        except OSError as error:
            if error.errno not in READER_GONE:
                raise LinkLost(f"the socket cannot be handed to ssh: {error.strerror}") from None
            self._look()  # it has ended
            return
        self._offered = True
        self._theirs.close()
        self._loop.watch(self._ours.fileno(), self._look, None)

    def _look(self) -> None:
        """Decide where the stream goes on, if that is clear by now."""
        if self._settled:
            return
        data = _peek(self._channel)
        if data:
            self._stay()
        elif data is not None and not _hung_up(self._channel):
            self._stay()  # a reader that has only stopped writing
        elif data is None and self._offered and _peek(self._ours) == b"":
            self._stay()
        elif self._offered and (data is not None or _peek(self._ours)):
            self._go()
        elif data is not None:
            logger.info("ssh has ended before the hand-over")
            self._loop.watch(self._fd_in, None, None)
            self._gone()

    def _dialer_gone(self) -> None:
        logger.info("the process that ssh waits for was killed")
        self._loop.watch(self._dialer, None, None)
        self._gone()

    def _go(self) -> None:
        logger.info("ssh has its socket")
        self._settle()
        self._loop.watch(self._dialer, None, None)
        self._passed()
        os.close(self._fd_in)
        os.close(self._fd_out)
        fd = self._ours.detach()
        # Closing it is the end of ssh: ssh never ends one direction alone.
        self.input.bind(PolledInput(self._loop, fd), self._gone)
        self.output.bind(PolledOutput(self._loop, os.dup(fd)))

    def _stay(self) -> None:
        logger.info("the stream stays on stdin and stdout")
        self._settle()
        self._ours.close()
        self.input.bind(PolledInput(self._loop, self._fd_in))
        self.output.bind(PolledOutput(self._loop, self._fd_out))

    def _settle(self) -> None:
        self._settled = True
        self._alarm.cancel()
        for fd in (self._fd_in, self._ours.fileno()):
            self._loop.watch(fd, None, None)
        self._theirs.close()
        self._channel.close()

    def _close(self) -> None:
        """Close all sockets, if the session ends before the hand-over."""
        if self._settled:
            return
        self._settle()
        self._ours.close()
        os.close(self._fd_in)
        os.close(self._fd_out)


class LateInput:
    """An ``Input`` that reads nothing until it is bound to another one."""

    def __init__(self, loop: Loop, close: Callable[[], None]) -> None:
        self._loop = loop
        self._close = close
        self._real: PolledInput | None = None
        self._wanted = 0
        self._ended = False

    def bind(self, real: PolledInput, then: Callable[[], None] | None = None) -> None:
        """Read from ``real``.

        :param then: called at its end, after the reader was told.
        """

        def end() -> None:
            self._on_end()
            if then:
                then()

        self._real = real
        real.start(self._on_data, end)
        if not self._ended:
            real.set_wanted(self._wanted)

    def start(self, on_data: Callable[[bytes], None], on_end: Callable[[], None]) -> None:
        self._on_data = on_data
        self._on_end = on_end

    def set_wanted(self, wanted: int) -> None:
        self._wanted = wanted
        if self._real and not self._ended:
            self._real.set_wanted(wanted)

    def take_rest(self) -> None:
        if self._real:
            self._real.take_rest()
        else:
            self._ended = True
            self._loop.call_soon(self._on_end)

    def close(self) -> None:
        (self._real.close if self._real else self._close)()


class LateOutput:
    """An ``Output`` that keeps what is written until it is bound to another one."""

    def __init__(self, written: Callable[[], None], close: Callable[[], None]) -> None:
        self._written = written
        self._close = close
        self._real: PolledOutput | None = None
        self._kept: list[bytes] = []

    @property
    def pending_bytes(self) -> int:
        return self._real.pending_bytes if self._real else sum(map(len, self._kept))

    def bind(self, real: PolledOutput) -> None:
        """Write to ``real``, beginning with what was kept."""
        self._real = real
        real.start(self._on_progress, self._on_broken)
        kept = b"".join(self._kept)
        self._kept.clear()
        if kept:
            real.write(kept)

    def start(self, on_progress: Callable[[], None], on_broken: OnBroken) -> None:
        self._on_progress = on_progress
        self._on_broken = on_broken

    def write(self, data: bytes) -> None:
        if self._real:
            self._real.write(data)
        else:
            self._kept.append(data)
            self._written()

    def close(self) -> None:
        (self._real.close if self._real else self._close)()


def _peek(sock: socket.socket) -> bytes | None:
    """Return the next byte without taking it; empty at the end, ``None`` if there is none yet."""
    try:
        return sock.recv(1, socket.MSG_PEEK | socket.MSG_DONTWAIT)
    except BlockingIOError:
        return None
    except OSError:  # a socket that was reset has ended, too
        return b""


def _hung_up(sock: socket.socket) -> bool:
    """Return whether the other end is closed, not only its writing half."""
    poll = select.poll()
    poll.register(sock, 0)
    return bool(poll.poll(0))
