"""The Security Token Service, called by botocore's client."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest

from connector.emulator.api.account import Account, Key, Role
from connector.emulator.api.errors import ApiError
from connector.emulator.api.sts.service import SecurityTokenService
from connector.emulator.listener import Certificates
from connector.emulator.sessions import Sessions

from .calls import call, code_of, refused, status_of
from .contract import check_input
from .signing import INSTANCE, Signed, open_signed

ROLE = "arn:aws:iam::111122223333:role/team/builder"
DEVICE = "arn:aws:iam::111122223333:mfa/mary"


@pytest.fixture
async def signed(boto: Any, certificates: Certificates) -> AsyncIterator[Signed]:
    async with open_signed(boto, certificates) as signed:
        yield signed


def test_sts_operations_match_botocores_model(boto: Any) -> None:
    model = boto.client("sts", region_name="us-east-1").meta.service_model
    for endpoint in SecurityTokenService(Account(Sessions(), lambda session: "")).endpoints():
        theirs = model.operation_model(endpoint.operation.name)
        check_input(endpoint.operation.input, theirs.input_shape, theirs.name, "query", exact=False)


async def test_identity_is_that_of_the_key(signed: Signed) -> None:
    answer = await call(signed.client("sts").get_caller_identity)
    assert answer["Arn"] == "arn:aws:iam::111122223333:user/mary"
    assert answer["Account"] == "111122223333"
    assert answer["UserId"].startswith("AIDA")


async def test_role_gives_a_temporary_key_that_opens_sessions(signed: Signed) -> None:
    signed.account.roles[ROLE] = Role(ROLE)
    client = signed.client("sts")
    members = {"RoleArn": ROLE, "RoleSessionName": "ci@work", "DurationSeconds": 900}
    answer = await call(client.assume_role, **members)
    given = answer["Credentials"]
    arn = "arn:aws:sts::111122223333:assumed-role/builder/ci@work"
    assert answer["AssumedRoleUser"]["Arn"] == arn
    assert abs(given["Expiration"].timestamp() - signed.account.now() - 900) < 60
    key = Key(
        given["AccessKeyId"],
        given["SecretAccessKey"],
        signed.account.user_key.identity,
        given["SessionToken"],
    )
    identity = await call(signed.client("sts", key).get_caller_identity)
    assert (identity["Arn"], identity["UserId"]) == (
        arn,
        answer["AssumedRoleUser"]["AssumedRoleId"],
    )
    started = await call(signed.client("ssm", key).start_session, Target=INSTANCE)
    assert started["SessionId"].startswith("ci-work-")
    signed.shift = 901.0  # the signature is as new as the test's clock says
    later = signed.client("sts", key)
    assert code_of(await refused(later.get_caller_identity)) == "SignatureDoesNotMatch"


async def test_unknown_role_is_refused(signed: Signed) -> None:
    error = await refused(
        signed.client("sts").assume_role, RoleArn=ROLE, RoleSessionName="somewhere"
    )
    assert (code_of(error), status_of(error)) == ("AccessDenied", 403)
    assert error.response["Error"]["Message"] == (
        "User: arn:aws:iam::111122223333:user/mary is not authorized to perform: "
        f"sts:AssumeRole on resource: {ROLE}"
    )


async def test_role_with_mfa_wants_the_code_of_its_device(signed: Signed) -> None:
    signed.account.roles[ROLE] = Role(ROLE, mfa_serial=DEVICE, mfa_code="123456", external_id="x1")
    client = signed.client("sts")
    members = {"RoleArn": ROLE, "RoleSessionName": "ci", "ExternalId": "x1"}
    coded = {**members, "SerialNumber": DEVICE, "TokenCode": "123456"}
    for wrong in (
        members,
        {**members, "SerialNumber": DEVICE},
        {**coded, "SerialNumber": f"{DEVICE}2"},
        {**coded, "ExternalId": "x2"},
    ):
        error = await refused(client.assume_role, **wrong)
        assert "is not authorized to perform: sts:AssumeRole" in str(error)
    error = await refused(client.assume_role, **{**coded, "TokenCode": "654321"})
    assert "invalid MFA one time pass code" in str(error)
    assert (await call(client.assume_role, **coded))["Credentials"]["SessionToken"]


async def test_malformed_duration_and_unknown_action_are_refused(signed: Signed) -> None:
    client = signed.client("sts")
    members = {"RoleArn": ROLE, "RoleSessionName": "ci", "DurationSeconds": 90}
    error = await refused(client.assume_role, **{**members, "DurationSeconds": 99_999})
    assert code_of(error) == "ValidationError"
    error = await refused(client.get_access_key_info, AccessKeyId="AKIDEXAMPLE12345")
    assert code_of(error) == "InvalidAction"


async def test_misbehaviours_are_written_in_xml(signed: Signed) -> None:
    busy = ApiError("Rate <exceeded> & more\x00", "Throttling", 400)
    signed.misbehaviours.refuse("sts:GetCallerIdentity", busy)
    client = signed.client("sts")
    error = await refused(client.get_caller_identity)
    assert error.response["Error"]["Code"] == "Throttling"
    assert error.response["Error"]["Message"] == "Rate <exceeded> & more?"
    assert (await call(client.get_caller_identity))["Account"]
