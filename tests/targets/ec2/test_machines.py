"""Calls about machines, made to the emulated EC2 and its agents."""

from __future__ import annotations

import time
from typing import Any

import pytest

from connector.aws.api import Refused
from connector.aws.responses import Wrong
from connector.emulator.api.ec2.model import (
    SUBNET,
    VPC,
    AgentTimes,
    ManagedNode,
    Ping,
    Platform,
    Status,
)
from connector.errors import RequestRefused
from connector.targets.ec2.api import EC2_API
from connector.targets.ec2.kind import KIND
from connector.targets.ec2.machines import Machines, user_of
from connector.targets.model import (
    FAILED,
    GONE,
    RUNNING,
    STARTING,
    STOPPED,
    STOPPING,
    Query,
    State,
)
from connector.targets.regional.backend import Found

from .conftest import REGION, Yard

TIMEOUT = 20.0
UNKNOWN = "i-0123456789abcdef0"


def machines(yard: Yard, region: str = REGION) -> Machines:
    return Machines(yard.cloud(), region, time.monotonic() + TIMEOUT)


def listed(yard: Yard, region: str = REGION) -> list[Found]:
    return machines(yard, region).listed()


def seen(yard: Yard, id: str, region: str = REGION) -> Found:
    return machines(yard, region).look(Found(id, region=region), Query())


def test_pages_of_instances_and_agents_are_put_together(yard: Yard) -> None:
    model = yard.model
    yard.call(lambda: [model.add_instance("eu-west-1", f"n{number}") for number in range(1001)])
    node = ManagedNode("mi-0123456789abcdef0", "eu-west-1", "", "host7")
    yard.call(lambda: model.add_node(node))

    found = listed(yard, "eu-west-1")

    assert len({each.id for each in found}) == 1002
    assert {each.state.phase for each in found} == {RUNNING}
    assert {each.details["agent"] for each in found} == {"Online"}
    assert found[-1].labels == ("host7",)


def test_instance_is_described(yard: Yard) -> None:
    platform = Platform("Ubuntu Pro", "Ubuntu", "24.04")
    added = yard.call(lambda: yard.model.add_instance("eu-west-1", "web 1", platform=platform))

    (found,) = listed(yard, "eu-west-1")

    assert found == seen(yard, added.id, "eu-west-1")
    assert found.id == added.id
    assert found.labels == ("web 1",)
    dns = f"ip-{added.address.replace('.', '-')}"
    assert found.aliases == (added.address, f"{dns}.eu-west-1.compute.internal", dns)
    assert found.state == State("running", "", RUNNING)
    assert found.details == {
        "agent": "Online",
        "type": "t3.medium",
        "address": added.address,
        "platform": "Ubuntu 24.04",
        "user": "ubuntu",
        "profile": True,
        "vpc": VPC,
        "subnet": SUBNET,
    }


def test_instance_without_a_name_has_no_labels(yard: Yard) -> None:
    yard.call(lambda: yard.model.add_instance("eu-west-1"))

    assert [each.labels for each in listed(yard, "eu-west-1")] == [()]


@pytest.mark.parametrize(
    ("status", "phase"),
    [
        (Status.PENDING, STARTING),
        (Status.RUNNING, RUNNING),
        (Status.STOPPING, STOPPING),
        (Status.STOPPED, STOPPED),
        (Status.SHUTTING_DOWN, GONE),
        (Status.TERMINATED, GONE),
    ],
)
def test_states_of_instances_have_phases(yard: Yard, status: Status, phase: str) -> None:
    added = yard.call(lambda: yard.model.add_instance("eu-west-1"))
    yard.call(lambda: yard.model.set_status(added, status, "Server.SpotInterrupted"))

    state = State(status.value, "Server.SpotInterrupted", phase)

    assert [each.state for each in listed(yard, "eu-west-1")] == [state]
    assert seen(yard, added.id, "eu-west-1").state == state


def test_stop_by_a_user_is_no_reason(yard: Yard) -> None:
    added = yard.call(lambda: yard.model.add_instance(REGION))
    stopped = machines(yard).stop(Found(added.id, region=REGION))
    assert stopped.phase in (STOPPING, STOPPED)
    assert seen(yard, added.id).state == State("stopped", "", STOPPED)


@pytest.mark.parametrize(
    ("ping", "reason"),
    [
        (Ping.LOST, "its SSM agent is ConnectionLost"),
        (Ping.INACTIVE, "its SSM agent is Inactive"),
        (None, "no SSM agent has registered"),
    ],
)
@pytest.mark.parametrize(("age", "phase"), [(10.0, STARTING), (3600.0, FAILED)])
def test_young_instance_may_wait_for_its_agent(
    yard: Yard, ping: Ping | None, reason: str, age: float, phase: str
) -> None:
    agent = None if ping is None else AgentTimes()
    launched = time.time() - age
    added = yard.call(
        lambda: yard.model.add_instance(REGION, ping=ping, agent=agent, launch_time=launched)
    )

    assert seen(yard, added.id).state == State("running", reason, phase)


def test_agents_are_not_needed_where_the_permission_is_missing(yard: Yard) -> None:
    added = yard.call(lambda: yard.model.add_instance("eu-west-1", ping=Ping.LOST))
    yard.account.deny("ssm:DescribeInstanceInformation")

    (found,) = listed(yard, "eu-west-1")

    assert found.state == State("running", "", RUNNING)
    assert found.details["agent"] is None
    assert seen(yard, added.id, "eu-west-1").state == State("running", "", RUNNING)


