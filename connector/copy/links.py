"""One connection of a copy: a session of the target, the user's ssh over it, and SFTP over that.

The tunnel runs in this process. ssh gets its end of it from the program in :mod:`.fetch`, which is
ssh's ProxyCommand. An ssh that does not take descriptors starts ``connector proxy`` instead.
"""

from __future__ import annotations

import contextlib
import logging
import os
import select
import shlex
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from queue import SimpleQueue
from typing import IO

from ..errors import ConfigError, ConnectFailed, ConnectorError, CredentialsError, StartAbandoned
from ..library.carrier import Carrier, Options
from ..programs import Ran, run_program
from ..sessions import Waiting
from ..ssh.client import Call
from .packets import ConnectionLost
from .sftp import Pipeline, Sftp

#: Seconds for ssh to log in, where it cannot ask the user anything.
_LOGIN_TIMEOUT = 60.0

#: The same where it can: sshd's LoginGraceTime ends a login before that.
_ASKING_TIMEOUT = 300.0

#: Seconds without an answer to any request after which a connection counts as lost.
_ANSWER_TIMEOUT = 300.0

#: Seconds for ssh to end by itself, and then after SIGTERM.
_END_TIMEOUT = 2.0

#: Bytes that are kept of the output of a command: names and digests of thousands of files.
_MOST_OUTPUT = 16 << 20

#: Bytes of what ssh says that are kept for messages.
_KEPT = 4096

#: The same settings as scp's, and a limit to what ssh says. They come first, so that nothing in the
#: user's configuration overrides them.
_SETTINGS = (
    "LogLevel=INFO",
    "PermitLocalCommand=no",
    "ClearAllForwardings=yes",
    "RemoteCommand=none",
    "RequestTTY=no",
    "ForwardAgent=no",
    "ForwardX11=no",
    # A connection that is dead is found out, whatever the user's configuration says.
    "ServerAliveInterval=15",
    "ServerAliveCountMax=3",
)

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Way:
    """How connections are made.

    :ivar ssh: ssh's path.
    :ivar call: how ssh is called.
    :ivar proxy_command: for an ssh that does not take its connection as a descriptor.
    :ivar options: of the sessions that this process opens for one that does.
    :ivar directory: a private directory, for sockets.
    """

    ssh: str
    call: Call
    proxy_command: str
    options: Options
    directory: str
    #: Held while an ssh starts its ProxyCommand: one at a time keeps the memory small.
    starting: threading.Lock = field(default_factory=threading.Lock)


