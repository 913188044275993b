"""AWS Signature Version 4 of a request, in its headers or in its query, without botocore.

The rules are those of the AWS General Reference, "Signing AWS API requests". Tests compare every
signature with botocore's ``SigV4Auth`` and ``SigV4QueryAuth``.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Mapping

from ..fast.typed import TYPE_CHECKING

if TYPE_CHECKING:
    from .keys.source import AwsKeys

_ALGORITHM = "AWS4-HMAC-SHA256"

#: Headers that a proxy on the way may change. botocore does not sign them either.
_UNSIGNED = ("connection", "expect", "transfer-encoding", "user-agent", "x-amzn-trace-id")

_UNRESERVED = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~")
_PATH = _UNRESERVED.union("/")

_BLOCK = 64  # bytes of a block of SHA-256
_INNER = bytes(byte ^ 0x36 for byte in range(256))
_OUTER = bytes(byte ^ 0x5C for byte in range(256))


def signed_headers(
    keys: AwsKeys,
    *,
    method: str,
    host: str,
    path: str,
    query: str,
    headers: Mapping[str, str],
    body: bytes,
    service: str,
    region: str,
    now: float,
) -> dict[str, str]:
    """Return the headers that sign a request. They are valid for five minutes.

    :param host: the ``Host`` header: without the port if that is the scheme's own.
    :param path: as the request line has it, percent-encoded.
    :param query: in canonical form, see ``signing.canonical_query``.
    :param headers: the request's other headers, which are signed too, except those that a
        proxy may change.
    :param now: seconds since the epoch.
    """
    stamp = _stamp(now)
    added = {"X-Amz-Date": stamp}
    if keys.session_token is not None:
        added["X-Amz-Security-Token"] = keys.session_token
    named = {"host": host}
    for name, value in (*headers.items(), *added.items()):
        if name.lower() not in _UNSIGNED:
            named[name.lower()] = value
    signed = ";".join(sorted(named))
    scope = f"{stamp[:8]}/{region}/{service}/aws4_request"
    canonical = _canonical(method, path, query, named, hashlib.sha256(body).hexdigest())
    signature = _signature(keys.secret_key, stamp, scope, canonical)
    added["Authorization"] = (
        f"{_ALGORITHM} Credential={keys.access_key_id}/{scope}, "
        f"SignedHeaders={signed}, Signature={signature}"
    )
    return added


def presigned_query(
    keys: AwsKeys,
    *,
    host: str,
    path: str,
    query: Mapping[str, str],
    service: str,
    region: str,
    expires: int,
    now: float,
) -> str:
    """Return the query of a presigned GET request, its signature included.

    :param query: names and values of the request's own parameters, not encoded.
    :param expires: seconds until the signature expires.
    :param now: seconds since the epoch.
    """
    stamp = _stamp(now)
    scope = f"{stamp[:8]}/{region}/{service}/aws4_request"
    added = {
        "X-Amz-Algorithm": _ALGORITHM,
        "X-Amz-Credential": f"{keys.access_key_id}/{scope}",
        "X-Amz-Date": stamp,
        "X-Amz-Expires": str(expires),
        "X-Amz-SignedHeaders": "host",
    }
    if keys.session_token is not None:
        added["X-Amz-Security-Token"] = keys.session_token
    # Some services want the request's own parameters before those of the signature.
    text = "&".join(
        f"{encoded(name)}={encoded(value)}" for name, value in (*query.items(), *added.items())
    )
    empty = hashlib.sha256(b"").hexdigest()
    in_order = "&".join(sorted(text.split("&"), key=lambda pair: pair.partition("=")[::2]))
    canonical = _canonical("GET", path, in_order, {"host": host}, empty)
    return f"{text}&X-Amz-Signature={_signature(keys.secret_key, stamp, scope, canonical)}"


def encoded(text: str, safe: frozenset[str] = _UNRESERVED) -> str:
    """Return text percent-encoded as SigV4 does. Bytes that are not UTF-8 stay as they are.

    :param safe: the characters that are not encoded.
    """
    if safe.issuperset(text):
        return text
    # urllib.parse takes 2 ms to import.
    return "".join(
        character
        if character in safe
        else "".join(f"%{byte:02X}" for byte in character.encode("utf-8", "surrogateescape"))
        for character in text
    )


def _stamp(now: float) -> str:
    return time.strftime("%Y%m%dT%H%M%SZ", time.gmtime(now))


def _canonical(
    method: str, path: str, query: str, headers: Mapping[str, str], body_digest: str
) -> str:
    """Return the canonical request. ``headers`` have names in lower case."""
    names = sorted(headers)
    lines = [f"{name}:{' '.join(headers[name].split())}" for name in names]
    return "\n".join((method, _path(path), query, *lines, "", ";".join(names), body_digest))


def _path(path: str) -> str:
    """Return a path in canonical form: every segment is encoded once more."""
    segments: list[str] = []
    for segment in path.split("/"):
        if segment == "..":
            del segments[-1:]
        elif segment not in ("", "."):
            segments.append(segment)
    ending = "/" if segments and path.endswith("/") else ""
    return f"/{encoded('/'.join(segments), _PATH)}{ending}"


def _signature(secret_key: str, stamp: str, scope: str, canonical: str) -> str:
    digest = hashlib.sha256(canonical.encode("utf-8", "surrogateescape")).hexdigest()
    key = f"AWS4{secret_key}".encode()
    for part in scope.split("/"):
        key = _hmac(key, part.encode())
    return _hmac(key, f"{_ALGORITHM}\n{stamp}\n{scope}\n{digest}".encode()).hex()


def _hmac(key: bytes, message: bytes) -> bytes:
    """Return the HMAC-SHA256 of a message (RFC 2104). Importing ``hmac`` would take longer."""
    if len(key) > _BLOCK:
        key = hashlib.sha256(key).digest()
    key = key.ljust(_BLOCK, b"\0")
    inner = hashlib.sha256(key.translate(_INNER) + message).digest()
    return hashlib.sha256(key.translate(_OUTER) + inner).digest()
