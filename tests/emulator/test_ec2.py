"""EC2, its agents and EC2 Instance Connect, called by botocore's clients."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable
from typing import Any

import pytest

from connector.emulator.api.account import HOME_REGION, Account
from connector.emulator.api.ec2.model import AgentTimes, Ec2Model, Instance, ManagedNode, Ping
from connector.emulator.api.ec2.service import Ec2Service
from connector.emulator.api.ec2.world import Ec2World
from connector.emulator.api.rest import BearerTokens, Endpoint
from connector.emulator.api.world import PlannedTarget, Services
from connector.emulator.listener import Certificates
from connector.emulator.sessions import Sessions

from .calls import call, code_of, refused, status_of
from .contract import check_input
from .signing import Signed, no_machine, open_signed

KEY = f"ssh-ed25519 {'A' * 68}"
UNKNOWN = "i-0123456789abcdef0"
NODE = ManagedNode("mi-0a1b2c3d4e5f60718", HOME_REGION, "build-server", "build01.example.com")


class Ec2:
    """The room, and clients of it."""

    def __init__(self) -> None:
        self.world: Ec2World
        self.signed: Signed

    def endpoints(self, account: Account) -> Iterable[Endpoint]:
        services = Services(
            account.sessions,
            BearerTokens(account.now),
            lambda session: "",
            account,
            lambda: self.signed.server.url,
            no_machine,
        )
        targets = (PlannedTarget("web", start_seconds=30.0), PlannedTarget("db", running=False))
        self.world = Ec2World(services, targets)
        self.world.model.add_node(NODE)
        return self.world.endpoints()

    def client(self, service: str = "ec2", region: str = HOME_REGION) -> Any:
        return self.signed.client(service, region=region)

    @property
    def web(self) -> Instance:
        return self.world.find("web")

    async def ping(self, target: str) -> str | None:
        """Return what DescribeInstanceInformation says about an agent."""
        filters = [{"Key": "InstanceIds", "Values": [target]}]
        answer = await call(self.client("ssm").describe_instance_information, Filters=filters)
        listed = answer["InstanceInformationList"]
        return str(listed[0]["PingStatus"]) if listed else None


@pytest.fixture
async def ec2(boto: Any, certificates: Certificates) -> AsyncIterator[Ec2]:
    ec2 = Ec2()
    async with open_signed(boto, certificates, ec2.endpoints) as ec2.signed:
        yield ec2


def only(answer: Any) -> Any:
    """Return the only instance of an answer."""
    (instance,) = (each for some in answer["Reservations"] for each in some["Instances"])
    return instance


def test_operations_match_botocores_models(boto: Any) -> None:
    account = Account(Sessions(), lambda session: "")
    for endpoint in Ec2Service(account, Ec2Model(account), lambda: "").endpoints():
        operation = endpoint.operation
        model = boto.client(operation.service, region_name=HOME_REGION).meta.service_model
        theirs = model.operation_model(operation.name)
        protocol = model.metadata["protocol"]
        check_input(operation.input, theirs.input_shape, theirs.name, protocol, exact=False)


async def test_instance_has_the_facts_of_ec2(ec2: Ec2) -> None:
    answer = await call(ec2.client().describe_instances, InstanceIds=[ec2.web.id])
    instance = only(answer)
    assert instance["State"] == {"Code": 16, "Name": "running"}
    assert instance["Tags"] == [{"Key": "Name", "Value": "web"}]
    assert instance["PrivateIpAddress"] == "10.0.0.5"
    assert instance["PrivateDnsName"] == "ip-10-0-0-5.us-west-2.compute.internal"
    assert instance["IamInstanceProfile"]["Arn"].endswith(":instance-profile/ssm-agent")
    assert abs(instance["LaunchTime"].timestamp() - ec2.signed.account.now() + 3600) < 60


async def test_instances_come_in_pages(ec2: Ec2) -> None:
    for number in range(10):
        ec2.world.model.add_instance(HOME_REGION, f"node-{number}")
    pages = (
        ec2.client().get_paginator("describe_instances").paginate(PaginationConfig={"PageSize": 5})
    )
    counts = [len(page["Reservations"]) for page in await call(list, pages)]
    assert counts == [5, 5, 2]


async def test_instances_of_another_region_are_not_listed(ec2: Ec2) -> None:
    answer = await call(ec2.client(region="eu-west-1").describe_instances)
    assert answer["Reservations"] == []


@pytest.mark.parametrize(
    ("name", "value", "count"),
    [
        ("tag:Name", "w*", 1),
        ("tag:Team", "*", 0),
        ("instance-state-name", "stopped", 1),
        ("private-ip-address", "10.0.0.6", 1),
        ("private-dns-name", "ip-10-0-0-*", 2),
    ],
)
async def test_filters_select_instances(ec2: Ec2, name: str, value: str, count: int) -> None:
    filters = [{"Name": name, "Values": [value, "nothing"]}]
    answer = await call(ec2.client().describe_instances, Filters=filters)
    assert len(answer["Reservations"]) == count


async def test_unknown_filter_is_refused(ec2: Ec2) -> None:
    filters = [{"Name": "colour", "Values": ["red"]}]
    error = await refused(ec2.client().describe_instances, Filters=filters)
    assert code_of(error) == "InvalidParameterValue"


@pytest.mark.parametrize(
    ("id", "code", "text"),
    [
        (UNKNOWN, "InvalidInstanceID.NotFound", f"The instance ID '{UNKNOWN}' does not exist"),
        ("i-web", "InvalidInstanceID.Malformed", 'Invalid id: "i-web"'),
    ],
)
@pytest.mark.parametrize("method", ["describe_instances", "start_instances", "stop_instances"])
async def test_unknown_id_is_refused(ec2: Ec2, method: str, id: str, code: str, text: str) -> None:
    error = await refused(getattr(ec2.client(), method), InstanceIds=[id])
    assert (code_of(error), status_of(error)) == (code, 400)
    assert error.response["Error"]["Message"] == text


async def test_ids_and_a_size_of_pages_exclude_each_other(ec2: Ec2) -> None:
    members = {"InstanceIds": [ec2.web.id], "MaxResults": 5}
    error = await refused(ec2.client().describe_instances, **members)
    assert code_of(error) == "InvalidParameterCombination"


async def test_stop_and_start_take_their_time(ec2: Ec2) -> None:
    client, id = ec2.client(), ec2.web.id
    stopped = await call(client.stop_instances, InstanceIds=[id])
    assert stopped["StoppingInstances"] == [
        {
            "InstanceId": id,
            "PreviousState": {"Code": 16, "Name": "running"},
            "CurrentState": {"Code": 64, "Name": "stopping"},
        }
    ]
    assert code_of(await refused(client.start_instances, InstanceIds=[id])) == (
        "IncorrectInstanceState"
    )
    ec2.signed.shift += 2.0
    assert only(await call(ec2.client().describe_instances, InstanceIds=[id]))["State"] == {
        "Code": 80,
        "Name": "stopped",
    }
    await call(client.start_instances, InstanceIds=[id])
    assert ec2.world.state("web") == "pending"
    ec2.signed.shift += 30.0
    assert ec2.world.state("web") == "running"


async def test_unknown_parameter_changes_nothing(ec2: Ec2) -> None:
    """The emulator does not know DryRun: a request with it must not start anything."""
    error = await refused(ec2.client().stop_instances, InstanceIds=[ec2.web.id], DryRun=True)
    assert code_of(error) == "InvalidParameterValue"
    assert ec2.world.state("web") == "running"


async def test_several_instances_are_started_all_or_none(ec2: Ec2) -> None:
    ec2.world.set_state("web", "terminated")
    ids = [ec2.world.find("db").id, ec2.web.id]
    error = await refused(ec2.client().start_instances, InstanceIds=ids)
    assert code_of(error) == "IncorrectInstanceState"
    assert ec2.world.state("db") == "stopped"


async def test_stop_ends_the_sessions(ec2: Ec2) -> None:
    await call(ec2.client("ssm").start_session, Target=ec2.web.id)
    await call(ec2.client().stop_instances, InstanceIds=[ec2.web.id])
    assert ec2.signed.account.sessions.living(ec2.web.id) == []


async def test_denied_start_is_told_in_ec2s_words(ec2: Ec2) -> None:
    arn = f"arn:aws:ec2:{HOME_REGION}:111122223333:instance/{ec2.web.id}"
    ec2.signed.account.deny("ec2:StartInstances", arn)
    error = await refused(ec2.client().start_instances, InstanceIds=[ec2.web.id])
    assert (code_of(error), status_of(error)) == ("UnauthorizedOperation", 403)
    message = error.response["Error"]["Message"]
    assert message.startswith("You are not authorized to perform this operation. User: arn:")
    assert f"ec2:StartInstances on resource: {arn}" in message


async def test_agent_is_online_before_sessions_reach_it(ec2: Ec2) -> None:
    web, ssm = ec2.web, ec2.client("ssm")
    web.agent = AgentTimes(online=10.0, flaps=(20.0, 25.0), sessions=40.0)
    web.life.set("running")
    seen = []
    for _ in range(9):
        seen.append(await ec2.ping(web.id))
        ec2.signed.shift += 5.0
    lost, online = "ConnectionLost", "Online"
    assert seen == [lost, lost, online, online, lost, online, online, online, online]
    ec2.signed.shift -= 15.0  # now 30 s after the start
    error = await refused(ec2.client("ssm").start_session, Target=web.id)
    assert code_of(error) == "TargetNotConnected"
    assert error.response["Error"]["Message"] == f"{web.id} is not connected."
    ec2.signed.shift += 10.0
    assert (await call(ssm.start_session, Target=web.id))["SessionId"]


async def test_agent_that_never_registered_is_not_listed(ec2: Ec2) -> None:
    ec2.web.agent = None
    assert await ec2.ping(ec2.web.id) is None
    error = await refused(ec2.client("ssm").start_session, Target=ec2.web.id)
    assert code_of(error) == "TargetNotConnected"


async def test_agent_of_a_stopped_instance_is_lost(ec2: Ec2) -> None:
    assert await ec2.ping(ec2.world.find("db").id) == "ConnectionLost"


async def test_managed_node_has_its_names(ec2: Ec2) -> None:
    answer = await call(ec2.client("ssm").describe_instance_information)
    (node,) = (each for each in answer["InstanceInformationList"] if each["InstanceId"] == NODE.id)
    assert node["ResourceType"] == "ManagedInstance"
    assert (node["Name"], node["ComputerName"]) == ("build-server", "build01.example.com")
    assert (await call(ec2.client("ssm").start_session, Target=NODE.id))["SessionId"]


async def test_forced_ping_is_that_of_the_list(ec2: Ec2) -> None:
    ec2.web.ping = Ping.INACTIVE
    assert await ec2.ping(ec2.web.id) == "Inactive"


async def test_regions_tell_whether_they_are_enabled(ec2: Ec2) -> None:
    enabled = await call(ec2.client().describe_regions)
    names = [region["RegionName"] for region in enabled["Regions"]]
    assert "eu-west-1" in names
    assert "af-south-1" not in names
    every = await call(ec2.client().describe_regions, AllRegions=True)
    told = {region["RegionName"]: region["OptInStatus"] for region in every["Regions"]}
    assert told["af-south-1"] == "not-opted-in"
    assert told["eu-west-1"] == "opt-in-not-required"


async def test_image_of_an_instance_has_a_name(ec2: Ec2) -> None:
    answer = await call(ec2.client().describe_images, ImageIds=[ec2.web.image_id])
    assert [image["Name"] for image in answer["Images"]] == [ec2.web.platform.image]


async def test_pushed_key_lives_for_a_minute(ec2: Ec2) -> None:
    client = ec2.client("ec2-instance-connect")
    members = {"InstanceId": ec2.web.id, "InstanceOSUser": "ec2-user", "SSHPublicKey": KEY}
    answer = await call(client.send_ssh_public_key, **members)
    assert answer["Success"] is True
    ec2.signed.shift += 59.0
    assert [(each.user, each.key) for each in ec2.world.model.keys(ec2.web)] == [("ec2-user", KEY)]
    ec2.signed.shift += 2.0
    assert ec2.world.model.keys(ec2.web) == []
    await call(client.send_ssh_public_key, **members)
    assert len(ec2.web.keys) == 1


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"InstanceId": UNKNOWN}, "EC2InstanceNotFoundException"),
        ({"SSHPublicKey": f"ecdsa-sha2-nistp256 {'A' * 90}"}, "InvalidArgsException"),
        ({"InstanceOSUser": "not a user"}, "InvalidArgsException"),
        ({"AvailabilityZone": "us-west-2b"}, "InvalidArgsException"),
    ],
)
async def test_key_that_cannot_be_pushed_is_refused(
    ec2: Ec2, changes: dict[str, str], code: str
) -> None:
    client = ec2.client("ec2-instance-connect")
    members = {"InstanceId": ec2.web.id, "InstanceOSUser": "ec2-user", "SSHPublicKey": KEY}
    error = await refused(client.send_ssh_public_key, **{**members, **changes})
    assert (code_of(error), status_of(error)) == (code, 400)


async def test_key_for_a_stopped_instance_is_refused(ec2: Ec2) -> None:
    ec2.world.set_state("web", "stopped")
    error = await refused(
        ec2.client("ec2-instance-connect").send_ssh_public_key,
        InstanceId=ec2.web.id,
        InstanceOSUser="ec2-user",
        SSHPublicKey=KEY,
    )
    assert code_of(error) == "EC2InstanceStateInvalidException"


def test_world_knows_its_targets() -> None:
    ec2 = Ec2()
    account = Account(Sessions(), lambda session: "")
    list(ec2.endpoints(account))
    assert [names.name for names in ec2.world.targets] == ["web.ec2", "db.ec2"]
    assert ec2.world.targets[0].host == ec2.web.id
    assert (ec2.world.state("web"), ec2.world.state("db")) == ("running", "stopped")
    ec2.world.set_state("web", "terminated", "Spot")
    assert ec2.web.reason == "Spot"
    with pytest.raises(KeyError):
        ec2.world.state("nothing")
    with pytest.raises(ValueError, match="asleep"):
        ec2.world.set_state("web", "asleep")
