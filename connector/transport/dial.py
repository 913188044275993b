"""Connecting to a host: DNS, TCP, proxy, TLS.

Both the stream and the API connect this way. Everything here blocks, within a deadline, and
runs in a thread of its own. Each step has its own error, so that the user reads which one
failed.

:func:`dial_ahead` takes the steps before TLS while the program still imports the modules that use
the connection. So this module is imported early, and uses ``_socket``, the part of the standard
library's ``socket`` that is written in C: it is there 5 ms earlier.
"""

from __future__ import annotations

import _socket
import _thread
import os
import sys
import time

from ..errors import (
    NETWORK_HINT,
    ConnectFailed,
    ProxyUnreachable,
    TLSFailed,
)
from ..fast.records import NamedTuple
from ..fast.typed import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import socket
    import ssl

    from .proxies import HttpProxy

#: Seconds to connect ahead: DNS, TCP and proxy.
AHEAD_TIMEOUT = 4.0

#: Seconds after which a connection that was made ahead is closed if no dial has wanted it.
#: Servers close connections that stay silent; those of AWS wait longer.
AHEAD_LIFETIME = 5.0


def proxy_variable() -> str | None:
    """Return the name of the variable that sets the proxy; ``None`` if no variable does.

    The name in lower case has precedence. If it is set to nothing, no variable sets a proxy.
    """
    name = variable_of("https_proxy")
    return name if name and os.environ[name] else None


def proxy_for(host: str, port: int) -> HttpProxy | None:
    """Return the proxy for this host, from ``HTTPS_PROXY`` or the system's settings.

    The API, the stream and ``doctor`` all use it. ``NO_PROXY`` excepts hosts from
    ``HTTPS_PROXY``.

    :raises ProxyFailed: when the setting is not an ``http://`` URL.
    """
    if proxy_variable() is None and sys.platform not in ("darwin", "win32"):
        return None
    from .proxies import find_proxy

    return find_proxy(host, port)


def variable_of(name: str) -> str | None:
    """Return the variable that is set under this name: in lower case, or else in any case."""
    if name in os.environ:
        return name
    return next((other for other in os.environ if other.lower() == name), None)


class Candidate(NamedTuple):
    """An address of a host, as ``socket.getaddrinfo`` gives it."""

    family: int
    kind: int
    protocol: int
    canonical_name: str
    target: Any


class Route:
    """The steps to a host, one method each; :func:`dial` takes them all.

    :param proxy: the proxy to go through, see :func:`proxy_for`.
    """

    def __init__(self, host: str, port: int, proxy: HttpProxy | None) -> None:
        self.host = host
        self.port = port
        self.proxy = proxy

    def resolve(self) -> list[Candidate]:
        """Return the addresses of the host, or of the proxy, which resolves the host itself.

        A resolver knows no deadline.

        :raises ConnectFailed: when the host's name is unknown.
        :raises ProxyUnreachable: when the proxy's name is unknown.
        """
        proxy = self.proxy
        if proxy:
            hint = proxy_hint(self.host)
            return _resolve(proxy.host, proxy.port, str(proxy), ProxyUnreachable, hint)
        return _resolve(self.host, self.port, self._label, ConnectFailed, NETWORK_HINT)

    def connect(self, candidates: list[Candidate], deadline: float) -> socket.socket:
        """Return a TCP connection to the host, through the proxy if there is one.

        :param candidates: the addresses from :meth:`resolve`.
        :param deadline: a time of the monotonic clock.
        :raises ConnectFailed: when the host does not accept a connection in time.
        :raises ProxyFailed: when the proxy refuses, or (``ProxyUnreachable``) is not reached.
        """
        return _whole(self.connect_barely(candidates, deadline))

    def connect_barely(self, candidates: list[Candidate], deadline: float) -> _socket.socket:
        """Return what :meth:`connect` does, without an import of ``socket``."""
        proxy = self.proxy
        if proxy:
            hint = proxy_hint(self.host)
            sock = _connect(candidates, deadline, str(proxy), ProxyUnreachable, hint)
        else:
            sock = _connect(candidates, deadline, self._label, ConnectFailed, NETWORK_HINT)
        try:
            sock.setsockopt(_socket.IPPROTO_TCP, _socket.TCP_NODELAY, 1)
            if proxy:
                from .proxies import ask_proxy

                ask_proxy(sock, proxy, self.host, self.port, deadline)
        except BaseException:
            sock.close()
            raise
        return sock

    def encrypt(
        self, sock: socket.socket, context: ssl.SSLContext, deadline: float
    ) -> ssl.SSLSocket:
        """Return TLS over a connection from :meth:`connect`.

        :raises TLSFailed: when certificate, name or protocol do not fit.
        :raises ConnectFailed: when the host falls silent or closes the connection.
        """
        return _encrypt(sock, self.host, context, deadline)

    @property
    def _label(self) -> str:
        return f"the host {self.host}:{self.port}"


