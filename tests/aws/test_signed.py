"""Calls of signed APIs: renewed keys, refused keys, limits, through both clients."""

from __future__ import annotations

import json
import os
import socket
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from connector.aws import signed
from connector.aws.api import CallFailed, Refused
from connector.aws.cloud import Cloud, open_cloud
from connector.aws.keys.errors import unknown_region
from connector.aws.keys.source import AwsKeys, KeySource
from connector.aws.sdk import ClientFactory
from connector.aws.services import Service
from connector.aws.signed import LightSigned
from connector.errors import ConfigError, ConnectFailed, CredentialsError, ServiceError

from .peers import TlsPeer
from .recording import read_whole
from .services import BY_BOTOCORE, EC2, LIGHT_EC2, SSM


class Scripted(TlsPeer):
    """Answers one request after the other with the next status and body, the last one again."""

    def __init__(self, directory: Path) -> None:
        super().__init__(directory, "localhost")
        self.answers: list[tuple[int, bytes]] = [(200, b"{}")]

    def __enter__(self) -> Scripted:
        return self

    @property
    def url(self) -> str:
        return f"https://localhost:{self.port}"

    def _handle(self, connection: socket.socket) -> None:
        with self.context.wrap_socket(connection, server_side=True) as stream:
            self.requests.append(read_whole(stream))
            status, body = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
            head = f"HTTP/1.1 {status} Said\r\nContent-Length: {len(body)}\r\n\r\n"
            stream.sendall(head.encode() + body)


@pytest.fixture
def peer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, home: Path) -> Iterator[Scripted]:
    (home / ".aws").mkdir()
    with Scripted(tmp_path) as peer:
        monkeypatch.setenv("AWS_CA_BUNDLE", str(peer.ca_file))
        monkeypatch.setenv("AWS_ENDPOINT_URL", peer.url)
        monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
        yield peer


@pytest.fixture(params=[SSM, BY_BOTOCORE], ids=["light", "botocore"])
def service(request: pytest.FixtureRequest) -> Service:
    found: Service = request.param
    return found


@pytest.fixture(params=[LIGHT_EC2, EC2], ids=["light", "botocore"])
def ec2(request: pytest.FixtureRequest) -> Service:
    found: Service = request.param
    return found


@pytest.fixture
def give(home: Path) -> Callable[[str], None]:
    """Return a function that writes the default profile's keys."""

    def write(key: str) -> None:
        (home / ".aws/credentials").write_text(
            f"[default]\naws_access_key_id = {key}\naws_secret_access_key = hidden\n"
        )

    write("AKIDA")
    return write


def cloud() -> Cloud:
    return open_cloud(None, None, os.environ)


def ask(service: Service, region: str = "eu-west-1", timeout: float = 10) -> dict[str, Any]:
    return cloud().api(service, region).call("describe_instance_information", timeout=timeout)


def error(code: str, message: str = "the service's words") -> bytes:
    return json.dumps({"__type": f"com.amazonaws#{code}", "message": message}).encode()


EXPIRED = (400, error("ExpiredTokenException"))


def test_answer_has_the_checked_members_only(
    peer: Scripted, service: Service, give: Callable[[str], None]
) -> None:
    instances = [{"InstanceId": "i-1", "PingStatus": "Online", "LastPingDateTime": 1e9}]
    body = {"InstanceInformationList": instances, "NextToken": 5}
    peer.answers = [(200, json.dumps(body).encode())]
    answer = ask(service)
    assert answer["InstanceInformationList"] == [{"InstanceId": "i-1"}]
    assert b"Credential=AKIDA/" in peer.requests[0]
    assert b"/eu-west-1/ssm/aws4_request" in peer.requests[0]


def test_malformed_answer_is_reported(
    peer: Scripted, service: Service, give: Callable[[str], None]
) -> None:
    peer.answers = [(200, b"[1]")]
    with pytest.raises(CallFailed) as caught:
        ask(service)
    assert isinstance(caught.value.error, ServiceError)
    assert "localhost" in str(caught.value)


