"""Endless and slow responses: each call ends, with either client."""

from __future__ import annotations

import socket
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from connector.aws.api import Api, CallFailed
from connector.aws.sdk import ClientFactory
from connector.aws.sso.oidc import Oidc
from connector.aws.sso.tokens import BearerTokens
from connector.errors import ConnectFailed, ServiceError
from connector.targets.codecatalyst.api import light_api, sdk_api
from connector.transport.trust import Trust

from .cloud import Cloud, write_cache
from .peers import TlsPeer
from .sso.logins import at
from .sso.logins import tokens as tokens_of_login

HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"


class Flood(TlsPeer):
    """Sends the same piece for ever; ``sent`` counts the bytes.

    ``pause``: seconds between two pieces.
    """

    first, piece, pause = b"", b"", 0.0
    sent = 0

    def _answer(self, connection: socket.socket) -> None:
        with self.context.wrap_socket(connection, server_side=True) as stream:
            stream.recv(65536)
            stream.sendall(self.first)
            while True:
                time.sleep(self.pause)
                stream.sendall(self.piece)
                self.sent += len(self.piece)


@pytest.fixture
def peer(tmp_path: Path) -> Iterator[Flood]:
    peer = Flood(tmp_path, "localhost")
    with peer:
        yield peer


@pytest.fixture(params=["light", "botocore"])
def api(request: pytest.FixtureRequest, peer: Flood) -> Api:
    connect = Trust(str(peer.ca_file)).connect
    url = f"https://localhost:{peer.port}"
    if request.param == "light":
        return light_api(url, connect)
    return sdk_api(ClientFactory(None, connect), url)


def failure(api: Api, read_timeout: float) -> CallFailed:
    with pytest.raises(CallFailed) as caught:
        api.call("verify_session", "t", connect_timeout=5, read_timeout=read_timeout)
    return caught.value


@pytest.mark.parametrize(
    ("first", "piece"),
    [
        (b"", b"H"),
        (b"HTTP/1.1 200 OK\r\n", b"A: b\r\n"),
        (b"", b"HTTP/1.1 100 Continue\r\n\r\n"),
        (HEAD + b"Content-Length: 100000\r\n\r\n", b" "),
        (HEAD + b"\r\n", b" "),
        (HEAD + b"Transfer-Encoding: chunked\r\n\r\n", b"1\r\n \r\n"),
        (HEAD + b"Transfer-Encoding: chunked\r\n\r\n0\r\n", b"A: b\r\n"),
    ],
    ids=["status", "headers", "interim", "length", "until the end", "chunks", "trailer"],
)
def test_trickling_response_ends_at_the_deadline(
    api: Api, peer: Flood, first: bytes, piece: bytes
) -> None:
    peer.first, peer.piece, peer.pause = first, piece, 0.02
    error = failure(api, read_timeout=0.4).error
    assert type(error) is ConnectFailed
    assert "The host localhost did not answer in time" in str(error)


@pytest.mark.parametrize(
    ("first", "piece", "said"),
    [
        (HEAD + b"\r\n", b" " * 65536, "is larger than 1 MiB"),
        (HEAD + b"Content-Length: 99999999\r\n\r\n", b" " * 65536, "is larger than 1 MiB"),
        (
            HEAD + b"Transfer-Encoding: chunked\r\n\r\n",
            b"10000\r\n" + b" " * 65536 + b"\r\n",
            "is larger than 1 MiB",
        ),
        (HEAD, b"A: b\r\n" * 1000, "has headers of more than 64 KiB"),
        (b"", b"HTTP/1.1 100 Continue\r\n\r\n" * 1000, "has headers of more than 64 KiB"),
    ],
    ids=["until the end", "length", "chunks", "headers", "interim"],
)
def test_endless_response_ends_at_the_limit(
    api: Api, peer: Flood, first: bytes, piece: bytes, said: str
) -> None:
    peer.first, peer.piece = first, piece
    error = failure(api, read_timeout=60).error
    assert type(error) is ServiceError
    assert f"The response from localhost {said}" in str(error)
    peer.wait_served()
    assert peer.sent < 16 << 20  # the buffers of both ends, not gigabytes


def test_login_names_the_host_that_did_not_answer(
    peer: Flood, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL_SSO_OIDC", f"https://localhost:{peer.port}")
    monkeypatch.setattr("connector.aws.sso.oidc._READ_TIMEOUT", 0.4)
    peer.first, peer.piece, peer.pause = HEAD + b"\r\n", b" ", 0.02
    clients = ClientFactory(None, Trust(str(peer.ca_file)).connect)
    with Oidc(clients, "us-east-1") as oidc, pytest.raises(CallFailed) as caught:
        oidc.call("register_client", clientName="x", clientType="public")
    assert "The host localhost did not answer in time" in str(caught.value)


def test_current_token_is_used_if_the_renewal_trickles(
    cloud: Cloud, cache_file: Path, peer: Flood, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL_SSO_OIDC", f"https://localhost:{peer.port}")
    peer.first, peer.piece, peer.pause = HEAD + b"\r\n", b" ", 0.02
    write_cache(cache_file, cloud.login(expiresAt=at(60)))
    tokens: BearerTokens = tokens_of_login(ca_file=peer.ca_file)
    assert tokens.load(timeout=2.0).value == "cached-token"