def dial(host: str, port: int, context: ssl.SSLContext | None, timeout: float) -> socket.socket:
    """Return a connected socket in non-blocking mode.

    :param context: for TLS, through the proxy if one is set. ``None`` for plain TCP, which is
        for this machine only.
    :param timeout: seconds for all steps together.
    :raises ConnectFailed: when DNS or TCP fails, or the host does not answer in time.
    :raises ProxyFailed: when the proxy refuses, or (:class:`ProxyUnreachable`) is not reached.
    :raises TLSFailed: when certificate, name or protocol do not fit.
    """
    deadline = time.monotonic() + timeout
    ahead = _ahead.pop((host, port), None) if context else None
    sock = ahead.take(deadline) if ahead else None
    route = Route(host, port, proxy_for(host, port) if context else None)
    if sock is None:
        sock = route.connect(route.resolve(), deadline)
    try:
        if context:
            sock = route.encrypt(sock, context, deadline)
        sock.setblocking(False)
    except BaseException:
        sock.close()
        raise
    return sock


def dial_ahead(host: str, port: int) -> None:
    """Connect to a host that will be dialled with TLS soon, in a thread. Nothing is sent to it.

    The next :func:`dial` of this host takes the connection, or fails with the error of the
    attempt. After :data:`AHEAD_LIFETIME` both are forgotten.
    """
    if (host, port) not in _ahead:
        _ahead[host, port] = _Ahead(host, port)


class _Ahead:
    """A connection that is made in a thread. It has one owner: the thread, or who took it."""

    def __init__(self, host: str, port: int) -> None:
        self._address = host, port
        self._socket: _socket.socket | None = None
        self._error: BaseException | None = None
        self._wanted = True
        self._lock = _thread.allocate_lock()
        # Both are locked until something happens: threading.Event would be another import.
        self._done = _thread.allocate_lock()
        self._taken = _thread.allocate_lock()
        self._done.acquire()
        self._taken.acquire()
        _thread.start_new_thread(self._run, ())

    def take(self, deadline: float) -> socket.socket | None:
        """Return the connection; ``None`` if it is not there in time, or cannot be used any more.

        :raises ConnectorError: when the attempt has failed.
        """
        self._done.acquire(timeout=remaining(deadline))
        sock, error = self._leave()
        self._taken.release()
        if error:
            raise error
        if sock is None:
            return None
        whole = _whole(sock)
        if _is_closed(whole):
            whole.close()
            return None
        return whole

    def _run(self) -> None:
        host, port = self._address
        deadline = time.monotonic() + AHEAD_TIMEOUT
        try:
            route = Route(host, port, proxy_for(host, port))
            sock = route.connect_barely(route.resolve(), deadline)
        except BaseException as error:  # noqa: BLE001 - raised to the caller of take()
            self._error = error
        else:
            with self._lock:
                wanted = self._wanted
                self._socket = sock if wanted else None
            if not wanted:
                sock.close()
        self._done.release()
        if not self._taken.acquire(timeout=AHEAD_LIFETIME):
            _ahead.pop(self._address, None)
            unused, _ = self._leave()
            if unused:
                unused.close()

    def _leave(self) -> tuple[_socket.socket | None, BaseException | None]:
        """Return socket and error, for the first caller alone."""
        with self._lock:
            self._wanted = False
            found = self._socket, self._error
            self._socket = self._error = None
            return found


