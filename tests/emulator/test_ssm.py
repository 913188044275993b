"""Systems Manager's operations of sessions, called by botocore's client."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import datetime, timedelta, timezone
from typing import Any

import pytest

from connector.emulator.api.account import Account
from connector.emulator.api.ssm.service import SessionManagerService
from connector.emulator.listener import Certificates
from connector.emulator.sessions import Form, Origin, Sessions, data_channel_url

from .calls import call, code_of, refused, status_of
from .contract import check_input
from .signing import GATEWAY, INSTANCE, REGION, Signed, open_signed

SSH = "AWS-StartSSHSession"


@pytest.fixture
async def signed(boto: Any, certificates: Certificates) -> AsyncIterator[Signed]:
    async with open_signed(boto, certificates) as signed:
        yield signed


async def start(signed: Signed, **members: Any) -> Any:
    return await call(signed.client("ssm").start_session, Target=INSTANCE, **members)


def test_ssm_operations_match_botocores_model(boto: Any) -> None:
    model = boto.client("ssm", region_name="us-east-1").meta.service_model
    account = Account(Sessions(), lambda session: "")
    for endpoint in SessionManagerService(account).endpoints():
        operation = endpoint.operation
        theirs = model.operation_model(operation.name)
        route = (theirs.http["method"], theirs.http["requestUri"])
        assert (operation.method, operation.path) == route
        assert operation.target == f"{model.metadata['targetPrefix']}.{operation.name}"
        check_input(operation.input, theirs.input_shape, operation.name)


async def test_start_returns_a_session_of_the_caller(signed: Signed) -> None:
    answer = await start(signed)
    session = signed.account.sessions.authenticate(answer["SessionId"], answer["TokenValue"])
    assert session is not None
    assert session.id.startswith("mary-")
    assert answer["StreamUrl"] == data_channel_url(GATEWAY, session)
    assert (session.machine_id, session.form) == (INSTANCE, Form.SHELL)


@pytest.mark.parametrize(
    ("document", "parameters", "form", "command", "port"),
    [
        (SSH, {"portNumber": ["2222"]}, Form.SSH, (), 2222),
        (SSH, {}, Form.SSH, (), 22),
        ("AWS-StartPortForwardingSession", {"portNumber": ["80"]}, Form.FORWARD, (), 80),
        ("AWS-StartInteractiveCommand", {"command": ["ls -l"]}, Form.LINE, ("ls -l",), None),
        ("AWS-StartNonInteractiveCommand", {"command": ["w"]}, Form.PIPED_LINE, ("w",), None),
        ("SSM-SessionManagerRunShell", {}, Form.SHELL, (), None),
    ],
)
async def test_document_decides_the_session(
    signed: Signed,
    document: str,
    parameters: dict[str, list[str]],
    form: Form,
    command: tuple[str, ...],
    port: int | None,
) -> None:
    answer = await start(signed, DocumentName=document, Parameters=parameters)
    session = signed.account.sessions.find(answer["SessionId"])
    assert session is not None
    assert (session.form, session.command, session.port) == (form, command, port)


@pytest.mark.parametrize(
    ("document", "parameters", "code"),
    [
        ("AWS-StartNothing", {}, "InvalidDocument"),
        (SSH, {"portNumber": ["65536"]}, "InvalidParameters"),
        (SSH, {"portNumber": ["22", "23"]}, "InvalidParameters"),
        (SSH, {"port": ["22"]}, "InvalidParameters"),
        ("AWS-StartInteractiveCommand", {}, "InvalidParameters"),
        ("SSM-SessionManagerRunShell", {"command": ["ls"]}, "InvalidParameters"),
        ("no document name", {}, "ValidationException"),
    ],
)
async def test_wrong_document_or_parameter_is_refused(
    signed: Signed, document: str, parameters: dict[str, list[str]], code: str
) -> None:
    client = signed.client("ssm")
    members = {"Target": INSTANCE, "DocumentName": document, "Parameters": parameters}
    error = await refused(client.start_session, **members)
    assert (code_of(error), status_of(error)) == (code, 400)
    assert signed.account.sessions.opened_by_requests() == []


async def test_parameters_without_a_document_are_refused(signed: Signed) -> None:
    client = signed.client("ssm")
    members = {"Target": INSTANCE, "Parameters": {"portNumber": ["22"]}}
    assert code_of(await refused(client.start_session, **members)) == "InvalidParameters"


async def test_unconnected_and_unknown_targets_are_refused(signed: Signed) -> None:
    signed.yard.offline.add(INSTANCE)
    client = signed.client("ssm")
    for target in (INSTANCE, "i-0fedcba9876543210"):
        error = await refused(client.start_session, Target=target)
        assert isinstance(error, client.exceptions.TargetNotConnected)
        assert error.response["Error"]["Message"] == f"{target} is not connected."
    elsewhere = signed.client("ssm", region="eu-west-1")
    signed.yard.offline.clear()
    assert code_of(await refused(elsewhere.start_session, Target=INSTANCE)) == "TargetNotConnected"
    assert (await start(signed))["SessionId"]


async def test_resume_returns_a_fresh_token_and_revokes_the_old_one(signed: Signed) -> None:
    started = await start(signed)
    signed.shift = 1.0  # a cell number has the second of its issue
    answer = await call(signed.client("ssm").resume_session, SessionId=started["SessionId"])
    sessions = signed.account.sessions
    assert answer["SessionId"] == started["SessionId"]
    assert answer["StreamUrl"] != started["StreamUrl"]
    assert sessions.authenticate(answer["SessionId"], started["TokenValue"]) is None
    assert sessions.authenticate(answer["SessionId"], answer["TokenValue"]) is not None


async def test_resume_of_an_ended_session_returns_an_empty_token(signed: Signed) -> None:
    session_id = (await start(signed))["SessionId"]
    client = signed.client("ssm")
    assert (await call(client.terminate_session, SessionId=session_id))["SessionId"] == session_id
    session = signed.account.sessions.find(session_id)
    assert session is not None
    assert session.end_reason == "TerminateSession was called"
    answer = await call(client.resume_session, SessionId=session_id)
    assert answer["TokenValue"] == ""


async def test_session_of_another_region_or_none_does_not_exist(signed: Signed) -> None:
    session_id = (await start(signed))["SessionId"]
    for client, name in (
        (signed.client("ssm"), "mary-0123456789abcdef0"),
        (signed.client("ssm", region="eu-west-1"), session_id),
    ):
        for operation in ("resume_session", "terminate_session"):
            error = await refused(getattr(client, operation), SessionId=name)
            assert (status_of(error), code_of(error)) == (400, "DoesNotExistException")
            assert isinstance(error, client.exceptions.DoesNotExistException)


async def test_sessions_are_described_while_they_live_and_afterwards(signed: Signed) -> None:
    client = signed.client("ssm")
    first = (await start(signed, Reason="a look", DocumentName=SSH))["SessionId"]
    second = (await start(signed))["SessionId"]
    await call(client.terminate_session, SessionId=first)
    (active,) = (await call(client.describe_sessions, State="Active"))["Sessions"]
    (ended,) = (await call(client.describe_sessions, State="History"))["Sessions"]
    assert (active["SessionId"], active["Status"]) == (second, "Connected")
    assert "EndDate" not in active
    assert (ended["SessionId"], ended["Status"]) == (first, "Terminated")
    assert ended["StartDate"] <= ended["EndDate"]
    assert (ended["Reason"], ended["DocumentName"]) == ("a look", SSH)
    assert ended["Owner"] == "arn:aws:iam::111122223333:user/mary"
    assert ended["Target"] == INSTANCE
    elsewhere = signed.client("ssm", region="eu-west-1")
    assert (await call(elsewhere.describe_sessions, State="Active"))["Sessions"] == []


async def test_sessions_are_filtered_and_paged(signed: Signed) -> None:
    signed.yard.names.append("mi-0123456789abcdef0")
    client = signed.client("ssm")
    ids = [(await start(signed))["SessionId"] for _ in range(5)]
    other = (await call(client.start_session, Target="mi-0123456789abcdef0"))["SessionId"]

    async def found(*filters: tuple[str, str]) -> set[str]:
        rules = [{"key": key, "value": value} for key, value in filters]
        answer = await call(client.describe_sessions, State="Active", Filters=rules)
        return {session["SessionId"] for session in answer["Sessions"]}

    now = datetime.now(timezone.utc)
    before, after = (now + timedelta(hours=hours) for hours in (-1, 1))
    assert await found(("Target", INSTANCE)) == set(ids)
    assert await found(("Target", INSTANCE), ("SessionId", ids[3])) == {ids[3]}
    assert await found(("Owner", "arn:aws:iam::111122223333:user/bob")) == set()
    assert await found(("InvokedAfter", before.isoformat())) == {*ids, other}
    assert await found(("InvokedBefore", before.isoformat())) == set()
    assert await found(("InvokedAfter", after.strftime("%Y-%m-%dT%H:%M:%SZ"))) == set()
    pages = client.get_paginator("describe_sessions").paginate(
        State="Active", PaginationConfig={"PageSize": 2}
    )
    listed = await call(lambda: [each["SessionId"] for page in pages for each in page["Sessions"]])
    assert listed == [other, *reversed(ids)]
    assert len(signed.server.requests_for("DescribeSessions")) == 6 + 3
    error = await refused(client.describe_sessions, State="Active", NextToken="none of ours")
    assert isinstance(error, client.exceptions.InvalidNextToken)
    wrong = [{"key": "InvokedAfter", "value": "yesterday"}]
    error = await refused(client.describe_sessions, State="Active", Filters=wrong)
    assert code_of(error) == "ValidationException"


async def test_instances_are_described_with_the_state_of_their_agents(signed: Signed) -> None:
    nodes = [f"mi-{number:017x}" for number in range(6)]
    signed.yard.names += nodes
    signed.yard.offline.add(nodes[0])
    client = signed.client("ssm")
    pages = client.get_paginator("describe_instance_information").paginate(
        PaginationConfig={"PageSize": 5}
    )
    listed = await call(
        lambda: [each for page in pages for each in page["InstanceInformationList"]]
    )
    assert [each["InstanceId"] for each in listed] == [INSTANCE, *nodes]
    assert [each["PingStatus"] for each in listed[:3]] == ["Online", "ConnectionLost", "Online"]

    async def found(**members: Any) -> list[str]:
        answer = await call(client.describe_instance_information, **members)
        return [each["InstanceId"] for each in answer["InstanceInformationList"]]

    lost = {"Key": "PingStatus", "Values": ["ConnectionLost", "Inactive"]}
    older = {"key": "ResourceType", "valueSet": ["EC2Instance"]}
    assert await found(Filters=[lost]) == [nodes[0]]
    assert await found(InstanceInformationFilterList=[older]) == [INSTANCE]
    assert await found(Filters=[lost, {"Key": "InstanceIds", "Values": [INSTANCE]}]) == []
    describe = client.describe_instance_information
    error = await refused(describe, Filters=[{"Key": "Weight", "Values": ["1"]}])
    assert isinstance(error, client.exceptions.InvalidFilterKey)
    error = await refused(describe, Filters=[lost], InstanceInformationFilterList=[older])
    assert code_of(error) == "ValidationException"


async def test_connection_status_follows_the_agent(signed: Signed) -> None:
    client = signed.client("ssm")

    async def status() -> str:
        answer = await call(client.get_connection_status, Target=INSTANCE)
        return str(answer["Status"])

    assert await status() == "connected"
    signed.yard.offline.add(INSTANCE)
    assert await status() == "notconnected"


async def test_malformed_requests_and_other_operations_are_refused(signed: Signed) -> None:
    client = signed.client("ssm")
    error = await refused(client.resume_session, SessionId="x" * 97)
    assert code_of(error) == "ValidationException"
    error = await refused(client.list_documents)
    assert (code_of(error), status_of(error)) == ("UnknownOperationException", 400)


async def test_sessions_that_the_account_does_not_have_are_unknown(signed: Signed) -> None:
    """Sessions of bearer tokens, and of machines in an account of AWS's own."""
    client = signed.client("ssm")
    origin = Origin("game", REGION, "arn:aws:iam::111122223333:user/mary", listed=False)
    for session in (
        signed.account.sessions.open("dev", "mary"),
        signed.account.open_session("game", origin, name="mary"),
    ):
        for operation in ("resume_session", "terminate_session"):
            error = await refused(getattr(client, operation), SessionId=session.id)
            assert code_of(error) == "DoesNotExistException"
        assert session.end_reason is None
    assert (await call(client.describe_sessions, State="Active"))["Sessions"] == []


async def test_token_of_a_page_is_good_for_its_own_request_only(signed: Signed) -> None:
    signed.yard.names += [f"mi-{number:017x}" for number in range(6)]
    describe = signed.client("ssm").describe_instance_information
    token = (await call(describe, MaxResults=5))["NextToken"]
    assert len((await call(describe, NextToken=token))["InstanceInformationList"]) == 2
    node = [{"Key": "ResourceType", "Values": ["ManagedInstance"]}]
    elsewhere = signed.client("ssm", region="eu-west-1").describe_instance_information
    stranger = signed.client("ssm", signed.account.add_user("bob")).describe_instance_information
    for other, members in ((describe, {"Filters": node}), (elsewhere, {}), (stranger, {})):
        error = await refused(other, NextToken=token, **members)
        assert code_of(error) == "InvalidNextToken"
