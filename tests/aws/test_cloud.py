"""The access of one profile to the signed APIs of all Regions."""

from __future__ import annotations

import pytest

from connector.aws.cloud import open_cloud
from connector.aws.responses import Object
from connector.aws.signed import Service, SignedOperation

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
    )
    assert len({id(each.keys) for each in (first, *others)}) == 4


def test_clouds_that_are_remembered_are_limited() -> None:
    first = open_cloud(None, None, ENVIRON)
    for number in range(20):
        open_cloud(f"profile-{number}", None, ENVIRON)
    assert open_cloud(None, None, ENVIRON).keys is not first.keys