def test_missing_permission_for_instances_is_an_error(yard: Yard) -> None:
    yard.account.deny("ec2:DescribeInstances")

    with pytest.raises(Refused, match="UnauthorizedOperation"):
        listed(yard)


def test_managed_node_is_described(yard: Yard) -> None:
    node = ManagedNode("mi-00000000000000001", "eu-west-1", "shop", "till 3", ping=Ping.LOST)
    yard.call(lambda: yard.model.add_node(node))

    (found,) = listed(yard, "eu-west-1")

    assert found == seen(yard, node.id, "eu-west-1")
    assert (found.labels, found.aliases) == (("shop",), ("till 3", "192.168.7.20"))
    assert found.state == State("ConnectionLost", "", FAILED)


def test_instances_of_other_regions_are_left_out(yard: Yard) -> None:
    yard.call(lambda: yard.model.add_instance("eu-west-1"))

    assert listed(yard, "eu-west-2") == []


@pytest.mark.parametrize("id", [UNKNOWN, "mi-0123456789abcdef0"])
def test_unknown_machine_is_refused(yard: Yard, id: str) -> None:
    with pytest.raises(Refused, match="InvalidInstanceIDNotFound"):
        seen(yard, id)


def test_start_and_stop_change_the_state(yard: Yard) -> None:
    added = yard.call(lambda: yard.model.add_instance(REGION, running=False, start_seconds=99.0))
    found = Found(added.id, region=REGION)

    assert machines(yard)._change(found, "start") == State("pending", "", STARTING)
    with pytest.raises(Refused, match="IncorrectInstanceState"):
        machines(yard).stop(found)


@pytest.mark.parametrize("verb", ["start", "stop"])
def test_managed_node_cannot_be_changed(yard: Yard, verb: str) -> None:
    node = Found("mi-0123456789abcdef0", region=REGION)

    with pytest.raises(RequestRefused, match=f"AWS cannot {verb} mi-0123456789abcdef0"):
        machines(yard)._change(node, verb)


@pytest.mark.parametrize("members", [{}, {"Reservations": []}, {"Reservations": [{}]}])
def test_answer_without_instances_is_that_of_an_unknown_machine(
    yard: Yard, monkeypatch: pytest.MonkeyPatch, members: dict[str, Any]
) -> None:
    cloud = yard.cloud()
    api = cloud.api(EC2_API, REGION)
    row = EC2_API.operations["describe_instances"]
    monkeypatch.setattr(api, "call", lambda operation, **_: row.response(members))

    with pytest.raises(Refused, match="InvalidInstanceIDNotFound"):
        Machines(cloud, REGION, time.monotonic()).look(Found(UNKNOWN, region=REGION), Query())


@pytest.mark.parametrize("instance", [{}, {"InstanceId": "i-1", "State": {}}, "i-1"])
def test_malformed_instance_is_not_left_out(instance: object) -> None:
    row = EC2_API.operations["describe_instances"]

    with pytest.raises(Wrong):
        row.response({"Reservations": [{"Instances": [instance]}]})


@pytest.mark.parametrize(
    ("platform", "user"),
    [
        ("Amazon Linux 2023", "ec2-user"),
        ("Ubuntu 24.04", "ubuntu"),
        ("Debian GNU/Linux 12", "admin"),
        ("Red Hat Enterprise Linux 9.4", "ec2-user"),
        ("SLES 15.6", "ec2-user"),
        ("CentOS Linux 7", "ec2-user"),
        ("Rocky Linux 9", "rocky"),
        ("Fedora Linux 43", "fedora"),
        ("Microsoft Windows Server 2025 Datacenter 10.0.26100", "Administrator"),
        ("macOS 15", "ec2-user"),
        ("Linux/UNIX", ""),
        ("", ""),
    ],
)
def test_platform_tells_the_user(platform: str, user: str) -> None:
    assert user_of(platform) == user


@pytest.mark.parametrize(
    ("name", "id"),
    [
        ("i-0123456789abcdef0", "i-0123456789abcdef0"),
        ("I-0123456789ABCDEF0", "i-0123456789abcdef0"),
        ("i-01234567", "i-01234567"),
        ("mi-0123456789abcdef0", "mi-0123456789abcdef0"),
        ("aws-ec2-i-0123456789abcdef0", "i-0123456789abcdef0"),
        ("i-love-it", None),
        ("i-0123456789abcdef", None),
        ("i-0123456789abcdefg", None),
        ("aws-ec2-web", None),
    ],
)
def test_ids_need_no_look_up(name: str, id: str | None) -> None:
    found = KIND.backend.exact(name)

    assert (found.id if found else None) == id


def test_instance_with_an_id_of_the_old_form_is_meant_by_every_name_of_it(yard: Yard) -> None:
    yard.call(lambda: yard.model.add_instance(REGION, id="i-0123abcd"))
    for name in ("i-0123abcd", "aws-ec2-I-0123ABCD", f"i-0123abcd.{REGION}.ec2"):
        assert KIND.open_finder(Query(name), yard.environ).find().state().phase == RUNNING
