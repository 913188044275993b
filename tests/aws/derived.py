"""STS, the portal of SSO and AWS Sign-In. Each key that they give is a digest of what was asked.

So the keys of a chain of roles are the same only if all calls of the chain are. The services answer
our requests on a socket, and stand for the clients that botocore's providers create.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import socket
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from unittest.mock import patch
from urllib.parse import parse_qs, urlsplit

import botocore.session
from botocore.credentials import SSOProvider, create_credential_resolver
from botocore.exceptions import PartialCredentialsError
from botocore.tokens import SSOTokenProvider
from botocore.utils import JSONFileCache

from connector.aws.keys.source import AwsKeys

from .recording import read_whole
from .signin import signer_of, with_curve
from .sources import ROLE, iso

CODE = "123456"
END = 4_000_000_000.0


def _derived(host: str, signer: str, members: Mapping[str, Any]) -> dict[str, str]:
    told = {name: str(value) for name, value in members.items() if value is not None}
    if told.get("RoleSessionName", "").startswith("botocore-session-"):
        del told["RoleSessionName"]
    digest = hashlib.sha256(repr((host, signer, sorted(told.items()))).encode()).hexdigest()
    return {
        "AccessKeyId": f"ASIA{digest[:16]}",
        "SecretAccessKey": digest[16:40],
        "SessionToken": digest[40:],
    }


def _renewed(url: str, proof: str, members: Mapping[str, Any]) -> dict[str, Any]:
    """Return the output of AWS Sign-In."""
    signer = str(signer_of(proof, url).public_numbers())
    found = _derived(url, signer, members)
    keys = {f"{name[0].lower()}{name[1:]}": value for name, value in found.items()}
    return {"accessToken": keys, "refreshToken": found["SessionToken"], "expiresIn": 900}


def connect(host: str, port: int, timeout: float) -> Any:
    """Return a connection to the service that a host stands for."""
    ours, theirs = socket.socketpair()
    threading.Thread(target=_serve, args=(theirs, host), daemon=True).start()
    return ours


def _serve(stream: Any, host: str) -> None:
    with stream:
        head, _, body = read_whole(stream).decode().partition("\r\n\r\n")
        target = head.split()[1]
        if ".signin." in host:
            (proof,) = re.findall(r"DPoP: (\S+)", head)
            answer = json.dumps(_renewed(f"https://{host}{target}", proof, json.loads(body)))
        elif host.startswith("portal.sso."):
            (token,) = re.findall(r"x-amz-sso_bearer_token: (\S+)", head)
            query = {name: values[0] for name, values in parse_qs(urlsplit(target).query).items()}
            found = _derived(host, token, query)
            names = ("accessKeyId", "secretAccessKey", "sessionToken")
            role = dict(zip(names, found.values(), strict=True))
            answer = json.dumps({"roleCredentials": {**role, "expiration": int(END * 1000)}})
        else:
            form = {name: values[0] for name, values in parse_qs(body).items()}
            action = form.pop("Action")
            del form["Version"]
            signers = re.findall(r"Credential=([^/]+)/", head)
            found = {**_derived(host, "".join(signers), form), "Expiration": iso(END)}
            keys = "".join(f"<{name}>{value}</{name}>" for name, value in found.items())
            user = f"<AssumedRoleUser><Arn>{ROLE}</Arn></AssumedRoleUser>"
            result = f"<Credentials>{keys}</Credentials>{user}"
            answer = f"<R><{action}Result>{result}</{action}Result></R>"
        stream.sendall(f"HTTP/1.1 200 OK\r\nContent-Length: {len(answer)}\r\n\r\n{answer}".encode())


class _Events:
    """The events of a client, of which the last handler counts."""

    def register(self, event: str, handler: Any) -> None:
        self.handler = handler


class _Client:
    """A client of botocore for any of the services."""

    class exceptions:
        UnauthorizedException = AccessDeniedException = PermissionError

    def __init__(self, region: str | None, key: str | None, secret: str | None) -> None:
        if key == "" or secret == "":
            # botocore would sign with it, and AWS would refuse that.
            raise PartialCredentialsError(provider="a file", cred_var="an empty key")
        self._region, self._signer = region, key or ""
        self.meta = SimpleNamespace(events=_Events())

    def _assume(self, **members: Any) -> dict[str, Any]:
        found = _derived(f"sts.{self._region}.amazonaws.com", self._signer, members)
        return {"Credentials": {**found, "Expiration": iso(END)}, "AssumedRoleUser": {"Arn": ROLE}}

    assume_role = assume_role_with_web_identity = _assume

    def get_role_credentials(self, **members: str) -> dict[str, Any]:
        named = {"role_name": members["roleName"], "account_id": members["accountId"]}
        host = f"portal.sso.{self._region}.amazonaws.com"
        found = _derived(host, members["accessToken"], named)
        names = ("accessKeyId", "secretAccessKey", "sessionToken")
        role = dict(zip(names, found.values(), strict=True))
        return {"roleCredentials": {**role, "expiration": int(END * 1000)}}

    def create_o_auth2_token(self, tokenInput: dict[str, str]) -> dict[str, Any]:
        url = f"https://{self._region}.signin.aws.amazon.com/v1/token"
        headers: dict[str, str] = {}
        self.meta.events.handler(params={"url": url, "headers": headers})
        return {"tokenOutput": _renewed(url, headers["DPoP"], tokenInput)}


def _creator(session: Any, region: str | None) -> Any:
    def create(service: str, **settings: Any) -> _Client:
        key, secret = settings.get("aws_access_key_id"), settings.get("aws_secret_access_key")
        return _Client(region, key, secret)

    return create


def _create_client(session: Any, service: str, config: Any, **settings: Any) -> _Client:
    region = settings.get("region_name") or config.region_name
    return _Client(region or session.get_config_variable("region"), None, None)


@contextmanager
def tokens_in(directory: str) -> Iterator[None]:
    """Let botocore read the tokens of SSO there. It expands ~ when it is imported."""
    with (
        patch.object(SSOTokenProvider, "_SSO_TOKEN_CACHE_DIR", directory),
        patch.object(SSOProvider, "_SSO_TOKEN_CACHE_DIR", directory),
    ):
        yield


def by_botocore(name: str | None, environ: Mapping[str, str], cache: Path) -> AwsKeys | None:
    """Return the keys that botocore's resolver finds with these services.

    :param cache: the directory of the roles that it knows.
    """
    with (
        patch.dict(os.environ, environ),
        patch("botocore.credentials._get_client_creator", _creator),
        patch("botocore.session.Session.create_client", _create_client),
        with_curve(),
    ):
        session = botocore.session.Session(profile=name)
        region = os.environ.get("AWS_REGION") or session.get_config_variable("region")
        known: Any = JSONFileCache(str(cache))
        resolver: Any = create_credential_resolver(session, known, region)
        resolver.get_provider("assume-role")._prompter = lambda question: CODE
        credentials = resolver.load_credentials()
        if credentials is None:
            return None
        frozen = credentials.get_frozen_credentials()
    if not (frozen.access_key and frozen.secret_key):
        raise PartialCredentialsError(provider="a file", cred_var="an empty key")
    return AwsKeys(frozen.access_key, frozen.secret_key, frozen.token or None)
