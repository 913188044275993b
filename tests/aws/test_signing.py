"""The signature of an upgrade: its region, its key, and when it is needed."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from connector.aws.profile import load_profile
from connector.aws.signing import UpgradeSigner, canonical_query, profile_signer
from connector.emulator.sigv4 import read_signature
from connector.errors import ConfigError, CredentialsError
from connector.transport.trust import Trust

from .peers import listening

PATH = "/v1/data-channel/s-1?role=publish_subscribe"


@pytest.fixture(autouse=True)
def profiles(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    (home / ".aws").mkdir()
    keys = "aws_access_key_id = AKIDX\naws_secret_access_key = hidden\n"
    (home / ".aws/config").write_text(
        f"[profile plain]\n{keys}[profile regional]\nregion = eu-west-1\n{keys}"
        f"[profile session]\naws_session_token = a-token\n{keys}"
        "[profile broken]\ncredential_process = /nonexistent/program\n"
    )


def signer(name: str) -> UpgradeSigner:
    profile = load_profile(name, os.environ)
    return profile_signer(profile, os.environ, Trust().connect)


@pytest.mark.parametrize(
    ("host", "region"),
    [
        ("ssmmessages.us-west-2.amazonaws.com", "us-west-2"),
        ("ssmmessages-fips.us-gov-west-1.amazonaws.com", "us-gov-west-1"),
        ("ssmmessages.cn-north-1.amazonaws.com.cn", "cn-north-1"),
        ("vpce-0a-1b.ssmmessages.eu-central-1.vpce.amazonaws.com", "eu-central-1"),
        ("ssmmessages.ap-south-1.api.aws", "ap-south-1"),
    ],
)
def test_region_comes_from_the_gateways_name(host: str, region: str) -> None:
    signed = signer("regional")(f"wss://{host}{PATH}")
    assert f"/{region}/ssmmessages/aws4_request" in signed["Authorization"]
    assert "hidden" not in str(signed)
    assert "Host" not in signed


def test_other_host_uses_the_profiles_region() -> None:
    signed = signer("regional")(f"wss://localhost:8443{PATH}")
    assert "/eu-west-1/ssmmessages/" in signed["Authorization"]
    with pytest.raises(ConfigError, match="has no region"):
        signer("plain")(f"wss://localhost:8443{PATH}")


def test_session_token_of_temporary_credentials_is_sent() -> None:
    url = f"wss://ssmmessages.us-west-2.amazonaws.com{PATH}"
    assert signer("session")(url)["X-Amz-Security-Token"] == "a-token"


@pytest.mark.parametrize("name", ["X-Amz-Signature", "x-amz-algorithm"])
def test_presigned_url_is_not_signed_again(name: str) -> None:
    assert signer("nosuch")(f"wss://localhost{PATH}&{name}=abc") == {}


def test_failing_credentials_are_reported() -> None:
    with pytest.raises(CredentialsError, match="credential_process of the profile broken"):
        signer("broken")(f"wss://ssmmessages.us-west-2.amazonaws.com{PATH}")


def test_host_is_signed_as_a_websocket_sends_it() -> None:
    """Host is in lower case and has no default port. The signature depends on it."""
    sign = signer("regional")
    plain = sign(f"wss://ssmmessages.us-west-2.amazonaws.com{PATH}")
    spelled = sign(f"wss://SSMMESSAGES.us-west-2.amazonaws.com:443{PATH}")
    while spelled["X-Amz-Date"] != plain["X-Amz-Date"]:
        plain = sign(f"wss://ssmmessages.us-west-2.amazonaws.com{PATH}")
        spelled = sign(f"wss://SSMMESSAGES.us-west-2.amazonaws.com:443{PATH}")
    assert spelled["Authorization"] == plain["Authorization"]


def test_credentials_are_kept_for_the_next_dial(home: Path) -> None:
    url = f"wss://ssmmessages.us-west-2.amazonaws.com{PATH}"
    sign = signer("regional")
    sign(url)
    (home / ".aws/config").unlink()
    assert "Credential=AKIDX/" in sign(url)["Authorization"]


def test_refused_keys_are_read_again(home: Path) -> None:
    url = f"wss://ssmmessages.us-west-2.amazonaws.com{PATH}"
    sign = signer("regional")
    sign(url)
    config = home / ".aws/config"
    config.write_text(config.read_text().replace("AKIDX", "AKIDY"))
    assert "Credential=AKIDX/" in sign(url)["Authorization"]
    assert "Credential=AKIDY/" in sign(url, refused=True)["Authorization"]


def test_refused_role_is_reported(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    body = (
        "<ErrorResponse><Error><Type>Sender</Type><Code>AccessDenied</Code>"
        "<Message>hidden words</Message></Error></ErrorResponse>"
    )
    answer = f"HTTP/1.1 403 No\r\nContent-Length: {len(body)}\r\n\r\n{body}".encode()
    (home / ".aws/config").write_text(
        "[profile role]\nrole_arn = arn:aws:iam::1:role/r\nsource_profile = keys\n"
        "region = us-west-2\n[profile keys]\naws_access_key_id = AKIDX\n"
        "aws_secret_access_key = hidden\n"
    )
    with listening(answer=answer) as (_, port):
        monkeypatch.setenv("AWS_ENDPOINT_URL_STS", f"http://127.0.0.1:{port}")
        with pytest.raises(
            CredentialsError, match=r"of the profile role \(AccessDenied\)"
        ) as caught:
            signer("role")(f"wss://ssmmessages.us-west-2.amazonaws.com{PATH}")
    assert "hidden" not in str(caught.value)


@pytest.mark.parametrize(
    ("query", "canonical"),
    [
        ("", ""),
        (
            "role=publish_subscribe&cell-number=AB+cd/E==",
            "cell-number=AB%20cd%2FE%3D%3D&role=publish_subscribe",
        ),
        ("a=%2B", "a=%2B"),
        ("a=+", "a=%20"),
        ("a=%20", "a=%20"),
        ("a=%2f", "a=%2F"),
        ("b=2&a=2&a=1", "a=1&a=2&b=2"),
        ("a=&b", "a=&b="),
        ("a=-_.~*", "a=-_.~%2A"),
        ("a%2Fb=1&a-b=2&aB=3", "a%2Fb=1&a-b=2&aB=3"),
        ("a=%C3%A9&b=%FF", "a=%C3%A9&b=%FF"),
        ("a=%zz", "a=%25zz"),
    ],
)
def test_canonical_query_is_decoded_sorted_and_encoded(query: str, canonical: str) -> None:
    """The expected values are derived by hand from the description of SigV4."""
    assert canonical_query(query) == canonical


def test_signature_of_a_real_stream_url_is_accepted() -> None:
    """The emulator's check shares no code with botocore."""
    target = f"{PATH}&cell-number=AB+cd/E==&b=2&a=%2B&a=&empty"
    host = "ssmmessages.us-west-2.amazonaws.com"
    signed = dict(signer("regional")(f"wss://{host}{target}"))
    lower = {name.lower(): value for name, value in signed.items()}
    headers = {**signed, **lower, "host": host}
    signature = read_signature(headers)
    assert signature is not None
    assert (signature.key_id, signature.service) == ("AKIDX", "ssmmessages")
    assert signature.matches("hidden", "GET", target, headers)
