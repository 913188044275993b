"""The emulated SageMaker, judged by botocore's client and model and by the AWS CLI."""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import AsyncIterator, Iterable
from typing import Any

import pytest

from connector.emulator.api.account import Account
from connector.emulator.api.rest import Endpoint
from connector.emulator.api.sagemaker import requests
from connector.emulator.api.sagemaker.model import SageMakerModel, Space
from connector.emulator.api.sagemaker.service import SageMakerService
from connector.emulator.api.shapes import Structure
from connector.emulator.listener import Certificates

from ..forks import AWS_CLI, run
from .calls import call, code_of, refused, status_of
from .contract import check_input
from .signing import GATEWAY, REGION, Signed, open_signed

APP = {"AppType": "JupyterLab", "AppName": "default"}


class Studio:
    """SageMaker with one domain and one space that runs, and a client."""

    def __init__(self, signed: Signed, model: SageMakerModel) -> None:
        self.signed, self.model = signed, model
        self.domain = model.add_domain(REGION, "Research")
        self.space = self.add("Deep-Space", running=True)
        self.client = signed.client("sagemaker")

    def add(self, name: str, **details: Any) -> Space:
        return self.model.add_space(self.domain, name, **details)

    def place(self, space: Space) -> dict[str, str]:
        return {"DomainId": space.domain.id, "SpaceName": space.name}

    async def app_status(self, space: Space) -> str:
        app = await call(self.client.describe_app, **self.place(space), **APP)
        status: str = app["Status"]
        return status


@pytest.fixture
async def studio(boto: Any, certificates: Certificates) -> AsyncIterator[Studio]:
    models: list[SageMakerModel] = []

    def endpoints(account: Account) -> Iterable[Endpoint]:
        models.append(SageMakerModel(account))
        return SageMakerService(models[0]).endpoints()

    async with open_signed(boto, certificates, endpoints) as signed:
        yield Studio(signed, models[0])


@pytest.mark.parametrize(
    ("name", "shape"),
    [
        (name.title().replace("_", ""), shape)
        for name, shape in vars(requests).items()
        if isinstance(shape, Structure) and not name.startswith("_")
    ],
)
def test_requests_match_botocores_model(boto: Any, name: str, shape: Structure) -> None:
    client = boto.client("sagemaker", region_name=REGION)
    model = client.meta.service_model.operation_model(name)
    check_input(shape, model.input_shape, name, exact=False)


async def test_spaces_domains_and_apps_are_listed(studio: Studio) -> None:
    canvas = studio.add("canvas", app_type="Canvas", remote_access=None)
    (domain,) = (await call(studio.client.list_domains))["Domains"]
    assert (domain["DomainName"], domain["DomainArn"]) == ("Research", studio.domain.arn)
    spaces = (await call(studio.client.list_spaces))["Spaces"]
    assert [space["SpaceName"] for space in spaces] == ["Deep-Space", "canvas"]
    assert [space["SpaceSettingsSummary"] for space in spaces] == [
        {"AppType": "JupyterLab", "RemoteAccess": "ENABLED"},
        {"AppType": "Canvas"},
    ]
    (app,) = (await call(studio.client.list_apps))["Apps"]
    assert (app["SpaceName"], app["Status"]) == ("Deep-Space", "InService")
    assert app["ResourceSpec"]["InstanceType"] == "ml.t3.large"
    assert (await call(studio.client.list_apps, SpaceNameEquals=canvas.name))["Apps"] == []


async def test_lists_have_pages(studio: Studio) -> None:
    names = [studio.add(f"space-{number:02}").name for number in range(24)]
    pages = studio.client.get_paginator("list_spaces").paginate(PaginationConfig={"PageSize": 7})

    def read() -> list[list[str]]:
        return [[space["SpaceName"] for space in page["Spaces"]] for page in pages]

    found = await call(read)
    assert [len(page) for page in found] == [7, 7, 7, 4]
    assert [name for page in found for name in page] == ["Deep-Space", *names]
    error = await refused(studio.client.list_spaces, NextToken="of another list")
    assert code_of(error) == "ValidationException"


