"""Connecting to a host: each step has its own error."""

from __future__ import annotations

import contextlib
import os
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from connector.errors import (
    ConfigError,
    ConnectFailed,
    ConnectorError,
    ProxyFailed,
    ProxyUnreachable,
    TLSFailed,
)
from connector.transport import dial as ahead
from connector.transport.dial import Candidate, Route, dial, dial_ahead, proxy_for
from connector.transport.trust import Trust
from tests.aws.peers import ConnectProxy, TlsPeer, listening

GATEWAY = ("gateway.example", 443)


@pytest.fixture(autouse=True)
def no_proxy_of_the_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in list(os.environ):
        if name.lower().endswith("_proxy"):
            monkeypatch.delenv(name)


@contextlib.contextmanager
def refusal(kind: type[ConnectorError], *words: str) -> Iterator[None]:
    with pytest.raises(kind) as caught:
        yield
    assert type(caught.value) is kind
    for word in words:
        assert word in str(caught.value)


def test_trusted_gateway_gives_a_non_blocking_socket(tmp_path: Path) -> None:
    with TlsPeer(tmp_path, "localhost") as peer:
        sock = dial("localhost", peer.port, Trust(str(peer.ca_file)).context, 5)

        with contextlib.closing(sock):
            assert isinstance(sock, ssl.SSLSocket)
            assert not sock.getblocking()
            assert sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)


def test_unknown_ca_error_names_the_variable_to_set(tmp_path: Path) -> None:
    with TlsPeer(tmp_path, "localhost") as peer, refusal(TLSFailed, "AWS_CA_BUNDLE"):
        dial("localhost", peer.port, Trust().context, 5)


def test_certificate_for_another_name_is_refused(tmp_path: Path) -> None:
    with TlsPeer(tmp_path, "elsewhere.example") as peer, refusal(TLSFailed, "for another name"):
        dial("localhost", peer.port, Trust(str(peer.ca_file)).context, 5)


def test_expired_certificate_is_reported_as_expired(tmp_path: Path) -> None:
    with TlsPeer(tmp_path, "localhost", expired=True) as peer, refusal(TLSFailed, "expired"):
        dial("localhost", peer.port, Trust(str(peer.ca_file)).context, 5)


def test_peer_without_tls_raises_tls_failed() -> None:
    with listening(answer=b"220 mail.example ESMTP\r\n") as (_, port), refusal(TLSFailed):
        dial("localhost", port, Trust().context, 5)


def test_silent_tls_handshake_times_out() -> None:
    with listening(backlog=5) as (_, port), refusal(ConnectFailed, "does not complete"):
        dial("localhost", port, Trust().context, 0.2)


def test_closed_port_is_reported_as_refused() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    with refusal(ConnectFailed, "cannot be reached", "refused"):
        dial("127.0.0.1", port, None, 5)


def test_unknown_name_is_reported_as_unresolved() -> None:
    with refusal(ConnectFailed, "its name cannot be resolved"):
        dial("no-such-host.invalid", 443, None, 5)


def test_malformed_name_is_refused() -> None:
    with refusal(ConnectFailed, "not a host name"):
        dial("\u00fc" * 70 + ".example", 443, None, 5)


def test_unusable_ca_bundle_is_a_config_error(tmp_path: Path) -> None:
    (tmp_path / "empty.pem").write_text("")
    for path, words in (("missing.pem", "No such file"), ("empty.pem", "holds no certificate")):
        with refusal(ConfigError, words):
            _ = Trust(str(tmp_path / path)).context


@pytest.mark.parametrize("login", [None, "mary:p@ss/word"])
def test_proxy_connects_to_the_gateway_and_passes_tls_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, login: str | None
) -> None:
    with TlsPeer(tmp_path, "localhost") as peer, ConnectProxy(login) as proxy:
        user = "mary:p%40ss%2Fword@" if login else ""
        monkeypatch.setenv("HTTPS_PROXY", f"http://{user}127.0.0.1:{proxy.port}")

        dial("localhost", peer.port, Trust(str(peer.ca_file)).context, 5).close()

        assert proxy.targets == [f"localhost:{peer.port}"]


def test_no_proxy_is_respected(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with TlsPeer(tmp_path, "localhost") as peer, ConnectProxy() as proxy:
        monkeypatch.setenv("https_proxy", f"http://127.0.0.1:{proxy.port}")
        monkeypatch.setenv("no_proxy", "example.com,localhost")

        dial("localhost", peer.port, Trust(str(peer.ca_file)).context, 5).close()

        assert proxy.targets == []


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: ConnectProxy(login="mary:secret"), ["407", "user name and password"]),
        (
            lambda: ConnectProxy(refuse="403 Forbidden"),
            ["refuses to connect to gateway.example", "403 Forbidden", "NO_PROXY"],
        ),
    ],
)
def test_refusal_by_the_proxy_names_the_proxy(
    monkeypatch: pytest.MonkeyPatch, make: Callable[[], ConnectProxy], words: list[str]
) -> None:
    with make() as proxy:
        monkeypatch.setenv("HTTPS_PROXY", f"http://127.0.0.1:{proxy.port}")
        with refusal(ProxyFailed, *words):
            dial(*GATEWAY, Trust().context, 5)


