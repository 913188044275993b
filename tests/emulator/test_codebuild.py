"""CodeBuild's sandboxes, called by botocore's client in both protocols, and by the AWS CLI."""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import AsyncIterator
from typing import Any

import pytest

from connector.emulator.api.account import Account
from connector.emulator.api.codebuild.model import STATES, CodeBuildModel, Project
from connector.emulator.api.codebuild.service import CodeBuildService
from connector.emulator.listener import Certificates
from connector.emulator.sessions import Form, Sessions

from ..forks import AWS_CLI, run
from .calls import call, code_of, refused
from .contract import check_input
from .signing import REGION, Signed, open_signed

CBOR = "codebuild smithy-rpc-v2-cbor"


class CodeBuild:
    """The service with the project ``shop``, and a client.

    :ivar signed: the account and its other services.
    """

    def __init__(self, signed: Signed, model: CodeBuildModel, service: str) -> None:
        self.signed = signed
        self.model = model
        self.project = model.add_project(Project(REGION, "shop"))
        self.client = signed.client(service)

    async def start(self, **project: Any) -> Any:
        for name, value in project.items():
            setattr(self.project, name, value)
        return (await call(self.client.start_sandbox, projectName="shop"))["sandbox"]

    async def described(self, id: str) -> Any:
        (found,) = (await call(self.client.batch_get_sandboxes, ids=[id]))["sandboxes"]
        return found

    async def connect(self, id: str) -> str:
        return str((await self.refusal(id)).response["Error"]["Message"])

    async def refusal(self, id: str) -> Any:
        return await refused(self.client.start_sandbox_connection, sandboxId=id)


@pytest.fixture(params=["codebuild", CBOR])
async def codebuild(
    request: Any, boto: Any, certificates: Certificates
) -> AsyncIterator[CodeBuild]:
    models: list[CodeBuildModel] = []

    def more(account: Account) -> Any:
        models.append(CodeBuildModel(account))
        return CodeBuildService(account, models[0]).endpoints()

    async with open_signed(boto, certificates, more) as signed:
        yield CodeBuild(signed, models[0], request.param)


def test_operations_match_botocores_model(boto: Any) -> None:
    model = boto.client("codebuild", region_name="us-east-1").meta.service_model
    account = Account(Sessions(), lambda session: "")
    endpoints = CodeBuildService(account, CodeBuildModel(account)).endpoints()
    assert len(endpoints) == 6
    for endpoint in endpoints:
        theirs = model.operation_model(endpoint.operation.name)
        check_input(endpoint.operation.input, theirs.input_shape, theirs.name)


async def test_sandbox_passes_through_its_phases(codebuild: CodeBuild) -> None:
    sandbox = await codebuild.start(start_seconds=30.0)
    assert sandbox["id"].startswith("shop:")
    assert sandbox["arn"] == f"arn:aws:codebuild:{REGION}:111122223333:sandbox/{sandbox['id']}"
    seen = []
    for _ in range(4):
        found = await codebuild.described(sandbox["arn"])
        seen.append((found["status"], found["currentSession"]["currentPhase"]))
        codebuild.signed.shift += 10.5
    assert seen == [(each, each) for each in STATES[:4]]


async def test_stopped_sandbox_ends_its_sessions(codebuild: CodeBuild) -> None:
    sandbox = await codebuild.start(start_seconds=1.0)
    codebuild.signed.shift += 1.5
    connect = codebuild.client.start_sandbox_connection
    access = (await call(connect, sandboxId=sandbox["id"]))["ssmSession"]
    session = codebuild.signed.account.sessions.find(access["sessionId"])
    assert session is not None
    assert (session.form, session.token_value) == (Form.SSH, access["tokenValue"])
    assert session.id in access["streamUrl"]
    stopping = (await call(codebuild.client.stop_sandbox, id=sandbox["id"]))["sandbox"]
    # As in the guide's example, the phase still says that it runs.
    phase = stopping["currentSession"]["currentPhase"]
    assert (stopping["status"], phase) == ("STOPPING", "RUN_SANDBOX")
    assert session.end_reason is not None
    codebuild.signed.shift += 1.5
    found = await codebuild.described(sandbox["id"])
    assert (found["status"], found["currentSession"]["currentPhase"]) == ("STOPPED", "COMPLETED")
    assert "is not running" in await codebuild.connect(sandbox["id"])