async def test_space_is_described_with_its_own_specification(studio: Studio) -> None:
    studio.space.spec = {"InstanceType": "ml.g5.xlarge"}
    answer = await call(studio.client.describe_space, **studio.place(studio.space))
    assert answer["SpaceArn"] == studio.space.arn
    settings = answer["SpaceSettings"]
    assert settings["JupyterLabAppSettings"]["DefaultResourceSpec"] == studio.space.spec
    assert (settings["AppType"], settings["RemoteAccess"]) == ("JupyterLab", "ENABLED")


async def test_other_regions_have_no_spaces(studio: Studio) -> None:
    client = studio.signed.client("sagemaker", region="eu-west-1")
    assert (await call(client.list_spaces))["Spaces"] == []
    error = await refused(client.describe_space, **studio.place(studio.space))
    assert code_of(error) == "ResourceNotFound"


async def test_app_is_created_and_deleted(studio: Studio) -> None:
    space = studio.add("new", start_seconds=60, stop_seconds=30)
    place = studio.place(space)
    error = await refused(studio.client.describe_app, **place, **APP)
    assert (status_of(error), code_of(error)) == (400, "ResourceNotFound")
    await call(studio.client.create_app, **place, **APP, ResourceSpec=dict(space.spec))
    assert await studio.app_status(space) == "Pending"
    error = await refused(studio.client.create_app, **place, **APP)
    assert isinstance(error, studio.client.exceptions.ResourceInUse)
    studio.signed.shift = 61
    assert await studio.app_status(space) == "InService"
    await call(studio.client.delete_app, **place, **APP)
    assert await studio.app_status(space) == "Deleting"
    studio.signed.shift = 92
    assert await studio.app_status(space) == "Deleted"
    await call(studio.client.create_app, **place, **APP)
    assert await studio.app_status(space) == "Pending"


async def test_failed_start_tells_its_reason(studio: Studio) -> None:
    space = studio.add("unlucky", start_failure="InsufficientCapacity")
    await call(studio.client.create_app, **studio.place(space), **APP)
    answer = await call(studio.client.describe_app, **studio.place(space), **APP)
    assert (answer["Status"], answer["FailureReason"]) == ("Failed", "InsufficientCapacity")


async def test_small_instance_is_refused_only_for_remote_access(studio: Studio) -> None:
    space = studio.add("small", spec={"InstanceType": "ml.t3.medium"})
    create = studio.client.create_app
    spec = {"InstanceType": "ml.t3.medium"}
    error = await refused(create, **studio.place(space), **APP, ResourceSpec=spec)
    assert code_of(error) == "ValidationException"
    space.remote_access = "DISABLED"
    await call(create, **studio.place(space), **APP, ResourceSpec=spec)


async def test_update_needs_a_space_without_an_app(studio: Studio) -> None:
    space = studio.add("closed", remote_access="DISABLED", running=True, update_seconds=20)
    update = studio.client.update_space
    settings = {
        "RemoteAccess": "ENABLED",
        "JupyterLabAppSettings": {"DefaultResourceSpec": {"InstanceType": "ml.m5.large"}},
    }
    error = await refused(update, **studio.place(space), SpaceSettings=settings)
    assert code_of(error) == "ResourceInUse"
    await call(studio.client.delete_app, **studio.place(space), **APP)
    await studio.app_status(space)
    await call(update, **studio.place(space), SpaceSettings=settings)
    answer = await call(studio.client.describe_space, **studio.place(space))
    assert answer["Status"] == "Updating"
    error = await refused(studio.client.create_app, **studio.place(space), **APP)
    assert code_of(error) == "ValidationException"
    studio.signed.shift = 21
    answer = await call(studio.client.describe_space, **studio.place(space))
    assert (answer["Status"], space.spec["InstanceType"]) == ("InService", "ml.m5.large")
    assert answer["SpaceSettings"]["RemoteAccess"] == "ENABLED"


