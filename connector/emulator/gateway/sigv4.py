"""The check of AWS Signature Version 4 on the service's side.

It follows the AWS General Reference, "Signing AWS API requests", and not botocore, so a test can
find where the two disagree.
"""

from __future__ import annotations

import hashlib
import hmac
import re
from collections.abc import Mapping
from urllib.parse import parse_qsl, quote, urlsplit

_ALGORITHM = "AWS4-HMAC-SHA256"
_AUTHORIZATION = re.compile(
    rf"{_ALGORITHM} Credential=([^/,]+)/(\d{{8}})/([^/,]+)/([^/,]+)/aws4_request, ?"
    r"SignedHeaders=([^,]+), ?Signature=([0-9a-f]{64})"
)
_UNRESERVED = "-_.~"


def is_signed(
    method: str, target: str, headers: Mapping[str, str], service: str, keys: Mapping[str, str]
) -> bool:
    """Return whether a request without a body has a valid signature.

    :param target: the request's path and query.
    :param keys: secret keys by access key id.
    """
    found = _AUTHORIZATION.fullmatch(headers.get("Authorization", ""))
    date = headers.get("X-Amz-Date", "")
    if found is None:
        return False
    key_id, day, region, named_service, signed, signature = found.groups()
    if key_id not in keys or named_service != service or not date.startswith(day):
        return False
    names = signed.split(";")
    if "host" not in names or any(headers.get(name) is None for name in names):
        return False
    url = urlsplit(target)
    canonical = "\n".join(
        (
            method,
            quote(url.path or "/", safe=f"/{_UNRESERVED}"),
            _canonical_query(url.query),
            *(f"{name}:{' '.join(headers[name].split())}" for name in names),
            "",
            signed,
            hashlib.sha256(b"").hexdigest(),
        )
    )
    scope = f"{day}/{region}/{service}/aws4_request"
    digest = hashlib.sha256(canonical.encode()).hexdigest()
    key = f"AWS4{keys[key_id]}".encode()
    for part in (day, region, service, "aws4_request"):
        key = hmac.digest(key, part.encode(), "sha256")
    wanted = hmac.new(key, f"{_ALGORITHM}\n{date}\n{scope}\n{digest}".encode(), "sha256")
    return hmac.compare_digest(wanted.hexdigest(), signature)


def _canonical_query(query: str) -> str:
    """Form-decode each name and value, sort the pairs and percent-encode them again."""
    pairs = (
        (_encode(name), _encode(value))
        for name, value in parse_qsl(query, keep_blank_values=True, errors="surrogateescape")
    )
    return "&".join(f"{name}={value}" for name, value in sorted(pairs))


def _encode(text: str) -> str:
    return quote(text, safe=_UNRESERVED, errors="surrogateescape")