#: The connections that were made ahead and that no dial has taken, by host and port.
_ahead: dict[tuple[str, int], _Ahead] = {}


def _whole(sock: _socket.socket) -> socket.socket:
    """Return the same connection as an object of ``socket``, which has more methods."""
    import socket

    timeout = sock.gettimeout()
    whole = socket.socket(sock.family, sock.type, sock.proto, sock.detach())
    whole.settimeout(timeout)
    return whole


def _is_closed(sock: socket.socket) -> bool:
    """Return whether the peer has closed a connection that is still unused."""
    sock.setblocking(False)
    try:
        return not sock.recv(1, _socket.MSG_PEEK)
    except BlockingIOError:
        return False
    except OSError:
        return True


def _resolve(
    host: str, port: int, label: str, failure: type[ConnectFailed], hint: str
) -> list[Candidate]:
    """Return the addresses of a host, which an error calls ``label``."""
    try:
        found = _socket.getaddrinfo(_name(host), port, type=_socket.SOCK_STREAM)
    except OSError as error:
        raise failure(
            f"{label} cannot be reached (its name cannot be resolved: {error.strerror})", hint
        ) from None
    except UnicodeError:
        raise failure(f"{host[:80]!r} is not a host name", hint) from None
    return [Candidate(*candidate) for candidate in found]


def _connect(
    candidates: list[Candidate],
    deadline: float,
    label: str,
    failure: type[ConnectFailed],
    hint: str,
) -> _socket.socket:
    """Return a connection to the first address that accepts one; an error says ``label``."""
    problem: OSError = TimeoutError()
    for index, (family, kind, protocol, _, target) in enumerate(candidates):
        # A dead address must not use up the time of the ones behind it.
        share = remaining(deadline) / (len(candidates) - index)
        sock = None
        try:
            sock = _socket.socket(family, kind, protocol)  # a kernel may lack IPv6
            sock.settimeout(share)
            sock.connect(target)
        except OSError as error:
            problem = error
            if sock:
                sock.close()
        else:
            return sock
    if isinstance(problem, TimeoutError):
        raise failure(f"{label} does not accept a connection in time", hint)
    raise failure(f"{label} cannot be reached ({problem.strerror})", hint)


def proxy_hint(host: str) -> str:
    return f"Check HTTPS_PROXY, or name {host} in NO_PROXY"


def _encrypt(
    sock: socket.socket, host: str, context: ssl.SSLContext, deadline: float
) -> ssl.SSLSocket:
    import ssl

    try:
        sock.settimeout(remaining(deadline))
        return context.wrap_socket(sock, server_hostname=_name(host))
    except ssl.SSLCertVerificationError as error:
        raise TLSFailed.certificate(host, error.verify_code, error.verify_message) from None
    except TimeoutError:
        raise ConnectFailed(f"{host} does not complete the TLS handshake", NETWORK_HINT) from None
    except ssl.SSLError as error:
        raise TLSFailed.handshake(host, error.reason) from None
    except OSError as error:
        raise ConnectFailed(
            f"{host} broke the connection in the TLS handshake ({error.strerror})", NETWORK_HINT
        ) from None


def _name(host: str) -> str | bytes:
    """Return a name that Python accepts without IDNA, whose tables take 2 ms to import."""
    return host.encode() if host.isascii() else host


def remaining(deadline: float) -> float:
    """Return the seconds left; never 0, which would mean "do not block" to a socket."""
    return max(0.001, deadline - time.monotonic())
