"""``connector doctor`` and faults on the way to the API and to the gateway."""

from __future__ import annotations

import time
from email.utils import formatdate
from pathlib import Path

import pytest
from aiohttp import web

from connector.emulator.api.rest import Proceed
from connector.emulator.listener import make_certificates
from tests.aws.peers import ConnectProxy

from ..hostile.gateway import HostileGateway
from .cloud import Cloud
from .commands import Commands
from .doctor import KEYS, PASSWORD, SKIPPED, TARGET, Patient, all_stopped_once
from .waiting import free_port


def test_unknown_ca_of_the_api_fails(patient: Patient, tmp_path: Path) -> None:
    patient.environ["AWS_CA_BUNDLE"] = str(make_certificates(tmp_path / "other").ca_file)
    diagnosis = patient.examine()

    diagnosis.check(76, "api-tls")
    assert "is signed by an unknown CA" in diagnosis.text("api-tls")
    assert "its issuer is trustme" in diagnosis.text("api-tls")
    assert "not Amazon" in diagnosis.text("api-tls")
    assert "AWS_CA_BUNDLE" in diagnosis.text("api-tls")
    assert diagnosis.status("token") == "ok"


def test_unknown_ca_of_the_gateway_alone_fails(
    patient: Patient, cloud: Cloud, tmp_path: Path
) -> None:
    context = make_certificates(tmp_path / "other").server_context
    with HostileGateway(context, lambda conversation: None) as gateway:
        cloud.stream_base = f"wss://127.0.0.1:{gateway.port}"
        diagnosis = patient.examine()

    diagnosis.check(76, "gateway-tls")
    assert "its issuer is trustme" in diagnosis.text("gateway-tls")
    assert diagnosis.status("session-end") == "ok"
    assert all_stopped_once(cloud, 1)


def test_missing_ca_bundle_fails(patient: Patient) -> None:
    patient.environ["AWS_CA_BUNDLE"] = "/no/such/file.pem"
    diagnosis = patient.examine()

    diagnosis.check(78, "ca")
    assert "/no/such/file.pem" in diagnosis.text("ca")


def test_unknown_host_name_of_the_api_fails(patient: Patient) -> None:
    patient.environ["AWS_ENDPOINT_URL_CODECATALYST"] = "https://api.invalid"
    diagnosis = patient.examine()

    diagnosis.check(69, "api-dns")
    assert "its name cannot be resolved" in diagnosis.text("api-dns")


def test_unknown_host_name_of_the_gateway_fails(patient: Patient, cloud: Cloud) -> None:
    cloud.stream_base = "wss://gateway.invalid"
    diagnosis = patient.examine()

    diagnosis.check(69, "gateway-dns")
    assert all_stopped_once(cloud, 1)


def test_refused_api_connection_still_checks_the_last_gateway(
    patient: Patient, commands: Commands
) -> None:
    connection = commands.proxy(environ=patient.environ)
    connection.reader.until(b"SSH-2.0-")
    connection.hang_up()
    patient.environ["AWS_ENDPOINT_URL_CODECATALYST"] = f"https://127.0.0.1:{free_port()}"
    diagnosis = patient.examine()

    diagnosis.check(69, "api-proxy", skipped=("api-tls", "clock", "identity", *TARGET))
    assert "Connection refused" in diagnosis.text("api-proxy")
    assert "the last session's" in diagnosis.text("gateway")


def test_all_connections_pass_through_the_proxy(patient: Patient) -> None:
    with ConnectProxy(login=f"mary:{PASSWORD}") as proxy:
        patient.environ["HTTPS_PROXY"] = f"http://mary:{PASSWORD}@127.0.0.1:{proxy.port}"
        diagnosis = patient.examine()

    assert diagnosis.exit_code == 0
    for name in ("api-proxy", "gateway-proxy"):
        assert f"through the proxy http://127.0.0.1:{proxy.port}" in diagnosis.text(name)
        assert diagnosis.legs[name]["facts"]["variable"] == "HTTPS_PROXY"
        assert PASSWORD not in diagnosis.text(name)


def test_no_proxy_excludes_hosts_from_the_proxy(patient: Patient) -> None:
    patient.host = ""
    patient.environ.update(HTTPS_PROXY="http://127.0.0.1:9", no_proxy="127.0.0.0/8")
    diagnosis = patient.examine()

    assert diagnosis.exit_code == 0
    assert "NO_PROXY excludes it from HTTPS_PROXY" in diagnosis.text("api-proxy")


def test_proxy_that_refuses_fails(patient: Patient) -> None:
    with ConnectProxy(refuse="403 Forbidden") as proxy:
        patient.environ["HTTPS_PROXY"] = f"http://mary:{PASSWORD}@127.0.0.1:{proxy.port}"
        diagnosis = patient.examine()

    diagnosis.check(78, "api-proxy")
    assert "refuses to connect to 127.0.0.1 (403 Forbidden)" in diagnosis.text("api-proxy")


def test_unknown_host_name_of_the_proxy_fails(patient: Patient) -> None:
    patient.environ["HTTPS_PROXY"] = f"http://mary:{PASSWORD}@proxy.invalid:3128"
    diagnosis = patient.examine()

    diagnosis.check(78, "api-dns")
    assert "The proxy http://proxy.invalid:3128 cannot be reached" in diagnosis.text("api-dns")


def test_endpoint_that_only_botocore_can_check(patient: Patient) -> None:
    patient.host = ""
    patient.environ["AWS_IGNORE_CONFIGURED_ENDPOINT_URLS"] = "false"
    diagnosis = patient.examine()

    assert diagnosis.exit_code == 0
    assert diagnosis.by_status("skip") == [*KEYS, "api-dns", "api-proxy", "api-tls", "clock"]
    assert diagnosis.status("identity") == "ok"


def test_proxy_of_unknown_scheme_fails(patient: Patient) -> None:
    patient.environ["HTTPS_PROXY"] = f"socks5://mary:{PASSWORD}@proxy.acme.example:1080"
    diagnosis = patient.examine()

    diagnosis.check(78, "api-proxy", skipped=("api-dns", *SKIPPED["api-proxy"]))
    assert "socks5:// proxies are not supported" in diagnosis.text("api-proxy")


def test_ignored_proxy_variable_is_reported(patient: Patient) -> None:
    patient.host = ""
    patient.environ["ALL_PROXY"] = "socks5://127.0.0.1:1"
    diagnosis = patient.examine()

    assert (diagnosis.exit_code, diagnosis.status("api-proxy")) == (0, "warn")
    assert "the connector ignores ALL_PROXY" in diagnosis.text("api-proxy")


@pytest.mark.parametrize(("hours", "word"), [(1, "60 min behind"), (-1, "60 min ahead")])
def test_wrong_clock_fails(
    patient: Patient, cloud: Cloud, monkeypatch: pytest.MonkeyPatch, hours: int, word: str
) -> None:
    usual = cloud.server.intercept
    assert usual is not None

    async def elsewhen(operation: str, request: web.Request, proceed: Proceed) -> web.Response:
        if "Authorization" in request.headers:
            return await usual(operation, request, proceed)
        date = formatdate(time.time() + 3600 * hours, usegmt=True)
        return web.Response(status=401, headers={"Date": date})

    monkeypatch.setattr(cloud.server, "intercept", elsewhen)
    patient.host = ""
    diagnosis = patient.examine()

    assert (diagnosis.exit_code, diagnosis.status("clock")) == (0, "warn")
    assert word in diagnosis.text("clock")
