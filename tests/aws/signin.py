"""Logins of ``aws login``, and an AWS Sign-In that renews them.

The service checks the proof of the private key as RFC 9449 demands. ``Curve`` stands for the
package awscrt, which botocore signs the proof with.
"""

from __future__ import annotations

import base64
import hashlib
import json
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from unittest.mock import patch

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import (
    Prehashed,
    decode_dss_signature,
    encode_dss_signature,
)
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_der_private_key,
)

from .peers import TlsPeer
from .recording import read_whole
from .sources import iso

SESSION = "arn:aws:iam::123456789012:user/mary"
KEY = ec.generate_private_key(ec.SECP256R1())
#: The key as the AWS CLI writes it.
PEM = KEY.private_bytes(Encoding.PEM, PrivateFormat.TraditionalOpenSSL, NoEncryption()).decode()


def login(end: float, **changes: Any) -> dict[str, Any]:
    """Return the content of a login's file, as the AWS CLI writes it."""
    keys = {
        "accessKeyId": "ASIAL",
        "secretAccessKey": "hidden-l",
        "sessionToken": "token-l",
        "accountId": "123456789012",
        "expiresAt": iso(end),
    }
    document = {
        "accessToken": keys,
        "tokenType": "aws_sigv4",
        "clientId": "arn:aws:signin:::devtools/same-device",
        "refreshToken": "refresh-1",
        "idToken": "an-id-token",
        "dpopKey": PEM,
    }
    return {**document, **changes}


def file_of(cache: Path, session: str = SESSION) -> Path:
    return cache / f"{hashlib.sha256(session.encode()).hexdigest()}.json"


def write_login(home: Path, end: float, **changes: Any) -> Path:
    """Write the file of a login, and return its path."""
    file = file_of(home / ".aws/login/cache")
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(json.dumps(login(end, **changes)))
    return file


def decoded(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def signer_of(proof: str, url: str) -> ec.EllipticCurvePublicKey:
    """Return the key that has signed a proof, after the checks of RFC 9449, section 4.3."""
    head, claims, signature = proof.split(".")
    header, claimed = json.loads(decoded(head)), json.loads(decoded(claims))
    jwk = header.pop("jwk")
    assert header == {"typ": "dpop+jwt", "alg": "ES256"}
    assert (claimed["htm"], claimed["htu"]) == ("POST", url)
    assert abs(claimed["iat"] - time.time()) < 60
    assert len(claimed["jti"]) == 36
    assert (jwk.pop("kty"), jwk.pop("crv")) == ("EC", "P-256")
    x, y = (decoded(jwk.pop(name)) for name in ("x", "y"))
    assert not jwk  # above all, no private part
    point = int.from_bytes(x, "big"), int.from_bytes(y, "big")
    key = ec.EllipticCurvePublicNumbers(*point, ec.SECP256R1()).public_key()
    raw = decoded(signature)
    assert len(raw) == 64
    halves = (int.from_bytes(raw[:32], "big"), int.from_bytes(raw[32:], "big"))
    key.verify(encode_dss_signature(*halves), f"{head}.{claims}".encode(), ec.ECDSA(SHA256()))
    return key


class Signin(TlsPeer):
    """AWS Sign-In. Each refresh token serves once.

    ``answer``: makes the status and the body of the answer, in place of new keys. ``renewals``: the
    number of those that succeeded.
    """

    def __init__(self, directory: Path) -> None:
        super().__init__(directory, "localhost")
        self.url = f"https://localhost:{self.port}"
        self.answer: Callable[[], tuple[int, Any]] | None = None
        self.renewals = 0
        self.failures: list[str] = []

    def __enter__(self) -> Signin:
        return self

    def _handle(self, connection: socket.socket) -> None:
        with self.context.wrap_socket(connection, server_side=True) as stream:
            request = read_whole(stream)
            self.requests.append(request)
            status, answer = (self.answer or (lambda: self._renew(request)))()
            body = json.dumps(answer).encode()
            head = f"HTTP/1.1 {status} X\r\nContent-Length: {len(body)}\r\n\r\n"
            stream.sendall(head.encode() + body)

    def _renew(self, request: bytes) -> tuple[int, Any]:
        head, _, body = request.decode().partition("\r\n\r\n")
        lines = head.split("\r\n")
        headers = dict(
            line.lower().split(": ", 1)[:1] + line.split(": ", 1)[1:] for line in lines[1:]
        )
        sent = json.loads(body)
        known = login(0, refreshToken=f"refresh-{self.renewals + 1}")
        expected = {name: known[name] for name in ("clientId", "refreshToken")}
        if sent != {**expected, "grantType": "refresh_token"}:
            return 400, {"error": "TOKEN_EXPIRED", "message": f"no {sent['refreshToken']}"}
        try:
            assert lines[0] == "POST /v1/token HTTP/1.1"
            assert headers["content-type"] == "application/json"
            assert signer_of(headers["dpop"], f"{self.url}/v1/token") == KEY.public_key()
        except Exception as failure:  # noqa: BLE001 - the client is told, and the test fails
            self.failures.append(repr(failure))
            return 403, {"error": "INSUFFICIENT_PERMISSIONS", "message": "no proof"}
        self.renewals += 1
        return 200, self.keys()

    def keys(self) -> dict[str, Any]:
        number = self.renewals
        keys = {
            "accessKeyId": f"ASIA{number}",
            "secretAccessKey": f"hidden-{number}",
            "sessionToken": f"token-{number}",
        }
        renewed = {"accessToken": keys, "refreshToken": f"refresh-{number + 1}"}
        return {**renewed, "tokenType": "aws_sigv4", "expiresIn": 900}


class Curve:
    """The part of ``awscrt.crypto.EC`` that botocore uses, leading zeros included.

    It was compared with awscrt 0.38 itself on 3,000 keys.
    """

    def __init__(self, key: ec.EllipticCurvePrivateKey) -> None:
        self._key = key

    @classmethod
    def new_key_from_der_data(cls, content: bytes) -> Curve:
        key = load_der_private_key(content, None)
        assert isinstance(key, ec.EllipticCurvePrivateKey)
        return cls(key)

    def get_public_coords(self) -> tuple[bytes, bytes]:
        point = self._key.public_key().public_numbers()
        x, y = (value.to_bytes(32, "big").lstrip(b"\0") for value in (point.x, point.y))
        return x, y

    def sign(self, digest: bytes) -> bytes:
        return self._key.sign(digest, ec.ECDSA(Prehashed(SHA256())))

    @staticmethod
    def decode_der_signature_to_padded_pair(signature: bytes, pad_to: int) -> bytes:
        return b"".join(half.to_bytes(pad_to, "big") for half in decode_dss_signature(signature))


@contextmanager
def with_curve() -> Iterator[None]:
    """Let botocore sign proofs, as with awscrt."""
    with patch("botocore.credentials.EC", Curve):
        yield
