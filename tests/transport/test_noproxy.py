"""NO_PROXY: the hosts that each entry excepts."""

from __future__ import annotations

import os
import subprocess
import sys
import urllib.request

import pytest

from connector.transport.dial import proxy_for, proxy_variable
from connector.transport.proxies import is_excepted

API = "codecatalyst.global.api.aws"
GATEWAY = "ssmmessages.us-west-2.amazonaws.com"


@pytest.fixture(autouse=True)
def no_proxy_of_the_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in list(os.environ):
        if name.lower().endswith("_proxy"):
            monkeypatch.delenv(name)


EXCEPTED = [
    ("*.amazonaws.com", GATEWAY),
    (".amazonaws.com", GATEWAY),
    ("amazonaws.com", GATEWAY),
    (".amazonaws.com", "amazonaws.com"),
    ("*.amazonaws.com", "amazonaws.com"),
    ("10.0.0.0/8", "10.1.2.3"),
    ("10.1.2.3/32", "10.1.2.3"),
    ("10.1.2.3", "10.1.2.3"),
    ("0.0.0.0/0", "10.1.2.3"),
    ("10.0.0.0/9", "10.127.255.255"),
    ("127.0.0.0/8", "127.0.0.1"),
    ("*", API),
    ("*,foo", API),
    ("foo, *", API),
    ("localhost, 127.0.0.1 , .api.aws", API),
    ("localhost .api.aws", API),
    ("localhost\t.api.aws\n", API),
    (",,,.api.aws,", API),
    ("localhost;.api.aws", API),
    ("api.aws:443", API),
    (".api.aws:443", API),
    ("*.api.aws:443", API),
    (f"{API}:443", API),
    ("127.0.0.1:443", "127.0.0.1"),
    ("::1", "::1"),
    ("[::1]", "::1"),
    ("::1", "[::1]"),
    ("[::1]:443", "::1"),
    ("0:0:0:0:0:0:0:1", "::1"),
    ("fe80::1", "fe80::1%eth0"),
    ("::ffff:10.1.2.3", "10.1.2.3"),
    ("10.0.0.0/8", "::ffff:10.1.2.3"),
    ("fd00:ec2::/32", "fd00:ec2::254"),
    ("[fd00:ec2::]/32", "fd00:ec2::254"),
    ("API.AWS", API),
    ("api.aws", API.upper()),
    (f"https://{API}", API),
    (f"https://{API}:443/path", API),
    (f"{API}.", API),
    (API, f"{API}."),
    ("127.0.0.1.", "127.0.0.1"),
]

PROXIED = [
    ("", API),
    (" , ;", API),
    ("169.254.169.254,10.0.0.0/8,.corp.example", "vpce-1.ssmmessages.us-west-2.amazonaws.com"),
    ("aws.com", "amazonaws.com"),
    (GATEWAY, "amazonaws.com"),
    ("api.aws:80", API),
    (f"http://{API}:80", API),
    ("api.aws:", API),
    ("api.aws:https", API),
    ("[::1]:80", "::1"),
    ("::1", "::2"),
    ("::1:443", "::1"),
    ("10.0.0.0/8", "11.0.0.1"),
    ("10.0.0.0/9", "10.128.0.0"),
    ("10.0.0.0/33", "10.0.0.0"),
    ("10.0.0.0/-1", "10.0.0.0"),
    ("10.0.0.0/", "10.0.0.0"),
    ("10.0.0.0/" + "9" * 5000, "10.0.0.0"),
    ("fd00::/129", "fd00::"),
    ("::/0", "10.0.0.0"),
    ("0.0.0.0/0", "::1"),
    ("10.0.0.0/8", "10.example"),
    ("0.0.1", "127.0.0.1"),
    ("10.*", "10.1.2.3"),
    ("*amazonaws.com", GATEWAY),
    ("codecatalyst.*.aws", API),
    (".", API),
    ("*.", API),
    ("[", API),
    ("[]", "::1"),
    (":", API),
    ("://", API),
    ("/", API),
    ("localhost", "127.0.0.1"),
    ("\0,ä,[::1%", API),
]


def test_entry_excepts_host() -> None:
    assert [row for row in EXCEPTED if not is_excepted(*row, 443)] == []


def test_entry_leaves_other_hosts_to_the_proxy() -> None:
    assert [row for row in PROXIED if is_excepted(*row, 443)] == []


def test_hosts_without_an_entry_use_the_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTPS_PROXY", "http://proxy.example:3128")
    monkeypatch.setenv("NO_PROXY", "[::1], *.api.aws")

    assert proxy_for(API, 443) is None
    assert proxy_for("::1", 443) is None
    assert proxy_for(GATEWAY, 443) is not None


@pytest.mark.skipif(sys.platform == "win32", reason="has one case of variables only")
def test_lower_case_variables_have_precedence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTPS_PROXY", "http://upper.example:1")
    monkeypatch.setenv("NO_PROXY", "*")
    monkeypatch.setenv("https_proxy", "http://lower.example:2")
    monkeypatch.setenv("no_proxy", "")

    proxy = proxy_for(API, 443)

    assert proxy is not None
    assert (proxy.host, proxy_variable()) == ("lower.example", "https_proxy")


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere the system may set a proxy")
def test_empty_lower_case_variable_means_no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTPS_PROXY", "http://upper.example:1")
    monkeypatch.setenv("https_proxy", "")

    assert (proxy_for(API, 443), proxy_variable()) == (None, None)


def let_system_set_proxy(monkeypatch: pytest.MonkeyPatch, system: str) -> None:
    """Let the system's settings name a proxy, and except the API from it."""
    proxies = {"https": "http://system.example:8"}
    monkeypatch.setattr(urllib.request, "getproxies", lambda: proxies)
    monkeypatch.setattr(urllib.request, "proxy_bypass", lambda host: host == f"{API}:443")
    monkeypatch.setattr(sys, "platform", system)


@pytest.mark.parametrize("system", ["darwin", "win32"])
def test_system_settings_apply_without_variables(
    monkeypatch: pytest.MonkeyPatch, system: str
) -> None:
    let_system_set_proxy(monkeypatch, system)

    proxy = proxy_for(GATEWAY, 443)

    assert proxy_for(API, 443) is None
    assert proxy is not None
    assert proxy.host == "system.example"


def test_variables_have_precedence_over_the_system(monkeypatch: pytest.MonkeyPatch) -> None:
    let_system_set_proxy(monkeypatch, "darwin")
    monkeypatch.setenv("HTTPS_PROXY", "http://proxy.example:3128")
    monkeypatch.setenv("NO_PROXY", "fd00::/8")

    proxy = proxy_for(GATEWAY, 443)

    assert proxy_for("fd00::1", 443) is None
    assert proxy is not None
    assert proxy.host == "proxy.example"


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere urllib knows the system's proxy")
def test_variables_are_read_without_urllib_request() -> None:
    code = (
        "import sys; from connector.transport.dial import proxy_for; "
        f"assert proxy_for('{GATEWAY}', 443).port == 3128; assert proxy_for('{API}', 443) is None; "
        "sys.exit('urllib.request' in sys.modules)"
    )
    environ = {**os.environ, "HTTPS_PROXY": "http://proxy.example:3128", "NO_PROXY": ".api.aws"}
    assert subprocess.run([sys.executable, "-c", code], env=environ, check=False).returncode == 0
