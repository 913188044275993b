"""The CA certificates that every TLS connection is checked against."""

from __future__ import annotations

import socket
import ssl
import threading

from ..errors import ConfigError
from .dial import dial

_BUNDLE_HINT = "It has to be a file of CA certificates in PEM format"


class Trust:
    """The CA certificates that the API and the stream are checked against.

    :param ca_bundle: the path of a file of CA certificates; ``None`` for the system's.
    """

    def __init__(self, ca_bundle: str | None = None) -> None:
        self._ca_bundle = ca_bundle
        self._loading = threading.Lock()
        self._context: ssl.SSLContext | None = None

    @property
    def context(self) -> ssl.SSLContext:
        """The TLS context, which checks certificate and host name.

        API and stream share one, since loading the certificates takes 25 ms.

        :raises ConfigError: when the bundle cannot be read.
        """
        with self._loading:  # two threads dial at once: one the API, one the gateway
            if self._context is None:
                self._context = _load_context(self._ca_bundle)
            return self._context

    def connect(self, host: str, port: int, timeout: float) -> socket.socket:
        """Return a TLS connection to any host. Blocks; see :func:`dial` for the errors."""
        return dial(host, port, self.context, timeout)


def _load_context(ca_bundle: str | None) -> ssl.SSLContext:
    try:
        return ssl.create_default_context(cafile=ca_bundle)
    except ssl.SSLError:
        raise ConfigError(f"the CA bundle {ca_bundle} holds no certificate", _BUNDLE_HINT) from None
    except OSError as error:
        raise ConfigError(
            f"the CA bundle {ca_bundle} cannot be read: {error.strerror}", _BUNDLE_HINT
        ) from None
