"""An SSH server without sshd: commands, terminals, SFTP and forwarding. POSIX only.

It accepts every user, as live machines of the service seem to. So it does not listen: it serves
only the sockets of :meth:`SshServer.connect`, whose clients have passed the gateway. paramiko
needs daemon threads for each connection and each channel.
"""

from __future__ import annotations

import contextlib
import io
import logging
import os
import socket
import threading
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any, ClassVar

import paramiko
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from paramiko.common import (
    AUTH_SUCCESSFUL,
    MSG_CHANNEL_REQUEST,
    OPEN_FAILED_ADMINISTRATIVELY_PROHIBITED,
    OPEN_FAILED_CONNECT_FAILED,
    OPEN_SUCCEEDED,
)

from .port import Dialer
from .processes import Terminal
from .sftp import LocalFiles, SftpServer
from .sshprocess import ChannelProcess

#: The key exchange that dropbear's dbclient guesses (first_kex_packet_follows of RFC 4253,
#: section 7.1). paramiko does not skip a wrong guess, so it must be our first one too.
FIRST_KEX = "curve25519-sha256"

#: Seconds for the version exchange and the keys, as in sshd's LoginGraceTime.
LOGIN_TIMEOUT = 120.0

#: Seconds that the threads of a connection get to end.
_JOIN_TIMEOUT = 5.0

_logger = logging.getLogger(__name__)

# paramiko logs a client that leaves as an error.
_paramiko_logger = logging.getLogger(f"{__name__}.paramiko")
_paramiko_logger.setLevel(logging.CRITICAL)


def make_host_key() -> paramiko.PKey:
    """Return a new ed25519 key. paramiko reads such keys but cannot make them."""
    key = Ed25519PrivateKey.generate()
    text = key.private_bytes(Encoding.PEM, PrivateFormat.OpenSSH, NoEncryption()).decode()
    return paramiko.Ed25519Key(file_obj=io.StringIO(text))


class SshServer:
    """A server of any number of connections.

    :param home: the directory in which commands and SFTP start; ``None`` for the user's home.
    """

    def __init__(self, host_key: paramiko.PKey, home: Path | None = None) -> None:
        self.host_key = host_key
        self._keys: dict[str, paramiko.PKey] = {}
        self._home = home or Path.home()
        self._connections: set[_Connection] = set()
        self._lock = threading.Lock()
        self._closed = False

    def dialer_of(self, machine_id: str) -> Dialer:
        """Return the dialer of one machine. Each machine has a host key of its own."""
        key = self._keys.get(machine_id) or self._keys.setdefault(machine_id, make_host_key())
        return partial(self.connect, key)

    async def connect(self, host_key: paramiko.PKey | None = None) -> socket.socket:
        """Return the client's end of a new connection, non-blocking. It is a ``Dialer``.

        :param host_key: by default the server's own.
        :raises ConnectionRefusedError: after :meth:`close`.
        """
        with self._lock:
            if self._closed:
                raise ConnectionRefusedError("the SSH server is closed")
            ours, theirs = socket.socketpair()
            theirs.setblocking(False)
            key = host_key or self.host_key
            connection = _Connection(ours, key, self._home, self._forget)
            self._connections.add(connection)
        connection.start()
        return theirs

    def close(self) -> None:
        """End all connections and their processes, and wait for that."""
        with self._lock:
            self._closed = True
            connections = list(self._connections)
        for connection in connections:
            connection.close()
        for connection in connections:
            connection.join(_JOIN_TIMEOUT)

    def _forget(self, connection: _Connection) -> None:
        with self._lock:
            self._connections.discard(connection)


