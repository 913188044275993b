"""Failures of the network and of TLS on the way to the API."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest
import trustme
from aiohttp import web

from connector.emulator.api.rest import Proceed
from connector.errors import (
    ConnectFailed,
    TLSFailed,
)

from .cloud import Cloud
from .helpers import START, Clock, make_sessions, refusal
from .peers import TlsPeer, listening

pytestmark = pytest.mark.usefixtures("both_ways")

# The network


def test_closed_port_is_tried_again_and_reported(cloud: Cloud, clock: Clock) -> None:
    with listening() as (_, port):
        pass
    refused = refusal(make_sessions(cloud, clock, endpoint_url=f"https://localhost:{port}"))
    assert type(refused) is ConnectFailed
    assert "Connection refused" in str(refused)
    assert len(clock.pauses) == 2  # nothing was sent, so it is tried again, a few times


def test_unknown_host_name_is_reported(cloud: Cloud, clock: Clock) -> None:
    refused = refusal(make_sessions(cloud, clock, endpoint_url="https://nowhere.invalid"))
    assert type(refused) is ConnectFailed
    assert "The host nowhere.invalid" in str(refused)
    assert "cannot be reached (its name cannot be resolved" in str(refused)
    assert clock.pauses


def test_host_that_does_not_accept_is_reported(cloud: Cloud, clock: Clock) -> None:
    with listening(backlog=0) as (_, port):
        # One or two connections fill the queue; later ones get no answer.
        waiting = [socket.socket() for _ in range(3)]
        for client in waiting:
            client.setblocking(False)
            client.connect_ex(("127.0.0.1", port))
        sessions = make_sessions(
            cloud, clock, endpoint_url=f"https://127.0.0.1:{port}", start_timeout=1.2
        )
        refused = refusal(sessions)
        for client in waiting:
            client.close()
    assert type(refused) is ConnectFailed
    assert "does not accept a connection in time" in str(refused)


def test_call_with_a_lost_response_is_not_repeated(cloud: Cloud, clock: Clock) -> None:
    """The service may have started a session. Another try would make it an orphan."""
    requests = []

    async def intercept(name: str, request: web.Request, proceed: Proceed) -> web.Response:
        requests.append(name)
        response = await proceed()
        assert request.transport is not None
        request.transport.abort()
        return response

    cloud.intercept(intercept)
    refused = refusal(make_sessions(cloud, clock))
    assert type(refused) is ConnectFailed
    assert "The connection to 127.0.0.1 broke" in str(refused)
    assert requests == [START]
    assert clock.pauses == []


def test_call_without_a_response_is_not_repeated(
    cloud: Cloud, clock: Clock, tmp_path: Path
) -> None:
    with TlsPeer(tmp_path, "localhost") as peer:
        peer.silent = True
        sessions = make_sessions(
            cloud,
            clock,
            endpoint_url=f"https://localhost:{peer.port}",
            ca_file=peer.ca_file,
            start_timeout=0.5,
        )
        refused = refusal(sessions)
        assert type(refused) is ConnectFailed
        assert "The host localhost did not answer in time" in str(refused)
        assert len(peer.requests) == 1
        assert clock.pauses == []


# TLS


def test_unknown_ca_is_reported(cloud: Cloud, clock: Clock, tmp_path: Path) -> None:
    other = tmp_path / "other.pem"
    trustme.CA().cert_pem.write_to_path(other)
    refused = refusal(make_sessions(cloud, clock, ca_file=other))
    assert type(refused) is TLSFailed
    assert "unknown CA" in str(refused)
    assert "AWS_CA_BUNDLE" in str(refused)
    assert clock.pauses == []


def test_certificate_for_another_name_is_reported(
    cloud: Cloud, clock: Clock, tmp_path: Path
) -> None:
    with TlsPeer(tmp_path, "elsewhere.example") as peer:
        sessions = make_sessions(
            cloud, clock, endpoint_url=f"https://localhost:{peer.port}", ca_file=peer.ca_file
        )
        refused = refusal(sessions)
    assert type(refused) is TLSFailed
    assert "is for another name" in str(refused)


def test_expired_certificate_is_reported(cloud: Cloud, clock: Clock, tmp_path: Path) -> None:
    with TlsPeer(tmp_path, "localhost", expired=True) as peer:
        sessions = make_sessions(
            cloud, clock, endpoint_url=f"https://localhost:{peer.port}", ca_file=peer.ca_file
        )
        refused = refusal(sessions)
    assert type(refused) is TLSFailed
    assert "has expired" in str(refused)


def test_server_without_tls_is_reported(cloud: Cloud, clock: Clock) -> None:
    with listening(answer=b"HTTP/1.1 400 Bad Request\r\n\r\n") as (_, port):
        refused = refusal(make_sessions(cloud, clock, endpoint_url=f"https://localhost:{port}"))
    assert type(refused) is TLSFailed
    assert "WRONG_VERSION_NUMBER" in str(refused)