async def test_session_needs_remote_access_and_an_app(studio: Studio) -> None:
    start, space = studio.client.start_session, studio.space
    answer = await call(start, ResourceIdentifier=space.arn)
    assert answer["StreamUrl"].startswith(GATEWAY)
    sessions = studio.signed.account.sessions
    session = sessions.authenticate(answer["SessionId"], answer["TokenValue"])
    assert session is not None
    space.remote_access = "DISABLED"
    error = await refused(start, ResourceIdentifier=space.arn)
    assert "does not have remote access enabled" in str(error)
    space.remote_access = "ENABLED"
    await call(studio.client.delete_app, **studio.place(space), **APP)
    assert session.end_reason is not None
    error = await refused(start, ResourceIdentifier=space.arn)
    assert code_of(error) == "ValidationException"
    error = await refused(start, ResourceIdentifier=space.arn.lower())
    assert isinstance(error, studio.client.exceptions.ResourceNotFound)


async def test_app_without_an_ssh_server_has_no_sessions(studio: Studio) -> None:
    canvas = studio.add("canvas", app_type="Canvas", running=True)
    error = await refused(studio.client.start_session, ResourceIdentifier=canvas.arn)
    assert code_of(error) == "ValidationException"


async def test_session_fails_until_the_agent_is_registered(studio: Studio) -> None:
    space = studio.add("fresh", agent_seconds=5)
    await call(studio.client.create_app, **studio.place(space), **APP)
    error = await refused(studio.client.start_session, ResourceIdentifier=space.arn)
    assert (status_of(error), code_of(error)) == (500, "InternalFailure")
    studio.signed.shift = 6
    await call(studio.client.start_session, ResourceIdentifier=space.arn)


async def test_each_app_is_another_machine(studio: Studio) -> None:
    before = studio.space.machine_id
    await call(studio.client.delete_app, **studio.place(studio.space), **APP)
    await call(studio.client.create_app, **studio.place(studio.space), **APP)
    assert studio.space.machine_id != before


async def test_denied_action_names_the_space(studio: Studio) -> None:
    studio.signed.account.deny("sagemaker:StartSession", studio.space.arn)
    error = await refused(studio.client.start_session, ResourceIdentifier=studio.space.arn)
    assert code_of(error) == "AccessDeniedException"
    assert f"sagemaker:StartSession on resource: {studio.space.arn}" in str(error)


async def test_aws_cli_enables_remote_access_and_opens_a_session(studio: Studio) -> None:
    key = studio.signed.account.user_key
    environ = {
        "PATH": os.environ["PATH"],
        "HOME": os.environ["HOME"],
        "AWS_ACCESS_KEY_ID": key.id,
        "AWS_SECRET_ACCESS_KEY": key.secret,
        "AWS_REGION": REGION,
        "AWS_DEFAULT_REGION": REGION,
        "AWS_ENDPOINT_URL": studio.signed.server.url,
        "AWS_CA_BUNDLE": studio.signed.ca_file,
        "NO_PROXY": "127.0.0.1",
        # The CLI brings a botocore of its own, which warns of Pythons near their end.
        "PYTHONWARNINGS": "ignore",
    }

    async def cli(*words: str) -> Any:
        done = await asyncio.to_thread(run, [*AWS_CLI, "sagemaker", *words], env=environ)
        assert done.returncode == 0, done.stderr.decode()
        return json.loads(done.stdout or "null")

    place = ("--domain-id", studio.domain.id, "--space-name", "Deep-Space")
    await call(studio.client.delete_app, **studio.place(studio.space), **APP)
    studio.space.remote_access = "DISABLED"
    await cli("update-space", *place, "--space-settings", "RemoteAccess=ENABLED")
    described = await cli("describe-space", *place)
    assert described["SpaceSettings"]["RemoteAccess"] == "ENABLED"
    await call(studio.client.create_app, **studio.place(studio.space), **APP)
    session = await cli("start-session", "--resource-identifier", studio.space.arn)
    assert session.keys() == {"SessionId", "StreamUrl", "TokenValue"}