@pytest.mark.parametrize("answer", [b"", b"SSH-2.0-nonsense\r\n\r\n", b"\0" * 70_000])
def test_answer_that_is_not_http_names_the_proxy(
    monkeypatch: pytest.MonkeyPatch, answer: bytes
) -> None:
    with listening(answer=answer) as (_, port):
        monkeypatch.setenv("HTTPS_PROXY", f"http://user:hidden-password@127.0.0.1:{port}")
        with pytest.raises(ProxyFailed) as caught:
            dial(*GATEWAY, Trust().context, 5)
    assert "hidden-password" not in str(caught.value)


def test_silent_proxy_times_out(monkeypatch: pytest.MonkeyPatch) -> None:
    with listening(backlog=5) as (_, port):
        monkeypatch.setenv("HTTPS_PROXY", f"http://127.0.0.1:{port}")
        with refusal(ProxyFailed, "does not answer"):
            dial(*GATEWAY, Trust().context, 0.2)


def test_unreachable_proxy_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    monkeypatch.setenv("HTTPS_PROXY", f"http://127.0.0.1:{port}")
    with refusal(ProxyUnreachable, "The proxy", "HTTPS_PROXY"):
        dial(*GATEWAY, Trust().context, 5)


@pytest.mark.parametrize("url", ["socks5://localhost:1080", "https://localhost", "http://[::1"])
def test_unsupported_proxy_schemes_are_refused(monkeypatch: pytest.MonkeyPatch, url: str) -> None:
    monkeypatch.setenv("HTTPS_PROXY", url)
    with refusal(ProxyFailed):
        proxy_for(*GATEWAY)


def test_proxy_without_a_scheme_is_an_http_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTPS_PROXY", "proxy.example:3128")

    proxy = proxy_for(*GATEWAY)

    assert proxy is not None
    assert (proxy.host, proxy.port) == ("proxy.example", 3128)


@pytest.fixture
def unused() -> Iterator[None]:
    """Wait until no connection that was made ahead is left."""
    yield
    deadline = time.monotonic() + 10
    while ahead._ahead and time.monotonic() < deadline:
        time.sleep(0.01)
    assert ahead._ahead == {}


def test_dial_takes_the_connection_that_was_made_ahead(tmp_path: Path, unused: None) -> None:
    with TlsPeer(tmp_path, "localhost") as peer:
        dial_ahead("localhost", peer.port)
        dial_ahead("localhost", peer.port)  # one is enough

        dial("localhost", peer.port, Trust(str(peer.ca_file)).context, 5).close()
        assert ahead._ahead == {}
        dial("localhost", peer.port, Trust(str(peer.ca_file)).context, 5).close()

        peer.wait_served()
        assert peer.connections == 2


def test_connection_made_ahead_goes_through_the_proxy(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, unused: None
) -> None:
    with TlsPeer(tmp_path, "localhost") as peer, ConnectProxy() as proxy:
        monkeypatch.setenv("HTTPS_PROXY", f"http://127.0.0.1:{proxy.port}")
        dial_ahead("localhost", peer.port)

        dial("localhost", peer.port, Trust(str(peer.ca_file)).context, 5).close()

        assert proxy.targets == [f"localhost:{peer.port}"]


def test_failure_ahead_is_the_failure_of_the_dial(unused: None) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    dial_ahead("localhost", port)
    with refusal(ConnectFailed, "cannot be reached", "refused"):
        dial("localhost", port, Trust().context, 5)


def test_unused_connection_is_closed_after_a_while(
    monkeypatch: pytest.MonkeyPatch, unused: None
) -> None:
    monkeypatch.setattr(ahead, "AHEAD_LIFETIME", 0.05)
    with socket.create_server(("127.0.0.1", 0)) as server:
        dial_ahead("127.0.0.1", server.getsockname()[1])
        connection, _ = server.accept()
        with connection:
            connection.settimeout(10)
            assert connection.recv(1) == b""


def test_connection_that_the_host_has_closed_is_not_used(unused: None) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        address = "127.0.0.1", server.getsockname()[1]
        dial_ahead(*address)
        server.accept()[0].close()
        assert ahead._ahead.pop(address).take(time.monotonic() + 10) is None


def test_attempt_that_is_late_leaves_nothing_open(
    monkeypatch: pytest.MonkeyPatch, unused: None
) -> None:
    resolved = threading.Event()
    resolve = Route.resolve

    def slow(self: Route) -> list[Candidate]:
        found = resolve(self)
        assert resolved.wait(10)
        return found

    monkeypatch.setattr(Route, "resolve", slow)
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        dial_ahead("127.0.0.1", port)
        attempt = ahead._ahead.pop(("127.0.0.1", port))
        assert attempt.take(time.monotonic()) is None
        resolved.set()
        connection, _ = server.accept()
        with connection:
            connection.settimeout(10)
            assert connection.recv(1) == b""
