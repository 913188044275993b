"""The issuer of a certificate that is not trusted."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import pytest

from connector.doctor.network import is_amazons, issuer_of, peek
from connector.transport.dial import Route
from tests.aws.peers import TlsPeer, listening


def look(route: Route) -> dict[str, Any] | None:
    return peek(route, route.resolve(), time.monotonic() + 5)


@pytest.mark.parametrize("expired", [False, True])
def test_peek_returns_an_untrusted_certificate(tmp_path: Path, expired: bool) -> None:
    with TlsPeer(tmp_path, "localhost", expired=expired) as peer:
        certificate = look(Route("localhost", peer.port, None))

        assert certificate is not None
        assert issuer_of(certificate).startswith("trustme v")
        assert peer.requests in ([], [b""], [b"", b""])  # the connections carried no bytes


def test_peek_at_a_server_without_tls_returns_none() -> None:
    with listening(answer=b"220 mail ready\r\n") as (_, port):
        assert look(Route("127.0.0.1", port, None)) is None


@pytest.mark.parametrize(
    ("issuer", "shown"),
    [
        (
            ((("countryName", "US"),), (("organizationName", "Amazon"),), (("commonName", "R1"),)),
            "Amazon, R1",
        ),
        (((("commonName", "Acme Root"),),), "Acme Root"),
        ((), "an issuer without a name"),
    ],
)
def test_issuer_is_shown_by_organisation_and_name(issuer: tuple[object, ...], shown: str) -> None:
    assert issuer_of({"issuer": issuer}) == shown
    assert is_amazons(shown) is shown.startswith("Amazon")
