"""HTTPS_PROXY: connections to the API and to the gateway pass through the proxy."""

from __future__ import annotations

import signal
from collections.abc import Iterator, Mapping
from urllib.parse import urlsplit

import pytest

from tests.aws.peers import ConnectProxy

from .cloud import Cloud
from .commands import Commands, Process
from .failing import check
from .targets import GREETING, TcpService, greeting_echo


@pytest.fixture(autouse=True)
def service(cloud: Cloud) -> Iterator[TcpService]:
    with TcpService(greeting_echo) as service:
        cloud.port = service.port
        yield service


def environ(commands: Commands, proxy: ConnectProxy, **more: str) -> Mapping[str, str]:
    return {**commands.environ, "HTTPS_PROXY": f"http://127.0.0.1:{proxy.port}", **more}


def check_greeting(process: Process) -> None:
    assert process.reader.exactly(len(GREETING)) == GREETING
    process.signal(signal.SIGHUP)
    assert (process.wait(), process.stderr()) == (0, "")


def addresses(cloud: Cloud) -> list[str]:
    """Return the addresses of the API and of the gateway."""
    return [urlsplit(url).netloc for url in (cloud.server.url, cloud.gateway.url)]


def test_both_connections_pass_through_the_proxy(commands: Commands, cloud: Cloud) -> None:
    with ConnectProxy() as proxy:
        check_greeting(commands.proxy(environ=environ(commands, proxy)))
        assert proxy.targets[:2] == addresses(cloud)
    assert cloud.stops(cloud.session()) == 1


def test_proxy_gets_the_login_of_its_url(commands: Commands, cloud: Cloud) -> None:
    with ConnectProxy(login="mary:s3cret word") as proxy:
        url = f"http://mary:s3cret%20word@127.0.0.1:{proxy.port}"
        check_greeting(commands.proxy(environ={**commands.environ, "HTTPS_PROXY": url}))
        assert proxy.targets[:2] == addresses(cloud)


@pytest.mark.parametrize("no_proxy", ["127.0.0.1", "localhost 127.0.0.0/8"])
def test_no_proxy_excludes_hosts_from_the_proxy(commands: Commands, no_proxy: str) -> None:
    with ConnectProxy() as proxy:
        check_greeting(commands.proxy(environ=environ(commands, proxy, NO_PROXY=no_proxy)))
        assert proxy.targets == []


def test_proxy_that_refuses_the_api_fails(commands: Commands) -> None:
    with ConnectProxy(refuse="403 Forbidden") as proxy:
        process = commands.proxy(environ=environ(commands, proxy))
        check(process, 78, f"The proxy http://127.0.0.1:{proxy.port} refuses", "403 Forbidden")


def test_proxy_that_refuses_the_gateway_fails(commands: Commands, cloud: Cloud) -> None:
    api, gateway = addresses(cloud)
    with ConnectProxy(refuse="502 Bad Gateway") as proxy:
        process = commands.proxy(environ=environ(commands, proxy, NO_PROXY=api))
        check(process, 78, f"The proxy http://127.0.0.1:{proxy.port} refuses", "502 Bad Gateway")
        assert proxy.targets == [gateway]
    assert cloud.stops(cloud.session()) == 1


def test_proxy_that_requires_a_login_fails(commands: Commands, cloud: Cloud) -> None:
    api, _ = addresses(cloud)
    with ConnectProxy(login="mary:s3cret") as proxy:
        url = f"http://mary:wr0ng-word@127.0.0.1:{proxy.port}"
        for no_proxy in ("", api):
            process = commands.proxy(
                environ={**commands.environ, "HTTPS_PROXY": url, "NO_PROXY": no_proxy}
            )
            check(process, 78, f"127.0.0.1:{proxy.port}", "HTTPS_PROXY")
            assert "wr0ng-word" not in process.stderr()


def test_malformed_proxy_setting_fails(commands: Commands, cloud: Cloud) -> None:
    api, _ = addresses(cloud)
    process = commands.proxy(
        environ={**commands.environ, "HTTPS_PROXY": "socks5://127.0.0.1:1", "NO_PROXY": api}
    )
    check(process, 78, "ocks5:// proxies are not supported", "HTTPS_PROXY")