async def test_service_role_without_permission_is_refused_in_aws_words(
    codebuild: CodeBuild,
) -> None:
    sandbox = await codebuild.start(role_may_start_sessions=False)
    error = await codebuild.refusal(sandbox["arn"])
    assert code_of(error) == "InvalidInputException"
    message = error.response["Error"]["Message"]
    assert "/AWSCodeBuild-" in message
    assert message.endswith("is not authorized to perform: ssm:StartSession on resource.")


async def test_agent_connects_after_its_time(codebuild: CodeBuild) -> None:
    sandbox = await codebuild.start(agent_seconds=20.0)
    assert "is not connected." in await codebuild.connect(sandbox["id"])
    codebuild.signed.shift += 20.5
    await call(codebuild.client.start_sandbox_connection, sandboxId=sandbox["id"])


async def test_lists_have_pages_and_an_order(codebuild: CodeBuild) -> None:
    started = [(await codebuild.start())["id"] for _ in range(5)]
    codebuild.model.add_project(Project(REGION, "other"))
    other = (await call(codebuild.client.start_sandbox, projectName="other"))["sandbox"]["id"]
    found: list[str] = []
    members: dict[str, Any] = {"projectName": "shop", "maxResults": 2}
    while True:
        answer = await call(codebuild.client.list_sandboxes_for_project, **members)
        assert len(answer["ids"]) <= 2
        found += answer["ids"]
        if not answer.get("nextToken"):
            break
        members["nextToken"] = answer["nextToken"]
    assert found == started[::-1]
    ascending = await call(codebuild.client.list_sandboxes, sortOrder="ASCENDING")
    assert ascending["ids"] == [*started, other]
    error = await refused(codebuild.client.list_sandboxes, nextToken="bad token")
    assert code_of(error) == "InvalidInputException"


async def test_unknown_things_are_refused(codebuild: CodeBuild) -> None:
    client = codebuild.client
    for method, members in (
        (client.start_sandbox, {"projectName": "none"}),
        (client.stop_sandbox, {"id": "shop:none"}),
        (client.list_sandboxes_for_project, {"projectName": "none"}),
        (client.start_sandbox_connection, {"sandboxId": "shop:none"}),
    ):
        assert code_of(await refused(method, **members)) == "ResourceNotFoundException"
    answer = await call(client.batch_get_sandboxes, ids=["shop:none"])
    assert (answer["sandboxes"], answer["sandboxesNotFound"]) == ([], ["shop:none"])
    assert code_of(await refused(client.start_sandbox)) == "InvalidInputException"
    error = await refused(client.batch_get_sandboxes, ids=["x"] * 101)
    assert code_of(error) == "InvalidInputException"


async def test_token_starts_one_sandbox_for_five_minutes(codebuild: CodeBuild) -> None:
    codebuild.model.add_project(Project(REGION, "other"))

    async def start(project: str = "shop") -> str:
        members = {"projectName": project, "idempotencyToken": "abc"}
        return str((await call(codebuild.client.start_sandbox, **members))["sandbox"]["id"])

    codebuild.signed.shift = -200.0  # both clocks may differ by five minutes
    first = await start()
    assert await start() == first
    members = {"projectName": "other", "idempotencyToken": "abc"}
    error = await refused(codebuild.client.start_sandbox, **members)
    assert code_of(error) == "InvalidInputException"
    assert (await codebuild.start())["id"] != (await codebuild.start())["id"]
    codebuild.signed.shift = 95.0
    assert await start() == first
    codebuild.signed.shift = 101.0
    assert await start() != first