class Link:
    """One connection.

    :param number: of the connection, different for each.
    :param may_ask: whether ssh may ask the user for a password or about a host key.
    """

    def __init__(self, way: Way, number: int, *, may_ask: bool) -> None:
        self.pipeline: Pipeline
        self._way = way
        self._may_ask = may_ask
        self._base = os.path.join(way.directory, str(number))
        self._carrier: Carrier | None = None
        self._ssh: subprocess.Popen[bytes] | None = None
        self._said: IO[bytes] | None = None
        self._near: socket.socket | None = None
        self._lock = threading.Lock()
        self._aborted = False

    def open(self) -> None:
        """Connect, and start SFTP.

        :raises ConnectorError: with the reason, when there is no connection.
        """
        try:
            if self._way.call.fdpass:
                carrier = self._open_session()
                with carrier.near, self._listen() as listener, self._way.starting:
                    self._start_ssh()
                    self._hand_over(listener, carrier.near)
            else:
                self._start_ssh()
            self._start_sftp()
        except BaseException:
            self.close()
            raise

    def run(self, command: str, stdin: bytes, timeout: float) -> Ran:
        """Run a command of the target over this connection, without another session.

        :raises TimeoutError: when it takes too long. :raises OSError: when ssh cannot be started.
        """
        options = (f"ControlPath={self._base}.c", "ControlMaster=no", "ProxyCommand=false")
        words = [self._way.ssh, "-F", "/dev/null", *_as_options(options), "-o", "BatchMode=yes"]
        words += ["-T", self._way.call.host, command]
        with tempfile.TemporaryFile(dir=self._way.directory) as file:
            file.write(stdin)
            file.seek(0)
            return run_program(words, timeout, limit=_MOST_OUTPUT, stdin=file.fileno())

    def abort(self) -> None:
        """End the connection at once. Its thread notices. Any thread may call this."""
        with self._lock:
            self._aborted = True
            if self._near is not None:
                with contextlib.suppress(OSError):
                    self._near.shutdown(socket.SHUT_RDWR)
            if self._carrier is not None:
                self._carrier.end()

    def close(self) -> None:
        """End the connection in order: SFTP, ssh, and the session. Takes 8 seconds at most."""
        with self._lock:
            near, self._near = self._near, None
        if near is not None:
            near.close()
        if self._ssh is not None:
            self._end_ssh(self._ssh)
        if self._said is not None:
            self._said.close()
            self._said = None
        if self._carrier is not None:
            self._carrier.end()
            self._carrier.wait_ended()
        for kind in ("s", "c"):
            with contextlib.suppress(OSError):
                os.unlink(f"{self._base}.{kind}")

    def failure(self) -> ConnectorError:
        """Return why the connection has ended."""
        if self._carrier is not None and self._carrier.error is not None:
            return self._carrier.error
        said = self._last_words()
        if "Permission denied" in said or "Host key verification failed" in said:
            return CredentialsError(
                f"The login by ssh failed ({said})", _HINT.format(self._way.call.host)
            )
        if "subsystem request failed" in said:
            return ConfigError(
                "The SSH server of the target offers no SFTP",
                "Turn it on there, or pipe tar through `connector ssh`",
            )
        return ConnectFailed(f"The connection of ssh was lost ({said or 'without a word'})")

    # Opening.

    def _open_session(self) -> Carrier:
        news: SimpleQueue[Waiting | None] = SimpleQueue()
        carrier = Carrier(self._way.options, news.put)
        with self._lock:
            if self._aborted:
                carrier.end()
            self._carrier = carrier
        carrier.begin()
        while news.get() is not None:
            continue
        carrier.raise_unless_opened()
        return carrier

    def _listen(self) -> socket.socket:
        listener = socket.socket(socket.AF_UNIX)
        listener.bind(f"{self._base}.s")
        listener.listen(1)
        return listener

    def _start_ssh(self) -> None:
        near, far = socket.socketpair()
        with self._lock:
            self._near = near
            if self._aborted:
                raise StartAbandoned
        self._said = open(f"{self._base}.err", "w+b")  # noqa: SIM115 - close() closes it
        os.unlink(f"{self._base}.err")
        with far:
            self._ssh = subprocess.Popen(
                [self._way.ssh, *self._words()],
                stdin=far.fileno(),
                stdout=far.fileno(),
                stderr=self._said,
                # Ctrl-C must end this process alone, which then ends ssh in order. An ssh that may
                # ask the user needs the terminal.
                start_new_session=not self._may_ask,
            )

    def _words(self) -> list[str]:
        control = (f"ControlPath={self._base}.c", "ControlMaster=yes", "ControlPersist=no")
        words = _as_options((*_SETTINGS, *control, f"BatchMode={'no' if self._may_ask else 'yes'}"))
        proxy = self._way.proxy_command
        if self._way.call.fdpass:
            fetch = os.path.join(os.path.dirname(os.path.abspath(__file__)), "fetch.py")
            command = shlex.join([sys.executable, "-I", "-S", fetch, f"{self._base}.s"])
            proxy = command.replace("%", "%%")
        return [*words, *self._way.call.words(proxy), "-s", "sftp"]

    def _hand_over(self, listener: socket.socket, near: socket.socket) -> None:
        """Give the tunnel's end to the program that ssh has started."""
        assert self._ssh is not None
        deadline = time.monotonic() + _LOGIN_TIMEOUT
        while not select.select([listener], [], [], 0.05)[0]:
            if self._ssh.poll() is not None:
                raise self._not_begun()  # it has not started its ProxyCommand
            if time.monotonic() > deadline:
                raise self.failure()
        peer, _ = listener.accept()
        with peer:
            socket.send_fds(peer, [b"\n"], [near.fileno()])

    def _start_sftp(self) -> None:
        assert self._near is not None
        self._near.settimeout(_ASKING_TIMEOUT if self._may_ask else _LOGIN_TIMEOUT)
        try:
            self.pipeline = Pipeline(Sftp(self._near))
        except ConnectionLost:
            if self._aborted:
                raise StartAbandoned from None
            if self._ssh is not None:
                self._end_ssh(self._ssh)
            if not self._way.call.fdpass and self._is_misconfigured():
                raise self._not_begun() from None
            raise self.failure() from None
        self._near.settimeout(_ANSWER_TIMEOUT)

    def _is_misconfigured(self) -> bool:
        """Return whether ssh cannot even print its settings. Its exit status tells nothing else."""
        try:
            return bool(run_program([self._way.ssh, "-G", *self._words()], _LOGIN_TIMEOUT).status)
        except OSError:  # which includes TimeoutError
            return False

    def _not_begun(self) -> ConfigError:
        said = self._last_words() or "without a word"
        return ConfigError(
            f"OpenSSH has ended before it connected ({said})",
            "Check your ssh configuration, and the options of -o",
        )

    # Ending.

    def _end_ssh(self, ssh: subprocess.Popen[bytes]) -> None:
        for number in (0, signal.SIGTERM, signal.SIGKILL):
            if number:
                ssh.send_signal(number)
            with contextlib.suppress(subprocess.TimeoutExpired):
                ssh.wait(_END_TIMEOUT)
                return

    def _last_words(self) -> str:
        """Return the last line that ssh has said."""
        if self._said is None:
            return ""
        self._said.seek(0, os.SEEK_END)
        self._said.seek(max(0, self._said.tell() - _KEPT))
        lines = self._said.read().decode("utf-8", "replace").split("\n")
        lines = [line.strip() for line in lines if line.strip()]
        for line in lines:
            logger.info("ssh said: %s", line)
        return lines[-1] if lines else ""


_HINT = "`ssh -v {}` shows what it tries"


def _as_options(settings: Sequence[str]) -> list[str]:
    return [word for setting in settings for word in ("-o", setting)]
