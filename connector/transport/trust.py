"""The CA certificates that every TLS connection is checked against.

OpenSSL takes 0.15 ms to load a certificate, and a system's store has some 150. So a connection is
tried with few of them first:

- A directory of certificates, as most Linux systems have one, costs nothing: OpenSSL looks a
  certificate up in it by the hash of its name, when a server needs it.
- A file of certificates has to be loaded. Those that verified the last connections are remembered.
  They are taken from the file as it is now, and only while no byte of it has changed.

If these do not verify a server, a second connection is checked against the whole store, as if
there were no first. So nothing is trusted that the whole store does not trust: what is remembered
says which of its certificates to load, and is not trusted itself.
"""

from __future__ import annotations

import hashlib
import os
import socket
import ssl
import sys
import threading
import time

from ..errors import ConfigError, TLSFailed
from ..fast.logs import Logger
from ..fast.typed import TYPE_CHECKING, Any
from .dial import dial

if TYPE_CHECKING:
    from typing import Protocol

    class AnchorMemory(Protocol):
        """Remembers a value from one run to the next. Other programs may change it."""

        def recall(self) -> object: ...

        def note(self, value: object) -> None: ...


#: Bytes of a file that is loaded whole at once, in 2 ms: ten certificates.
_SMALL = 16 << 10

#: Bytes of a file that is searched for certificates. The largest stores have a megabyte.
_LARGE = 8 << 20

#: Certificates that are remembered.
_MOST = 8

_BUNDLE_HINT = "It has to be a file of CA certificates in PEM format"

_DER = 2  # _ssl.ENCODING_DER

_BEGIN, _END = "-----BEGIN CERTIFICATE-----\n", "\n-----END CERTIFICATE-----"

logger = Logger(__name__)


class Trust:
    """The CA certificates that the API and the stream are checked against.

    :param ca_bundle: the path of a file of CA certificates; ``None`` for the system's.
    :param memory: remembers which certificates of the file verified the last connections.
    """

    def __init__(self, ca_bundle: str | None = None, memory: AnchorMemory | None = None) -> None:
        self._ca_bundle = ca_bundle
        self._memory = memory
        self._lock = threading.Lock()  # two threads dial at once: one the API, one the gateway
        self._whole: ssl.SSLContext | None = None
        self._part: _Part | None = None
        self._learned: list[str] = []

    @property
    def context(self) -> ssl.SSLContext:
        """The TLS context of the whole store, which checks certificate and host name.

        API and stream share one, since loading the certificates takes 25 ms.

        :raises ConfigError: when the bundle cannot be read.
        """
        with self._lock:
            if self._whole is None:
                self._whole = _load_context(self._ca_bundle)
            return self._whole

    def connect(self, host: str, port: int, timeout: float) -> socket.socket:
        """Return a TLS connection to any host. Blocks; see :func:`dial` for the errors."""
        deadline = time.monotonic() + timeout
        with self._lock:
            if self._part is None:
                self._part = _find_part(self._ca_bundle, self._memory)
            part = self._part
        if part.context:
            try:
                return dial(host, port, part.context, timeout)
            except TLSFailed as error:
                if not error.of_certificate:
                    raise
            logger.info("%s needs other CA certificates: loading them all", host)
        sock = dial(host, port, self.context, deadline - time.monotonic())
        if part.digest:
            self._learn(part, sock)
        return sock

    def _learn(self, part: _Part, sock: socket.socket) -> None:
        """Remember the certificates of the file that verify this connection."""
        text = _read(part.path)
        if text is None or self._memory is None or _digest(text) != part.digest:
            return
        with self._lock:
            found = [anchor for anchor in _verified_chain(sock) if _has(text, anchor)]
            new = [anchor for anchor in found if anchor not in part.anchors]
            self._learned += [anchor for anchor in new if anchor not in self._learned]
            # A file whose certificates are not found, or do not suffice, is loaded whole.
            anchors = [*self._learned, *part.anchors][:_MOST] if new else []
            self._memory.note({"sha256": part.digest, "anchors": anchors})


