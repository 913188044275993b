"""The access of one profile to the signed APIs of all Regions."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from connector.aws.cloud import Cloud, open_cloud
from connector.aws.responses import Object
from connector.aws.services import Service, SignedOperation
from connector.aws.signed import LightSigned, SdkSigned

from .services import EC2, SSM

ENVIRON = {
    "AWS_ACCESS_KEY_ID": "AKIDOFTHETESTS",
    "AWS_SECRET_ACCESS_KEY": "anything",
    "AWS_CONFIG_FILE": "/nonexistent/config",
    "AWS_SHARED_CREDENTIALS_FILE": "/nonexistent/credentials",
    "AWS_ENDPOINT_URL": "https://127.0.0.1:1",
}


def table(operation: str) -> Service:
    row = SignedOperation(operation, Object())
    return Service("lamps", "lamps", "AWSLampService", {"call_lamp": row})


def test_two_tables_of_one_service_have_clients_of_their_own() -> None:
    cloud = open_cloud(None, None, ENVIRON)
    first, second = table("One"), table("Two")

    assert cloud.api(first, "us-east-1") is cloud.api(first, "us-east-1")
    assert cloud.api(first, "us-east-1") is not cloud.api(second, "us-east-1")


@pytest.mark.parametrize("region", ["us-east-1", "eu-west-1"])
def test_each_region_has_a_client_of_its_own(region: str) -> None:
    cloud, service = open_cloud(None, None, ENVIRON), table("One")

    assert (cloud.api(service, region) is cloud.api(service, "us-east-1")) is (
        region == "us-east-1"
    )


def test_clouds_of_the_same_settings_share_their_keys() -> None:
    first, second = open_cloud(None, None, ENVIRON), open_cloud(None, "https://localhost", ENVIRON)
    assert first.keys is second.keys
    others = (
        open_cloud("work", None, ENVIRON),
        open_cloud(None, None, {**ENVIRON, "AWS_ACCESS_KEY_ID": "AKIDOTHER"}),
        open_cloud(None, None, {**ENVIRON, "AWS_PROFILE": "work"}),
        open_cloud(None, None, {**ENVIRON, "SSL_CERT_FILE": "/a/bundle"}),
        open_cloud(None, None, {**ENVIRON, "REQUESTS_CA_BUNDLE": "/a/bundle"}),
    )
    assert len({id(each.keys) for each in (first, *others)}) == 6


def test_access_of_a_cloud_shows_no_secret() -> None:
    opening = open_cloud(None, None, ENVIRON)._access.opening
    assert opening.variables["AWS_SECRET_ACCESS_KEY"] == "anything"
    assert "anything" not in f"{opening} {[opening]}"


def test_clouds_that_are_remembered_are_limited() -> None:
    first = open_cloud(None, None, ENVIRON)
    for number in range(20):
        open_cloud(f"profile-{number}", None, ENVIRON)
    assert open_cloud(None, None, ENVIRON).keys is not first.keys


def cloud() -> Cloud:
    return open_cloud(None, None, os.environ)


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
