"""The check of AWS Signature Version 4 on the service's side.

It follows the AWS General Reference, "Signing AWS API requests", and not botocore, so a test can
find where the two disagree.
"""

from __future__ import annotations

import hashlib
import hmac
import re
from collections.abc import Mapping
from datetime import datetime, timezone
from typing import NamedTuple
from urllib.parse import parse_qsl, quote

_ALGORITHM = "AWS4-HMAC-SHA256"
_AUTHORIZATION = re.compile(
    rf"{_ALGORITHM} Credential=([^/,]+)/(\d{{8}})/([^/,]+)/([^/,]+)/aws4_request, ?"
    r"SignedHeaders=([^,]+), ?Signature=([0-9a-f]{64})"
)
_DATE = "%Y%m%dT%H%M%SZ"
_UNRESERVED = "-_.~"

#: Seconds for which a presigned request may be valid at most: seven days.
_EXPIRES_MAX = 7 * 24 * 3600


class Signature(NamedTuple):
    """The signature of a request, not yet verified.

    :ivar date: the time of signing, such as ``20150830T123600Z``.
    :ivar signed_at: the same, in seconds since the epoch.
    :ivar names: of the signed headers, separated by semicolons.
    """

    key_id: str
    date: str
    signed_at: float
    region: str
    service: str
    names: str
    value: str

    def matches(
        self, secret: str, method: str, target: str, headers: Mapping[str, str], body: bytes = b""
    ) -> bool:
        """Return whether a request was signed with this secret key.

        :param target: the request's path and query.
        """
        names = self.names.split(";")
        if names != sorted(names) or any(headers.get(name) is None for name in names):
            return False
        if not {"host", *_must_be_signed(headers)} <= set(names):
            return False
        path, _, query = target.partition("?")
        canonical = "\n".join(
            (
                method,
                quote(path or "/", safe=f"/{_UNRESERVED}"),
                _canonical_query(query),
                *(f"{name}:{' '.join(headers[name].split())}" for name in names),
                "",
                self.names,
                hashlib.sha256(body).hexdigest(),
            )
        )
        day = self.date[:8]
        scope = f"{day}/{self.region}/{self.service}/aws4_request"
        digest = hashlib.sha256(canonical.encode("utf-8", "surrogateescape")).hexdigest()
        key = f"AWS4{secret}".encode()
        for part in (day, self.region, self.service, "aws4_request"):
            key = hmac.digest(key, part.encode(), "sha256")
        text = f"{_ALGORITHM}\n{self.date}\n{scope}\n{digest}"
        wanted = hmac.new(key, text.encode(), "sha256")
        return hmac.compare_digest(wanted.hexdigest(), self.value)


def _must_be_signed(headers: Mapping[str, str]) -> set[str]:
    """Return the names of AWS's own headers: what they say has to be signed."""
    lower = {name.lower() for name in headers}
    return {name for name in lower if name.startswith("x-amz-")}


def read_signature(headers: Mapping[str, str]) -> Signature | None:
    """Return the signature in a request's headers, ``None`` if it is missing or malformed."""
    found = _AUTHORIZATION.fullmatch(headers.get("Authorization", ""))
    date = headers.get("X-Amz-Date", "")
    if found is None:
        return None
    key_id, day, region, service, names, value = found.groups()
    try:
        signed_at = datetime.strptime(date, _DATE).replace(tzinfo=timezone.utc).timestamp()
    except ValueError:
        return None
    if not date.startswith(day):
        return None
    return Signature(key_id, date, signed_at, region, service, names, value)


class Presigned(NamedTuple):
    """A request that is signed in its query.

    :ivar target: its path and query without the signature, which is what is signed.
    :ivar token: the session token; ``None`` for permanent keys.
    """

    signature: Signature
    target: str
    expires_at: float
    token: str | None


def read_presigned(target: str) -> Presigned | None:
    """Return what the query of a request is signed with, ``None`` if it is not or not well.

    :param target: the request's path and query.
    """
    path, _, query = target.partition("?")
    values = dict(parse_qsl(query, keep_blank_values=True))
    texts = [values.get(f"X-Amz-{name}", "") for name in ("Algorithm", "Date", "Expires")]
    algorithm, date, expires = texts
    scope = values.get("X-Amz-Credential", "").split("/")
    try:
        signed_at = datetime.strptime(date, _DATE).replace(tzinfo=timezone.utc).timestamp()
        key_id, day, region, service, ending = scope
        seconds = int(expires)
    except ValueError:
        return None
    names, value = values.get("X-Amz-SignedHeaders", ""), values.get("X-Amz-Signature", "")
    well = algorithm == _ALGORITHM and ending == "aws4_request" and date.startswith(day)
    well = well and re.fullmatch("[0-9a-f]{64}", value) is not None
    if not well or not 1 <= seconds <= _EXPIRES_MAX:
        return None
    signature = Signature(key_id, date, signed_at, region, service, names, value)
    signed = (pair for pair in query.split("&") if not pair.startswith("X-Amz-Signature="))
    token = values.get("X-Amz-Security-Token")
    return Presigned(signature, f"{path}?{'&'.join(signed)}", signed_at + seconds, token)


def date_of(seconds: float) -> str:
    """Return a time as X-Amz-Date has it."""
    return datetime.fromtimestamp(seconds, timezone.utc).strftime(_DATE)


def _canonical_query(query: str) -> str:
    """Form-decode each name and value, sort the pairs and percent-encode them again."""
    pairs = (
        (_encode(name), _encode(value))
        for name, value in parse_qsl(query, keep_blank_values=True, errors="surrogateescape")
    )
    return "&".join(f"{name}={value}" for name, value in sorted(pairs))


def _encode(text: str) -> str:
    return quote(text, safe=_UNRESERVED, errors="surrogateescape")