class _Part:
    """Some certificates of a store.

    :ivar path: the store's file, ``digest`` the SHA-256 of its content; both are empty if
        the whole store is to be loaded at once.
    :ivar anchors: the certificates of the file that the part has, in PEM.
    :ivar context: the TLS context of the part; None if the whole store is to be loaded at once.
    """

    __slots__ = ("anchors", "context", "digest", "path")

    def __init__(self, path: str = "", digest: str = "") -> None:
        self.path = path
        self.digest = digest
        self.anchors: list[str] = []
        self.context: ssl.SSLContext | None = None


def _find_part(ca_bundle: str | None, memory: AnchorMemory | None) -> _Part:
    """Return the part of a store to try first."""
    path, directory = ca_bundle, None
    if ca_bundle is None:
        if sys.platform == "win32":  # its store is no file
            return _Part()
        paths = ssl.get_default_verify_paths()
        path, directory = paths.cafile, paths.capath
    text = _read(path) if path else None
    if path is None or text is None or len(text) < _SMALL:
        return _Part()
    if b"-BEGIN TRUSTED " in text:  # these say what a certificate must not be trusted for
        return _Part()
    part = _Part(path, _digest(text))
    known = _anchors(memory.recall() if memory else None, part.digest, text)
    part.anchors = known or []
    if directory and not _is_hashed(directory):
        directory = None
    if part.anchors or (directory and known is None):
        part.context = ssl.create_default_context(
            capath=directory, cadata="\n".join(part.anchors) or None
        )
    return part


def _anchors(remembered: Any, digest: str, text: bytes) -> list[str] | None:
    """Return the remembered certificates, if they are of this file; None if none are known."""
    if not isinstance(remembered, dict) or remembered.get("sha256") != digest:
        return None
    anchors = remembered.get("anchors")
    if isinstance(anchors, list) and all(_has(text, anchor) for anchor in anchors[: _MOST + 1]):
        return anchors[:_MOST]
    return None


def _has(text: bytes, anchor: object) -> bool:
    """Return whether a file has this certificate, in exactly these lines."""
    return (
        isinstance(anchor, str)
        and anchor.isascii()
        and anchor.startswith(_BEGIN)
        and anchor.endswith(_END)
        and anchor.count("-----BEGIN") == 1
        and b"\n%b\n" % anchor.encode() in b"\n%b\n" % text
    )


def _verified_chain(sock: socket.socket) -> list[str]:
    """Return the server's certificate and its issuers, up to the trusted one, in PEM."""
    if sys.version_info >= (3, 13):
        chain = sock.get_verified_chain() if isinstance(sock, ssl.SSLSocket) else []
    else:
        # The method of the socket came with 3.13; this is what it calls.
        inner: Any = getattr(sock, "_sslobj", None)
        chain = [each.public_bytes(_DER) for each in inner.get_verified_chain()] if inner else []
    return [ssl.DER_cert_to_PEM_cert(certificate).rstrip() for certificate in chain]


def _is_hashed(directory: str) -> bool:
    """Return whether a directory has a name as OpenSSL looks it up: ``ce5e74ef.0``."""
    try:
        with os.scandir(directory) as entries:
            return any(len(entry.name) == 10 and entry.name.endswith(".0") for entry in entries)
    except OSError:
        return False


def _read(path: str) -> bytes | None:
    """Return the content of a file; None if it cannot be read, or is too large to be searched."""
    try:
        with open(path, "rb", buffering=0) as file:
            # A read takes memory for all that it asks for. Only a regular file has a size.
            size = os.fstat(file.fileno()).st_size
            text = file.read(size + 1 if 0 < size < _LARGE else _LARGE + 1)
    except (OSError, ValueError):  # ValueError: a NUL in the path
        return None
    return text if len(text) <= _LARGE else None


def _digest(text: bytes) -> str:
    return hashlib.sha256(text).hexdigest()


def _load_context(ca_bundle: str | None) -> ssl.SSLContext:
    try:
        return ssl.create_default_context(cafile=ca_bundle)
    except ssl.SSLError:
        raise ConfigError(f"the CA bundle {ca_bundle} holds no certificate", _BUNDLE_HINT) from None
    except OSError as error:
        raise ConfigError(
            f"the CA bundle {ca_bundle} cannot be read: {error.strerror}", _BUNDLE_HINT
        ) from None
