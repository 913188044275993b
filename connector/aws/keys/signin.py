"""Renewal of the keys of ``aws login`` by a call of AWS Sign-In (model 2023-01-01).

The request is botocore's, with its proof of the login's private key (DPoP, RFC 9449). botocore
signs it by the package awscrt; here, cryptography does.
"""

from __future__ import annotations

import base64
import json
import time
import uuid
from collections.abc import Mapping
from contextlib import closing
from typing import TYPE_CHECKING, Any

from cryptography.hazmat.primitives.asymmetric.ec import (
    ECDSA,
    SECP256R1,
    EllipticCurvePrivateKey,
    derive_private_key,
)
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA256

from ...fast.records import NamedTuple
from ..endpoint import EndpointNames, host_and_port, light_endpoint
from ..light import host_and_path, parse, plain_request, send
from ..regions import domain_of
from ..responses import Object, check, non_empty, number
from ..sso.tokens import Unusable

if TYPE_CHECKING:
    from ..profile import Profile
    from ..sdk import ClientFactory

_KEYS = Object(dict.fromkeys(("accessKeyId", "secretAccessKey", "sessionToken"), non_empty))

#: The response. All is lenient: a new refresh token has to be kept even if the rest is malformed.
TOKEN = Object(
    lenient={"accessToken": _KEYS, "refreshToken": non_empty, "expiresIn": number(0, 86400)}
)

_OPERATION = "CreateOAuth2Token"

#: What comes before the size of the number in a private key: its version, and "octet string".
_BEFORE_NUMBER = bytes.fromhex("02010104")

#: The curve P-256 as an object identifier.
_P256 = bytes.fromhex("06082a8648ce3d030107")

#: The number of bytes of each half of a signature.
_SIZE = 32


class Signin(NamedTuple):
    """AWS Sign-In, as a profile reaches it.

    :param region: of logins that name none; empty if unknown.
    :param environ: the variables of AWS's tools.
    """

    region: str
    profile: Profile
    environ: Mapping[str, str]
    clients: ClientFactory

    def create_token(
        self, request: Mapping[str, str], connect_timeout: float, read_timeout: float
    ) -> dict[str, Any]:
        """Return the members of a new token; see :class:`connector.aws.renewal.Service`.

        :param request: see :meth:`connector.aws.keys.login.LoginToken.refresh_request`.
        :raises Unusable: when the login's private key is no key, or no Region is known.
        """
        key = private_key(request["dpopKey"])
        members = {name: request[name] for name in ("clientId", "refreshToken")}
        members["grantType"] = "refresh_token"
        region = request["signInRegion"] or self.region
        if not region:
            raise Unusable("the login names no Region, and neither does the profile")
        names = EndpointNames(endpoint_in(region), "AWS_ENDPOINT_URL_SIGNIN", "")
        url = light_endpoint(names, None, self.environ, self.profile)
        timeouts = connect_timeout, read_timeout
        if url is None:
            return self._by_botocore(region, key, members, timeouts)
        url = f"{url.rstrip('/')}/v1/token"
        headers = {"Content-Type": "application/json", "DPoP": proof_of(key, url)}
        host, path = host_and_path(url)
        sent = plain_request("POST", host, path, headers, json.dumps(members).encode())
        response = send(self.clients.connect, host_and_port(url), sent, *timeouts)
        return check(parse(response, host), TOKEN, host)

    def _by_botocore(
        self,
        region: str,
        key: EllipticCurvePrivateKey,
        members: Mapping[str, str],
        timeouts: tuple[float, float],
    ) -> dict[str, Any]:
        """Make the call where settings change its endpoint in ways that only botocore knows."""
        from botocore import xform_name

        from ..sdk import call

        operation = xform_name(_OPERATION)  # it differs between versions of botocore

        def add_proof(params: dict[str, Any], **_: object) -> None:
            params["headers"]["DPoP"] = proof_of(key, params["url"])

        client = self.clients.create(
            *("signin", {operation: TOKEN}),
            region=region,
            connect_timeout=timeouts[0],
            read_timeout=timeouts[1],
        )
        with closing(client):
            client.meta.events.register(f"before-call.signin.{_OPERATION}", add_proof)
            found: dict[str, Any] = call(client, operation, tokenInput=members)["tokenOutput"]
            return found


def endpoint_in(region: str) -> str:
    """Return the usual URL in a Region; empty if only botocore knows it."""
    if domain_of(region) is None:
        return ""
    if region.startswith("cn-"):
        return f"https://{region}.signin.amazonaws.cn"
    is_gov = region.startswith("us-gov-")
    return f"https://{region}.signin.{'amazonaws-us-gov' if is_gov else 'aws.amazon'}.com"


def private_key(text: str) -> EllipticCurvePrivateKey:
    """Return the private key in a login's file, PEM text of RFC 5915 or of PKCS #8.

    awscrt writes the number without its leading zeros, and cryptography does not read such a key,
    which one in 256 logins has. So the number is taken from its place.

    :raises Unusable: when there is no key on the curve P-256.
    """
    lines = [line for line in text.splitlines() if not line.startswith("-----")]
    try:
        content = base64.b64decode("".join(lines))
        _, _, rest = content.partition(_BEFORE_NUMBER)
        if rest and _P256 in content:
            return derive_private_key(int.from_bytes(rest[1 : 1 + rest[0]], "big"), SECP256R1())
    except ValueError:
        pass
    raise Unusable("the login has no usable dpopKey")


def proof_of(key: EllipticCurvePrivateKey, url: str) -> str:
    """Return the header ``DPoP`` of a POST: a JWT that names the request, signed by ES256.

    The coordinates lack their leading zeros, as awscrt writes them too. RFC 7518 has them, but the
    AWS CLI logged in without, and the service may compare the texts.
    """
    point = key.public_key().public_numbers()
    sizes = ((value, (value.bit_length() + 7) // 8) for value in (point.x, point.y))
    x, y = (_base64(value.to_bytes(size, "big")) for value, size in sizes)
    jwk = {"kty": "EC", "x": x, "y": y, "crv": "P-256"}
    head = {"typ": "dpop+jwt", "alg": "ES256", "jwk": jwk}
    claims = {"htm": "POST", "htu": url, "iat": int(time.time()), "jti": str(uuid.uuid4())}
    parts = (json.dumps(part, separators=(",", ":")) for part in (head, claims))
    said = ".".join(_base64(part.encode()) for part in parts)
    halves = decode_dss_signature(key.sign(said.encode(), ECDSA(SHA256())))
    signature = b"".join(half.to_bytes(_SIZE, "big") for half in halves)
    return f"{said}.{_base64(signature)}"


def _base64(content: bytes) -> str:
    return base64.urlsafe_b64encode(content).rstrip(b"=").decode()
