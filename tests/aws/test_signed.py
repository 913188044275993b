"""Calls of signed APIs: renewed keys, refused keys, Regions, limits, through both clients."""

from __future__ import annotations

import json
import os
import socket
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from connector.aws.api import CallFailed, Refused
from connector.aws.cloud import Cloud, open_cloud
from connector.aws.keyerrors import unknown_region
from connector.aws.responses import Object, list_of, text
from connector.aws.signed import LightSigned, SdkSigned, Service, SignedOperation
from connector.errors import ConfigError, ConnectFailed, CredentialsError, ServiceError

from .peers import TlsPeer
from .recording import read_whole

PING = SignedOperation(
    "DescribeInstanceInformation",
    Object(
        lenient={
            "InstanceInformationList": list_of(Object({"InstanceId": text})),
            "NextToken": text,
        }
    ),
)
SSM = Service("ssm", "ssm", "AmazonSSM", {"describe_instance_information": PING})
#: The same service for botocore's client, which any service without a target has.
BY_BOTOCORE = SSM._replace(target="")

EC2 = Service(
    "ec2",
    "ec2",
    "",
    {
        "describe_instances": SignedOperation(
            "DescribeInstances",
            Object(
                lenient={
                    "Reservations": list_of(
                        Object(
                            lenient={
                                "Instances": list_of(
                                    Object({"InstanceId": text}, lenient={"LaunchTime": text})
                                )
                            }
                        )
                    )
                }
            ),
        )
    },
)


#: The same for the client without botocore, which knows what EC2 calls these members.
_XML_NAMES = {"reservationSet": "Reservations", "instancesSet": "Instances"}
LIGHT_EC2 = EC2._replace(
    operations={
        "describe_instances": EC2.operations["describe_instances"]._replace(xml_names=_XML_NAMES)
    }
)


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


@pytest.mark.parametrize(
    ("config", "environ", "light"),
    [
        ("", {}, True),
        ("", {"AWS_ENDPOINT_URL_SSM": "https://localhost:1"}, True),
        ("", {"AWS_ENDPOINT_URL": "https://localhost:1/path"}, True),
        ("", {"AWS_ENDPOINT_URL": "https://localhost:1/a?b=c"}, False),
        ("", {"AWS_USE_FIPS_ENDPOINT": "true"}, False),
        ("", {"AWS_USE_DUALSTACK_ENDPOINT": "true"}, False),
        ("[default]\nuse_fips_endpoint = true\n", {}, False),
        ("[default]\nservices = mine\n[services mine]\nssm =\n  endpoint_url = x\n", {}, False),
        ("[default]\nendpoint_url = https://localhost:1\n", {}, False),
    ],
)
def test_client_without_botocore_serves_plain_endpoints_only(
    home: Path,
    monkeypatch: pytest.MonkeyPatch,
    config: str,
    environ: dict[str, str],
    light: bool,
) -> None:
    (home / ".aws").mkdir()
    (home / ".aws/config").write_text(config)
    for name, value in environ.items():
        monkeypatch.setenv(name, value)
    assert type(cloud().api(SSM, "eu-west-1")) is (LightSigned if light else SdkSigned)
    assert type(cloud().api(SSM, "us-iso-east-1")) is (
        LightSigned if light and "AWS_ENDPOINT_URL" in str(environ) else SdkSigned
    )
    assert type(cloud().api(EC2, "eu-west-1")) is SdkSigned


@pytest.mark.parametrize(
    ("config", "environ", "region"),
    [
        ("", {}, None),
        ("[default]\nregion = eu-west-1\n", {}, "eu-west-1"),
        ("[default]\nregion = eu-west-1\n", {"AWS_DEFAULT_REGION": "eu-west-2"}, "eu-west-2"),
        ("", {"AWS_REGION": "eu-west-3", "AWS_DEFAULT_REGION": "eu-west-2"}, "eu-west-3"),
        ("[profile work]\nregion = eu-north-1\n", {"AWS_PROFILE": "work"}, "eu-north-1"),
    ],
)
def test_region_of_a_cloud(
    home: Path,
    monkeypatch: pytest.MonkeyPatch,
    config: str,
    environ: dict[str, str],
    region: str | None,
) -> None:
    (home / ".aws").mkdir()
    (home / ".aws/config").write_text(config)
    for name, value in environ.items():
        monkeypatch.setenv(name, value)
    assert cloud().region == region


def test_region_in_the_credentials_file_counts(home: Path) -> None:
    (home / ".aws").mkdir()
    (home / ".aws/config").write_text("[default]\nregion = eu-west-1\n")
    (home / ".aws/credentials").write_text("[default]\nregion = eu-west-2\n")
    assert cloud().region == "eu-west-2"


def test_origin_tells_keys_and_endpoints_apart(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    plain = cloud().origin
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIDE")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "hidden")
    of_key = cloud().origin
    named = open_cloud("work", None, os.environ).origin
    monkeypatch.setenv("AWS_ENDPOINT_URL", "https://localhost:1")
    elsewhere = cloud().origin
    assert len({plain, of_key, named, elsewhere}) == 4
    assert "hidden" not in of_key


@pytest.mark.parametrize(
    ("variables", "overridden"),
    [
        ({}, False),
        ({"AWS_ENDPOINT_URL": "https://localhost:1"}, True),
        ({"AWS_ENDPOINT_URL_SSM": "https://localhost:1"}, True),
        ({"AWS_ENDPOINT_URL_GAMELIFTSTREAMS": "https://localhost:1"}, True),
        ({"AWS_ENDPOINT_URL_STS": "https://localhost:1"}, False),
        (
            {
                "AWS_ENDPOINT_URL_SSM": "https://localhost:1",
                "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS": "true",
            },
            False,
        ),
    ],
)
@pytest.mark.usefixtures("home")
def test_stream_may_lead_anywhere_only_by_an_endpoint_of_a_service_that_opens_it(
    variables: dict[str, str], overridden: bool
) -> None:
    found = open_cloud(None, None, {**os.environ, **variables})
    settings = found.settings(("ssm", "gameliftstreams"))
    assert settings.endpoint_overridden is overridden
    assert open_cloud(None, "https://localhost:1", os.environ).settings(["ssm"]).endpoint_overridden


LIGHT = """\
import json, os, sys
from connector.aws.cloud import open_cloud
from connector.aws.responses import Object
from connector.aws.signed import Service, SignedOperation
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

    from .test_quick_keys import ENTRY, KEYS_OF_ROLES

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