def test_expired_keys_are_renewed_once(
    peer: Scripted, service: Service, give: Callable[[str], None]
) -> None:
    api = cloud().api(service, "eu-west-1")
    peer.answers = [(200, b"{}"), EXPIRED, (200, b"{}"), (200, b"{}")]
    api.call("describe_instance_information", timeout=10)
    give("AKIDB")
    api.call("describe_instance_information", timeout=10)
    api.call("describe_instance_information", timeout=10)
    used = [request.partition(b"Credential=")[2][:5].decode() for request in peer.requests]
    assert used == ["AKIDA", "AKIDA", "AKIDB", "AKIDB"]


def test_call_has_half_its_time_though_the_user_was_asked_for_longer(
    peer: Scripted, give: Callable[[str], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    load, asked, left = KeySource.load, [0.0], [0.0]

    def slow(source: KeySource, *details: Any) -> AwsKeys:
        asked[0] += 60.0
        return load(source, *details)

    def once(keys: AwsKeys, seconds: float) -> dict[str, Any]:
        left.append(seconds)
        if keys.access_key_id == "AKIDA":
            give("AKIDB")
            raise Refused(400, "ExpiredToken", "")
        return {}

    monkeypatch.setattr(KeySource, "load", slow)
    monkeypatch.setattr(signed, "time", SimpleNamespace(monotonic=lambda: asked[0]))
    signed._renewing(cloud().keys, 10.0, once)
    assert left == [0.0, 5.0, 5.0]


def test_client_of_botocore_has_the_time_of_the_call(
    peer: Scripted, give: Callable[[str], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    create, settings = ClientFactory.create, dict[str, Any]()

    def noted(factory: ClientFactory, *details: Any, **named: Any) -> Any:
        settings.update(named)
        return create(factory, *details, **named)

    monkeypatch.setattr(ClientFactory, "create", noted)
    ask(BY_BOTOCORE, timeout=60.0)
    assert settings["connect_timeout"] == 4.0
    assert 50 < settings["read_timeout"] <= 56


def test_expired_keys_that_cannot_be_renewed_are_reported(
    peer: Scripted, service: Service, give: Callable[[str], None]
) -> None:
    peer.answers = [EXPIRED]
    with pytest.raises(Refused) as caught:
        ask(service)
    assert len(peer.requests) == 1
    found = caught.value.keys_error
    assert isinstance(found, CredentialsError)
    assert str(found).startswith("The AWS keys of the profile default have expired")


@pytest.mark.parametrize(
    ("code", "words"),
    [
        (
            "UnrecognizedClientException",
            "AWS does not accept the keys in the variables. Try `aws sts get-caller-identity`",
        ),
        ("InvalidSignatureException", "the secret key in the variables does not fit"),
        ("ExpiredToken", "keys in the variables have expired. Set new ones, or unset AWS_ACCESS"),
    ],
)
def test_refusal_of_keys_in_variables_names_no_profile(
    peer: Scripted, monkeypatch: pytest.MonkeyPatch, code: str, words: str
) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIDE")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "hidden")
    peer.answers = [(400, error(code))]
    with pytest.raises(Refused) as caught:
        ask(SSM)
    assert words in str(caught.value.keys_error)
    assert "profile default" not in str(caught.value.keys_error)


@pytest.mark.parametrize(("token", "words"), [("", "Check the clock"), ("t", "have expired")])
def test_code_of_expired_keys_means_the_clock_where_keys_do_not_expire(
    peer: Scripted, monkeypatch: pytest.MonkeyPatch, token: str, words: str
) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIDE")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "hidden")
    monkeypatch.setenv("AWS_SESSION_TOKEN", token)
    peer.answers = [(400, error("RequestExpired"))]
    with pytest.raises(Refused) as caught:
        ask(SSM)
    assert words in str(caught.value.keys_error)


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("AWS_SESSION_TOKEN", "hidden\r\nHost: example.com"),
        ("AWS_SESSION_TOKEN", "hidden\n"),
        ("AWS_SECRET_ACCESS_KEY", "hidden "),
        ("AWS_SECRET_ACCESS_KEY", "hidden\udcff"),
        ("AWS_ACCESS_KEY_ID", "\u043a\u043b\u044e\u0447"),
    ],
)
def test_keys_that_would_break_a_header_are_refused(
    peer: Scripted, service: Service, variable: str, value: str
) -> None:
    variables = {"AWS_ACCESS_KEY_ID": "AKIDE", "AWS_SECRET_ACCESS_KEY": "hidden", variable: value}
    api = open_cloud(None, peer.url, {**os.environ, **variables}).api(service, "eu-west-1")
    with pytest.raises(CredentialsError, match="another character that no key has") as caught:
        api.call("describe_instance_information", timeout=10)
    assert "hidden" not in str(caught.value)
    assert peer.requests == []


@pytest.mark.parametrize(
    ("code", "message", "region", "words"),
    [
        ("UnrecognizedClientException", "no", "eu-west-1", "keys of the profile default. Try"),
        ("UnrecognizedClientException", "no", "ap-east-1", "Enable the Region ap-east-1"),
        ("InvalidClientTokenId", "no", "us-gov-west-1", "keys of the profile default. Try"),
        ("InvalidSignatureException", "Signature expired: 2026", "eu-west-1", "Check the clock"),
        ("InvalidSignatureException", "Signature not yet current", "eu-west-1", "the clock"),
        ("InvalidSignatureException", "The request signature", "eu-west-1", "does not fit"),
        ("ExpiredToken", "no", "eu-west-1", "have expired"),
        ("AccessDeniedException", "no", "eu-west-1", None),
        ("TargetNotConnected", "no", "eu-west-1", None),
    ],
)
def test_refusal_of_keys_is_explained(
    peer: Scripted,
    give: Callable[[str], None],
    code: str,
    message: str,
    region: str,
    words: str | None,
) -> None:
    peer.answers = [(400, error(code, message))]
    with pytest.raises(Refused) as caught:
        ask(SSM, region)
    if words is None:
        assert caught.value.keys_error is None
    else:
        assert words in str(caught.value.keys_error)
        assert "hidden" not in str(caught.value.keys_error)


def test_keys_that_cannot_be_found_are_reported_before_a_call(
    peer: Scripted, service: Service
) -> None:
    with pytest.raises(CredentialsError, match="There are no AWS keys"):
        ask(service)
    assert peer.requests == []


def test_name_that_no_region_can_have_is_refused(
    peer: Scripted, service: Service, give: Callable[[str], None]
) -> None:
    for region in ("eu-west", "", "EU-WEST-1", "a.b-c-1", "eu-west-1/x-1", "eu west-1-1"):
        with pytest.raises(ConfigError, match="is not the name of an AWS Region"):
            ask(service, region)


@pytest.mark.parametrize(("region", "exists"), [("xx-nowhere-1", False), ("eu-west-1", True)])
def test_region_that_does_not_exist_is_told_from_a_network_that_is_down(
    region: str, exists: bool
) -> None:
    failed = CallFailed(
        ConnectFailed(
            f"the host ssm.{region}.amazonaws.com:443 cannot be reached (its name cannot be "
            "resolved: Name or service not known)"
        )
    )
    found = unknown_region(failed, region, "ssm")
    if exists:
        assert found is None
    else:
        assert str(found).startswith(f"AWS has no Region {region}, or none with ssm")
    broken = CallFailed(ConnectFailed("The connection to x broke (ConnectionResetError)"))
    assert unknown_region(broken, region, "ssm") is None


def test_unresolvable_host_of_an_unknown_region_is_reported(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The name under .invalid is never resolved (RFC 6761)."""
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIDE")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "hidden")
    keys = cloud().keys
    url = "https://ssm.eu-nowhere-1.invalid"
    api = LightSigned(SSM, "eu-nowhere-1", url, keys, cloud().settings(()).trust.connect)
    with pytest.raises(ConfigError, match="AWS has no Region eu-nowhere-1"):
        api.call("describe_instance_information", timeout=10)


def _instances(number: int) -> bytes:
    """Return a page of EC2 instances, each with some 8 KiB of tags."""
    tag = f"<item><key>note</key><value>{'x' * 8000}</value></item>"
    items = "".join(
        f"<item><instancesSet><item><instanceId>i-{index}</instanceId><tagSet>{tag}</tagSet>"
        "<launchTime>2026-11-29T20:00:00.000Z</launchTime></item></instancesSet></item>"
        for index in range(number)
    )
    return (
        '<DescribeInstancesResponse xmlns="http://ec2.amazonaws.com/doc/2016-11-15/">'
        f"<reservationSet>{items}</reservationSet></DescribeInstancesResponse>"
    ).encode()


def test_page_of_1000_instances_in_xml_is_read(
    peer: Scripted, give: Callable[[str], None], ec2: Service
) -> None:
    peer.answers = [(200, _instances(1000))]
    answer = cloud().api(ec2, "eu-west-1").call("describe_instances", timeout=60)
    found = [each for one in answer["Reservations"] for each in one["Instances"]]
    assert len(found) == 1000
    # Times stay as they were sent, and members without a shape are left out.
    assert found[0] == {"InstanceId": "i-0", "LaunchTime": "2026-11-29T20:00:00.000Z"}


def test_page_without_limit_is_refused(
    peer: Scripted, give: Callable[[str], None], ec2: Service
) -> None:
    peer.answers = [(200, _instances(2200))]
    with pytest.raises(CallFailed, match="is larger than 16 MiB"):
        cloud().api(ec2, "eu-west-1").call("describe_instances", timeout=60)


def test_refusal_of_ec2_is_read(peer: Scripted, give: Callable[[str], None]) -> None:
    said = "<Errors><Error><Code>AuthFailure</Code><Message>no</Message></Error></Errors>"
    peer.answers = [(401, f"<Response>{said}<RequestID>1</RequestID></Response>".encode())]
    with pytest.raises(Refused) as caught:
        cloud().api(EC2, "me-south-1").call("describe_instances", timeout=20)
    assert "Enable the Region me-south-1" in str(caught.value.keys_error)


LIGHT = """\
import json, os, sys
from connector.aws.cloud import open_cloud
from connector.aws.responses import Object
from connector.aws.services import Service, SignedOperation
table = {"describe_instance_information": SignedOperation("DescribeInstanceInformation", Object())}
cloud = open_cloud(None, None, os.environ)
api = cloud.api(Service("ssm", "ssm", "AmazonSSM", table), "eu-west-1")
api.call("describe_instance_information", timeout=20)
heavy = {"botocore", "boto3", "urllib", "hmac", "configparser", "datetime", "subprocess", "typing"}
print(*sorted(heavy & set(sys.modules)))
"""


@pytest.mark.parametrize("source", ["variables", "a file", "a cached role"])
def test_quick_keys_import_nothing_heavy(
    peer: Scripted, home: Path, give: Callable[[str], None], source: str
) -> None:
    import subprocess

    from .rolecache import ENTRY, KEYS_OF_ROLES

    environ = {**os.environ}
    environ.pop("PYTHONWARNINGS", None)
    if source == "variables":
        environ |= {"AWS_ACCESS_KEY_ID": "AKIDE", "AWS_SECRET_ACCESS_KEY": "hidden"}
    if source == "a cached role":
        environ["AWS_PROFILE"] = "sso"
        (home / ".aws/config").write_text(
            "[profile sso]\nsso_session = corp\nsso_account_id = 123456789012\n"
            "sso_role_name = Role\n[sso-session corp]\nsso_region = us-east-1\n"
            "sso_start_url = https://x.awsapps.com/start\n"
        )
        cache = home / ".aws/cli/cache"
        cache.mkdir(parents=True)
        entry = {"Credentials": {**ENTRY, "Expiration": "2099-01-01T00:00:00Z"}}
        for name in KEYS_OF_ROLES:
            (cache / f"{name}.json").write_text(json.dumps(entry))
    done = subprocess.run(
        [sys.executable, "-c", LIGHT], capture_output=True, text=True, env=environ, timeout=60
    )
    assert (done.stdout, done.stderr) == ("\n", "")
    assert len(peer.requests) == 1