class _Connection(threading.Thread):
    """One SSH connection. Its end also ends its processes."""

    def __init__(
        self,
        sock: socket.socket,
        host_key: paramiko.PKey,
        home: Path,
        on_end: Callable[[_Connection], None],
    ) -> None:
        super().__init__(name="ssh connection", daemon=True)
        self._on_end = on_end
        self._sock = sock
        self._channels = _Channels(home)
        self._transport = _Transport(sock, self._channels.opened, self._channels.answered)
        self._transport.set_log_channel(_paramiko_logger.name)
        self._transport.banner_timeout = LOGIN_TIMEOUT
        self._transport.add_server_key(host_key)
        self._transport.set_subsystem_handler("sftp", SftpServer, LocalFiles, home)

    def run(self) -> None:
        try:
            self._transport.start_server(server=self._channels)
            self._transport.join()
        except (paramiko.SSHException, EOFError, OSError) as error:
            _logger.debug("an SSH connection failed: %r", error)
        finally:
            self._transport.close()
            self._transport.join(_JOIN_TIMEOUT)
            self._channels.close()
            self._sock.close()
            self._on_end(self)

    def close(self) -> None:
        """End the connection, even if its transport has not started yet."""
        with contextlib.suppress(OSError):  # it has ended
            self._sock.shutdown(socket.SHUT_RDWR)


_PARAMIKO: Any = paramiko.Transport  # key exchanges are not in its public interface


class _Transport(paramiko.Transport):
    """A transport that reports each new channel, and each request that has got its reply.

    ``accept`` would need a polling thread for the channels. The reply has to come first: a client
    that is told of the end of a process before the start of it reports an error.
    """

    # The same exchange under its name in RFC 8731, which paramiko lacks.
    _kex_info: ClassVar[dict[str, Any]] = {**_PARAMIKO._kex_info}
    _kex_info[FIRST_KEX] = _kex_info[f"{FIRST_KEX}@libssh.org"]
    _preferred_kex = (FIRST_KEX, *_PARAMIKO._preferred_kex)

    def __init__(
        self,
        sock: socket.socket,
        opened: Callable[[paramiko.Channel], None],
        answered: Callable[[], None],
    ) -> None:
        super().__init__(sock)
        self._opened = opened
        self._answered = answered
        self._channel_handler_table = {
            **_PARAMIKO._channel_handler_table,
            MSG_CHANNEL_REQUEST: self._answer,
        }

    def _answer(self, channel: Any, message: paramiko.Message) -> None:
        try:
            channel._handle_request(message)
        finally:
            self._answered()

    def _queue_incoming_channel(self, channel: paramiko.Channel) -> None:
        self._opened(channel)


class _Channels(paramiko.ServerInterface):
    """The requests of a client. paramiko calls the methods on the connection's thread."""

    def __init__(self, home: Path) -> None:
        self._home = home
        self._open: list[paramiko.Channel] = []
        self._environments: dict[int, dict[str, str]] = {}
        self._terminals: dict[int, Terminal] = {}
        self._processes: dict[int, ChannelProcess] = {}
        self._accepted: list[ChannelProcess] = []
        self._forwardings: dict[int, Forwarding] = {}

    def opened(self, channel: paramiko.Channel) -> None:
        """Start the forwarding of a channel that the client knows by now."""
        # paramiko keeps only weak references to channels.
        self._open = [channel, *(other for other in self._open if not other.closed)]
        forwarding = self._forwardings.get(channel.get_id())
        if forwarding is not None:
            forwarding.start(channel)

    def answered(self) -> None:
        """Start the process of a request that the client knows to be accepted by now."""
        while self._accepted:
            self._accepted.pop().start()

    def close(self) -> None:
        """End all processes and forwarded connections, and wait for that."""
        users: list[ChannelProcess | Forwarding] = [
            *self._processes.values(),
            *self._forwardings.values(),
        ]
        for user in users:
            user.hang_up()
        for user in users:
            user.join(_JOIN_TIMEOUT)

    # Authentication: the gateway has checked the client, so every user is accepted

    def get_allowed_auths(self, username: str) -> str:
        return "none,publickey,password"

    def check_auth_none(self, username: str) -> int:
        return AUTH_SUCCESSFUL

    def check_auth_password(self, username: str, password: str) -> int:
        return AUTH_SUCCESSFUL

    def check_auth_publickey(self, username: str, key: paramiko.PKey) -> int:
        return AUTH_SUCCESSFUL

    # Channels

    def check_channel_request(self, kind: str, chanid: int) -> int:
        if kind == "session":
            return OPEN_SUCCEEDED
        return OPEN_FAILED_ADMINISTRATIVELY_PROHIBITED

    def check_channel_direct_tcpip_request(
        self, chanid: int, origin: tuple[str, int], destination: tuple[str, int]
    ) -> int:
        try:
            self._forwardings[chanid] = Forwarding(*destination)
        except PermissionError:
            return OPEN_FAILED_ADMINISTRATIVELY_PROHIBITED
        except OSError:
            return OPEN_FAILED_CONNECT_FAILED
        return OPEN_SUCCEEDED

    def check_channel_env_request(
        self, channel: paramiko.Channel, name: bytes, value: bytes
    ) -> bool:
        environment = self._environments.setdefault(channel.get_id(), {})
        environment[name.decode(errors="replace")] = value.decode(errors="replace")
        return True

    def check_channel_pty_request(
        self,
        channel: paramiko.Channel,
        term: bytes,
        width: int,
        height: int,
        pixelwidth: int,
        pixelheight: int,
        modes: bytes,
    ) -> bool:
        if channel.get_id() in self._terminals:
            return False
        self._terminals[channel.get_id()] = Terminal(term.decode(errors="replace"), modes)
        self._terminals[channel.get_id()].resize(width, height)
        return True

    def check_channel_window_change_request(
        self,
        channel: paramiko.Channel,
        width: int,
        height: int,
        pixelwidth: int,
        pixelheight: int,
    ) -> bool:
        terminal = self._terminals.get(channel.get_id())
        if terminal is not None:
            terminal.resize(width, height)
        return terminal is not None

    def check_channel_shell_request(self, channel: paramiko.Channel) -> bool:
        return self._start(channel, None)

    def check_channel_exec_request(self, channel: paramiko.Channel, command: bytes) -> bool:
        return self._start(channel, os.fsdecode(command))

    def _start(self, channel: paramiko.Channel, command: str | None) -> bool:
        number = channel.get_id()
        if number in self._processes:
            return False
        process = ChannelProcess(
            channel,
            command,
            self._home,
            self._environments.get(number, {}),
            self._terminals.get(number),
        )
        self._processes[number] = process
        self._accepted.append(process)
        return True


LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})
CONNECT_TIMEOUT = 5.0  # seconds
_CHUNK = 65536


class Forwarding:
    """A TCP connection that a client forwards: a channel, a socket, a thread for each direction.

    :raises PermissionError: if ``host`` is not this machine.
    :raises OSError: if the connection fails.
    """

    def __init__(self, host: str, port: int) -> None:
        if host not in LOOPBACK:
            raise PermissionError(f"no forwarding to {host}")
        self._socket = socket.create_connection((host, port), CONNECT_TIMEOUT)
        self._socket.settimeout(None)
        self._threads: list[threading.Thread] = []
        self._ways_open = 2
        self._lock = threading.Lock()

    def start(self, channel: paramiko.Channel) -> None:
        """Start both directions. The socket is closed when both have ended."""
        for way in (self._to_channel, self._from_channel):
            thread = threading.Thread(target=self._run, args=(way, channel), daemon=True)
            thread.name = "ssh forwarding"
            self._threads.append(thread)
            thread.start()

    def hang_up(self) -> None:
        """Break the connection if it is open."""
        if not self._threads:
            self._socket.close()
            return
        try:
            self._socket.shutdown(socket.SHUT_RDWR)
        except OSError as error:
            _logger.debug("the connection has ended already: %s", error)

    def join(self, timeout: float) -> None:
        """Wait for the threads, at most ``timeout`` seconds for each."""
        for thread in self._threads:
            thread.join(timeout)

    def _run(self, way: Callable[[paramiko.Channel], None], channel: paramiko.Channel) -> None:
        try:
            way(channel)
        except (OSError, EOFError) as error:
            _logger.debug("a forwarded connection broke: %s", error)
            channel.close()
            self.hang_up()
        with self._lock:
            self._ways_open -= 1
            last = not self._ways_open
        if last:
            channel.close()
            self._socket.close()

    def _to_channel(self, channel: paramiko.Channel) -> None:
        while data := self._socket.recv(_CHUNK):
            channel.sendall(data)
        channel.shutdown_write()

    def _from_channel(self, channel: paramiko.Channel) -> None:
        while data := channel.recv(_CHUNK):
            self._socket.sendall(data)
        self._socket.shutdown(socket.SHUT_WR)
