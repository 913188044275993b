"""What is signed for an upgrade: the right region, the right key, and nothing twice."""

from __future__ import annotations

from pathlib import Path

import pytest

from connector.aws.signing import UpgradeSigner
from connector.errors import ConfigError, CredentialsError

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
def test_the_region_is_that_of_the_gateway(host: str, region: str) -> None:
    signed = UpgradeSigner("regional")(f"wss://{host}{PATH}")
    assert f"/{region}/ssmmessages/aws4_request" in signed["Authorization"]
    assert "hidden" not in str(signed)
    assert "Host" not in signed


def test_another_host_takes_the_profiles_region() -> None:
    signed = UpgradeSigner("regional")(f"wss://localhost:8443{PATH}")
    assert "/eu-west-1/ssmmessages/" in signed["Authorization"]
    with pytest.raises(ConfigError, match="names no region"):
        UpgradeSigner("plain")(f"wss://localhost:8443{PATH}")


def test_temporary_credentials_send_their_token() -> None:
    url = f"wss://ssmmessages.us-west-2.amazonaws.com{PATH}"
    assert UpgradeSigner("session")(url)["X-Amz-Security-Token"] == "a-token"


@pytest.mark.parametrize("name", ["X-Amz-Signature", "x-amz-algorithm"])
def test_a_presigned_url_is_not_signed_again(name: str) -> None:
    assert UpgradeSigner("nosuch")(f"wss://localhost{PATH}&{name}=abc") == {}


def test_credentials_that_cannot_be_had_say_how_to_try() -> None:
    with pytest.raises(CredentialsError, match="aws sts get-caller-identity --profile broken"):
        UpgradeSigner("broken")(f"wss://ssmmessages.us-west-2.amazonaws.com{PATH}")
