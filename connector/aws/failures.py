"""What went wrong between here and a service, in words that say what to do about it."""

from __future__ import annotations

import socket
import ssl
from collections.abc import Iterator
from typing import TYPE_CHECKING

from ..errors import (
    NETWORK_HINT,
    ConfigError,
    ConnectFailed,
    ConnectorError,
    ProxyFailed,
    TLSFailed,
)

if TYPE_CHECKING:
    from botocore.exceptions import BotoCoreError


def explain_failure(error: BotoCoreError, host: str) -> tuple[ConnectorError, bool]:
    """What the user should read, and whether another try may go better.

    The latter only where the service has certainly not seen the request.
    """
    from botocore import exceptions as botocore

    if isinstance(error, botocore.SSLError):
        return _tls(error, host), False
    if isinstance(error, botocore.ProxyConnectionError):
        return _proxy(error, host)
    transient = isinstance(error, botocore.ConnectionError)
    if isinstance(error, botocore.ConnectTimeoutError):
        problem = f"The host {host} does not accept a connection in time"
    elif isinstance(error, botocore.EndpointConnectionError):
        problem = _unreachable(error, f"The host {host}")
    elif isinstance(error, botocore.ReadTimeoutError):
        problem = f"The host {host} does not answer in time"
    elif isinstance(error, botocore.HTTPClientError):
        # Closed before, or in the middle of, the answer. The text of its cause is left
        # out: it may quote a proxy's URL with its password.
        cause = next(_causes(error), error)
        problem = f"The connection to {host} broke ({type(cause).__name__})"
    else:
        return ConfigError(f"The call to {host} cannot be made: {error}"), False
    return ConnectFailed(problem, NETWORK_HINT), transient


def _unreachable(error: BotoCoreError, whom: str) -> str:
    for cause in _causes(error):
        if isinstance(cause, socket.gaierror):
            return f"{whom} cannot be reached (its name is not known: {cause.strerror})"
        if isinstance(cause, OSError) and cause.strerror:
            return f"{whom} cannot be reached ({cause.strerror})"
    return f"{whom} cannot be reached"


def _tls(error: BotoCoreError, host: str) -> TLSFailed:
    for cause in _causes(error):
        if isinstance(cause, ssl.SSLCertVerificationError):
            return TLSFailed.certificate(host, cause.verify_code, cause.verify_message)
        if isinstance(cause, ssl.SSLError):
            return TLSFailed.handshake(host, cause.reason or str(cause.strerror))
        if isinstance(cause, ValueError):  # urllib3's own check of the name
            return TLSFailed.wrong_name(host)
    return TLSFailed.handshake(host, "no reason is known")


def _proxy(error: BotoCoreError, host: str) -> tuple[ProxyFailed, bool]:
    url = str(error.kwargs.get("proxy_url", ""))  # its password is masked
    kind, _, rest = url.removeprefix("http://").partition("://")
    if rest:  # botocore puts http:// before what it does not know
        problem = f"A proxy of the kind {kind}:// is not supported"
        return ProxyFailed(problem, "Set HTTPS_PROXY to an http:// URL"), False
    proxy = f"The proxy {url}"
    hint = f"Check HTTPS_PROXY, or name {host} in NO_PROXY"
    for cause in _causes(error):
        # http.client: OSError("Tunnel connection failed: 407 Proxy Authentication Required")
        _, refused, answer = str(cause).partition("Tunnel connection failed: ")
        if refused and type(cause) is OSError:
            if answer.startswith("407"):
                hint = "Put the proxy's user name and password into HTTPS_PROXY"
            answer = " ".join(answer.split())[:100]
            return ProxyFailed(f"{proxy} refuses the way to {host} ({answer})", hint), False
    return ProxyFailed(_unreachable(error, proxy), hint), True


def _causes(error: BotoCoreError) -> Iterator[BaseException]:
    """The exceptions behind one of botocore's, nearest first."""
    waiting: list[object] = [error.kwargs.get("error"), error.__cause__, error.__context__]
    seen: set[int] = set()
    while waiting:
        cause = waiting.pop(0)
        if isinstance(cause, BaseException) and id(cause) not in seen:
            seen.add(id(cause))
            yield cause
            # urllib3 keeps the exception that it wraps in one of these.
            waiting += [getattr(cause, "reason", None), cause.__cause__, cause.__context__]
            waiting += cause.args
