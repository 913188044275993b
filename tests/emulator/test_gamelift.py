"""The admin shell of GameLift Streams, called by botocore's client, and targets with prefixes."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest

from connector.emulator.api.account import HOME_REGION, Account
from connector.emulator.api.gamelift.service import ADMIN_SHELL, OPEN
from connector.emulator.api.rest import BearerTokens
from connector.emulator.api.ssm.world import FORMS, STREAM_GROUP, STREAMS, SsmWorld
from connector.emulator.api.world import PlannedTarget, Services
from connector.emulator.listener import Certificates
from connector.emulator.sessions import Form

from .calls import call, code_of, refused, status_of
from .contract import check_input
from .signing import Signed, no_machine, open_signed

ARN = f"arn:aws:gameliftstreams:{HOME_REGION}:111122223333"
STREAM = {"Identifier": STREAM_GROUP, "StreamSessionIdentifier": "game1"}


class Plain:
    """The services, and a client of GameLift Streams."""

    def __init__(self, signed: Signed, world: SsmWorld) -> None:
        self.signed = signed
        self.world = world
        client = signed.client("gameliftstreams", region=HOME_REGION)
        self.open = client.create_stream_session_admin_shell


@pytest.fixture
async def plain(boto: Any, certificates: Certificates) -> AsyncIterator[Plain]:
    worlds: list[SsmWorld] = []

    def more(account: Account) -> Any:
        tokens = BearerTokens(account.now)
        services = Services(account.sessions, tokens, account.stream_url, account, str, no_machine)
        targets = [PlannedTarget(f"{form}1", form) for form in FORMS]
        targets.append(PlannedTarget("game1", STREAMS))
        worlds.append(SsmWorld(services, targets))
        return worlds[0].endpoints()

    async with open_signed(boto, certificates, more) as signed:
        yield Plain(signed, worlds[0])


def test_operation_matches_botocores_model(boto: Any) -> None:
    model = boto.client("gameliftstreams", region_name="us-east-1").meta.service_model
    theirs = model.operation_model("CreateStreamSessionAdminShell")
    check_input(ADMIN_SHELL, theirs.input_shape, theirs.name)


@pytest.mark.parametrize(
    "members",
    [
        STREAM,
        {
            "Identifier": f"{ARN}:streamgroup/{STREAM_GROUP}",
            "StreamSessionIdentifier": f"{ARN}:streamsession/{STREAM_GROUP}/game1",
        },
    ],
)
async def test_shell_is_opened_by_ids_and_by_arns(plain: Plain, members: Any) -> None:
    answer = await call(plain.open, **members)
    session = plain.signed.account.sessions.find(answer["SessionId"])
    assert session is not None
    assert session.form is Form.SHELL
    assert session.id in answer["StreamUrl"]


async def test_arns_of_another_region_or_account_are_not_found(plain: Plain) -> None:
    for group in (
        f"{ARN}:streamgroup/{STREAM_GROUP}".replace(HOME_REGION, "eu-west-1"),
        f"{ARN}:streamgroup/{STREAM_GROUP}".replace("111122223333", "222233334444"),
    ):
        error = await refused(plain.open, **{**STREAM, "Identifier": group})
        assert code_of(error) == "ResourceNotFoundException"


async def test_shell_is_no_session_of_the_account(plain: Plain) -> None:
    answer = await call(plain.open, **STREAM)
    ssm = plain.signed.client("ssm", region=HOME_REGION)
    error = await refused(ssm.terminate_session, SessionId=answer["SessionId"])
    assert code_of(error) == "DoesNotExistException"


async def test_token_is_good_for_a_minute(plain: Plain) -> None:
    answer = await call(plain.open, **STREAM)
    sessions = plain.signed.account.sessions
    plain.signed.shift += 59.0
    assert sessions.authenticate(answer["SessionId"], answer["TokenValue"])
    plain.signed.shift += 1.5
    assert sessions.authenticate(answer["SessionId"], answer["TokenValue"]) is None


async def test_shell_of_a_stream_that_starts_is_not_ready(plain: Plain) -> None:
    plain.world.set_state("game1", "ACTIVATING")
    error = await refused(plain.open, **STREAM)
    assert (code_of(error), status_of(error)) == ("StreamSessionAccessNotReadyException", 409)
    for state in OPEN:
        plain.world.set_state("game1", state)
        assert plain.world.state("game1") == state
        await call(plain.open, **STREAM)


async def test_ended_stream_ends_its_shells_and_is_not_found(plain: Plain) -> None:
    answer = await call(plain.open, **STREAM)
    plain.world.set_state("game1", "TERMINATED")
    session = plain.signed.account.sessions.find(answer["SessionId"])
    assert session is not None
    assert session.end_reason is not None
    error = await refused(plain.open, **STREAM)
    assert (code_of(error), status_of(error)) == ("ResourceNotFoundException", 404)
    other = {**STREAM, "StreamSessionIdentifier": "game2"}
    assert code_of(await refused(plain.open, **other)) == "ResourceNotFoundException"
    with pytest.raises(ValueError, match="BUSY"):
        plain.world.set_state("game1", "BUSY")


async def test_permission_is_for_the_stream_group(plain: Plain) -> None:
    action = "gameliftstreams:CreateStreamSessionAdminShell"
    plain.signed.account.deny(action, f"*:streamgroup/{STREAM_GROUP}")
    error = await refused(plain.open, **STREAM)
    assert (code_of(error), status_of(error)) == ("AccessDeniedException", 403)


@pytest.mark.parametrize("form", FORMS)
async def test_prefixed_target_is_a_target_of_ssm(plain: Plain, form: str) -> None:
    client = plain.signed.client("ssm", region=HOME_REGION)
    (target,) = [names.host for names in plain.world.targets if names.alias == f"{form}1"]
    answer = await call(client.start_session, Target=target)
    session = plain.signed.account.sessions.find(answer["SessionId"])
    assert session is not None
    plain.world.set_state(f"{form}1", "notconnected")
    assert session.end_reason is not None
    assert plain.world.state(f"{form}1") == "notconnected"
    assert code_of(await refused(client.start_session, Target=target)) == "TargetNotConnected"
    with pytest.raises(ValueError, match="BUSY"):
        plain.world.set_state(f"{form}1", "BUSY")


async def test_targets_are_not_listed_and_unknown_ones_not_connected(plain: Plain) -> None:
    client = plain.signed.client("ssm", region=HOME_REGION)
    listed = await call(client.describe_instance_information)
    assert all(each["InstanceId"].startswith("i-") for each in listed["InstanceInformationList"])
    error = await refused(client.start_session, Target="sagemaker-training-job:none_algo-1")
    assert code_of(error) == "TargetNotConnected"