async def test_token_is_of_one_region(codebuild: CodeBuild) -> None:
    codebuild.model.add_project(Project("eu-west-1", "shop"))
    members = {"projectName": "shop", "idempotencyToken": "abc"}
    elsewhere = codebuild.signed.client("codebuild", region="eu-west-1")
    here = (await call(codebuild.client.start_sandbox, **members))["sandbox"]["arn"]
    there = (await call(elsewhere.start_sandbox, **members))["sandbox"]["arn"]
    assert (here.split(":")[3], there.split(":")[3]) == (REGION, "eu-west-1")


async def test_session_is_one_of_the_service_role(codebuild: CodeBuild) -> None:
    sandbox = await codebuild.start()
    await call(codebuild.client.start_sandbox_connection, sandboxId=sandbox["id"])
    ssm = codebuild.signed.client("ssm")
    (session,) = (await call(ssm.describe_sessions, State="Active"))["Sessions"]
    role = "arn:aws:sts::111122223333:assumed-role/codebuild-shop-service-role/AWSCodeBuild-"
    assert session["Owner"].startswith(role)
    assert session["SessionId"].startswith("AWSCodeBuild-")


async def test_permission_is_for_a_resource(codebuild: CodeBuild) -> None:
    sandbox, other = await codebuild.start(), await codebuild.start()
    codebuild.signed.account.deny("codebuild:StartSandboxConnection", sandbox["arn"])
    for name in (sandbox["id"], sandbox["arn"]):
        assert code_of(await codebuild.refusal(name)) == "AccessDeniedException"
    await call(codebuild.client.start_sandbox_connection, sandboxId=other["id"])
    codebuild.signed.account.deny("codebuild:StopSandbox", sandbox["arn"])
    assert code_of(await refused(codebuild.client.stop_sandbox, id=sandbox["id"])) == (
        "AccessDeniedException"
    )
    await call(codebuild.client.stop_sandbox, id=other["id"])
    codebuild.signed.account.deny("codebuild:StartSandbox", "*:project/shop")
    error = await refused(codebuild.client.start_sandbox, projectName="shop")
    assert code_of(error) == "AccessDeniedException"


async def test_state_can_be_forced(codebuild: CodeBuild) -> None:
    sandbox = await codebuild.start()
    known = codebuild.model.sandbox(REGION, sandbox["id"])
    codebuild.model.force(known, "FAILED", "The image cannot be pulled")
    found = await codebuild.described(sandbox["id"])
    (phase,) = found["currentSession"]["phases"]
    assert found["status"] == "FAILED"
    assert phase["contexts"][0]["message"] == "The image cannot be pulled"
    with pytest.raises(ValueError, match="BUSY"):
        codebuild.model.force(known, "BUSY")


# The CLI has a client of its own: once is enough.
@pytest.mark.parametrize("codebuild", ["codebuild"], indirect=True)
async def test_aws_cli_starts_connects_and_stops(codebuild: CodeBuild) -> None:
    key = codebuild.signed.account.user_key
    environ = {
        **{name: value for name, value in os.environ.items() if not name.startswith("AWS_")},
        "AWS_ACCESS_KEY_ID": key.id,
        "AWS_SECRET_ACCESS_KEY": key.secret,
        "AWS_REGION": REGION,
        "AWS_DEFAULT_REGION": REGION,
        "AWS_CA_BUNDLE": codebuild.signed.ca_file,
        "AWS_ENDPOINT_URL": codebuild.signed.server.url,
        "AWS_EC2_METADATA_DISABLED": "true",
    }

    async def aws(*words: str) -> Any:
        command = [*AWS_CLI, "codebuild", *words, "--output", "json"]
        done = await asyncio.to_thread(run, command, env=environ)
        assert done.returncode == 0, done.stderr.decode()
        return json.loads(done.stdout)

    sandbox = (await aws("start-sandbox", "--project-name", "shop"))["sandbox"]
    access = await aws("start-sandbox-connection", "--sandbox-id", sandbox["arn"])
    assert set(access["ssmSession"]) == {"sessionId", "tokenValue", "streamUrl"}
    assert (await aws("stop-sandbox", "--id", sandbox["id"]))["sandbox"]["status"] == "STOPPED"
