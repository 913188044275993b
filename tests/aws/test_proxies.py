"""HTTPS_PROXY and NO_PROXY, with both clients, and the messages for failing proxies."""

from __future__ import annotations

import pytest

from connector.errors import ProxyFailed
from connector.targets.codecatalyst.environment import CodeCatalystSessions

from .cloud import Cloud
from .helpers import UNWATCHED, Clock, make_sessions
from .peers import ConnectProxy, listening

pytestmark = pytest.mark.usefixtures("both_ways")


@pytest.fixture
def sessions(cloud: Cloud, clock: Clock) -> CodeCatalystSessions:
    return make_sessions(cloud, clock, start_timeout=1.1)  # one try


def refusal(sessions: CodeCatalystSessions) -> str:
    with pytest.raises(ProxyFailed) as caught:
        sessions.start(UNWATCHED)
    assert "pass-word" not in str(caught.value)
    assert "HTTPS_PROXY" in str(caught.value)
    return str(caught.value)


@pytest.mark.parametrize("variable", ["HTTPS_PROXY", "https_proxy"])
def test_call_goes_through_the_proxy(
    variable: str, cloud: Cloud, sessions: CodeCatalystSessions, monkeypatch: pytest.MonkeyPatch
) -> None:
    with ConnectProxy(login="mary:pass-word") as proxy:
        monkeypatch.setenv(variable, f"http://mary:pass-word@127.0.0.1:{proxy.port}")
        assert sessions.start(UNWATCHED).session_id
        assert proxy.targets == [cloud.url.removeprefix("https://")]


@pytest.mark.parametrize("no_proxy", ["example.com,127.0.0.1", "127.0.0.0/8", "*, foo"])
def test_no_proxy_host_is_called_directly(
    no_proxy: str, sessions: CodeCatalystSessions, monkeypatch: pytest.MonkeyPatch
) -> None:
    with ConnectProxy() as proxy:
        monkeypatch.setenv("HTTPS_PROXY", f"http://127.0.0.1:{proxy.port}")
        monkeypatch.setenv("NO_PROXY", no_proxy)
        assert sessions.start(UNWATCHED).session_id
        assert proxy.targets == []


def test_proxy_that_needs_a_login_is_reported(
    cloud: Cloud, sessions: CodeCatalystSessions, monkeypatch: pytest.MonkeyPatch
) -> None:
    with ConnectProxy(login="mary:other") as proxy:
        monkeypatch.setenv("HTTPS_PROXY", f"http://mary:pass-word@127.0.0.1:{proxy.port}")
        message = refusal(sessions)
        assert "(407 Proxy Authentication Required)" in message
        assert "user name and password" in message
        assert len(proxy.targets) == 1
    assert cloud.operations() == []


@pytest.mark.parametrize(
    ("offers", "named"),
    [
        ("Proxy-Authenticate: NTLM", "NTLM"),
        ("Proxy-Authenticate: Negotiate\r\nproxy-authenticate: NTLM", "Negotiate or NTLM"),
        ("Proxy-Authenticate: Digest realm=x, nonce=y", "Digest"),
    ],
)
def test_proxy_without_basic_login_is_reported(
    sessions: CodeCatalystSessions, monkeypatch: pytest.MonkeyPatch, offers: str, named: str
) -> None:
    with ConnectProxy(refuse=f"407 Proxy Authentication Required\r\n{offers}") as proxy:
        monkeypatch.setenv("HTTPS_PROXY", f"http://127.0.0.1:{proxy.port}")
        message = refusal(sessions)
        assert f"requires a login by {named}, which is not supported" in message
        assert "cntlm" in message


def test_proxy_with_basic_login_among_others_needs_a_password(
    sessions: CodeCatalystSessions, monkeypatch: pytest.MonkeyPatch
) -> None:
    offers = "Proxy-Authenticate: NTLM\r\nProxy-Authenticate: Basic realm=x"
    with ConnectProxy(refuse=f"407 Proxy Authentication Required\r\n{offers}") as proxy:
        monkeypatch.setenv("HTTPS_PROXY", f"http://127.0.0.1:{proxy.port}")
        assert "user name and password" in refusal(sessions)


def test_refusal_of_the_proxy_is_reported(
    sessions: CodeCatalystSessions, monkeypatch: pytest.MonkeyPatch
) -> None:
    with ConnectProxy(refuse="403 Forbidden") as proxy:
        monkeypatch.setenv("HTTPS_PROXY", f"http://127.0.0.1:{proxy.port}")
        message = refusal(sessions)
        assert "refuses to connect to 127.0.0.1 (403 Forbidden)" in message
        assert "NO_PROXY" in message


def test_unreachable_proxy_is_reported(
    sessions: CodeCatalystSessions, monkeypatch: pytest.MonkeyPatch
) -> None:
    with listening() as (_, port):
        pass
    monkeypatch.setenv("HTTPS_PROXY", f"http://mary:pass-word@127.0.0.1:{port}")
    assert "cannot be reached (Connection refused)" in refusal(sessions)
    monkeypatch.setenv("HTTPS_PROXY", "http://nowhere.invalid:3128")
    assert "nowhere.invalid:3128 cannot be reached (its name" in refusal(sessions)


@pytest.mark.parametrize("kind", ["socks5", "socks5h", "https"])
def test_proxy_of_another_kind_is_refused(
    sessions: CodeCatalystSessions, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    monkeypatch.setenv("HTTPS_PROXY", f"{kind}://mary:pass-word@127.0.0.1:9")
    assert f"{kind}:// proxies are not supported" in refusal(sessions)
