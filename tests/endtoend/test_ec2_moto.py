"""moto judges our calls of EC2: list, start and stop. moto has no agents and no sessions.

Systems Manager is the emulator's. It knows moto's instance as a machine of its own.
"""

from __future__ import annotations

import importlib.util
import json
from collections.abc import Iterator
from typing import Any

import pytest

from connector.emulator.api.account import HOME_REGION
from connector.emulator.api.ec2.model import ManagedNode

from .fleet import Fleet, User
from .motoserver import Moto, serving

pytestmark = pytest.mark.skipif(importlib.util.find_spec("moto") is None, reason="needs moto")


@pytest.fixture(scope="module")
def moto(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Moto]:
    with serving(tmp_path_factory.mktemp("moto")) as moto:
        yield moto


@pytest.fixture
def user(user: User, fleet: Fleet, moto: Moto) -> User:
    bundle = user.home / "bundle.pem"
    bundle.write_bytes(moto.ca_file.read_bytes() + fleet.access.ca_file.read_bytes())
    user.environ |= {
        "AWS_CA_BUNDLE": str(bundle),
        "AWS_ENDPOINT_URL_EC2": moto.url,
        "AWS_ENDPOINT_URL_SSM": user.environ.pop("AWS_ENDPOINT_URL"),
    }
    return user


@pytest.fixture(scope="module")
def image(moto: Moto) -> str:
    client = moto.client("ec2")
    registered = client.register_image(Name="judged")
    client.close()
    return str(registered["ImageId"])


@pytest.fixture
def instance(moto: Moto, image: str, fleet: Fleet) -> Iterator[str]:
    """A new instance of moto's, with an agent of the emulator's."""
    client = moto.client("ec2")
    tags = [{"ResourceType": "instance", "Tags": [{"Key": "Name", "Value": "judged"}]}]
    started = client.run_instances(
        ImageId=image, MinCount=1, MaxCount=1, InstanceType="t3.small", TagSpecifications=tags
    )
    id = started["Instances"][0]["InstanceId"]
    fleet.call(lambda: fleet.world.model.add_node(ManagedNode(id, HOME_REGION)))
    yield id
    client.terminate_instances(InstanceIds=[id])
    client.close()


def state(moto: Moto, id: str) -> str:
    client = moto.client("ec2")
    (reservation,) = client.describe_instances(InstanceIds=[id])["Reservations"]
    client.close()
    return str(reservation["Instances"][0]["State"]["Name"])


def test_list_shows_the_instances_of_moto(user: User, instance: str) -> None:
    listed = json.loads(user.says("connector", "list", "--kind", "ec2", "--json"))
    (found,) = (each for each in listed if each["id"] == instance)
    assert found["name"] == "judged"
    assert (found["state"], found["agent"], found["type"]) == ("running", "Online", "t3.small")
    assert found["address"].startswith("10.")
    assert found["region"] == HOME_REGION


def test_pages_of_moto_are_put_together(
    user: User, moto: Moto, image: str, instance: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    from moto.ec2.responses.instances import InstanceResponse

    client = moto.client("ec2")
    reservation = {"ImageId": image, "MinCount": 1, "MaxCount": 1}
    more = [client.run_instances(**reservation)["Instances"][0]["InstanceId"] for _ in range(4)]
    asked = InstanceResponse._get_param
    starts = []

    def small(self: InstanceResponse, name: str, *rest: Any) -> Any:
        """Let a page have two reservations, whatever the caller would take."""
        if name == "NextToken":
            starts.append(asked(self, name, *rest))
        return 2 if name == "MaxResults" else asked(self, name, *rest)

    monkeypatch.setattr(InstanceResponse, "_get_param", small)
    try:
        listed = json.loads(user.says("connector", "list", "--kind", "ec2", "--json"))
        assert {*more, instance} <= {each["id"] for each in listed}
        assert len(starts) >= 3
        assert starts[0] is None
        assert None not in starts[1:]
    finally:
        client.terminate_instances(InstanceIds=more)
        client.close()


def test_stop_and_start_are_carried_out_by_moto(user: User, moto: Moto, instance: str) -> None:
    told = user.says("connector", "stop", "--yes", "--wait", instance)
    assert told == f"Machine judged ({instance}) is stopped\n"
    assert state(moto, instance) == "stopped"
    told = user.says("connector", "start", instance)
    assert told == f"Machine judged ({instance}) is running\n"
    assert state(moto, instance) == "running"


@pytest.mark.usefixtures("instance")
def test_session_leads_to_the_instance_of_moto(user: User) -> None:
    user.says("connector", "list", "--kind", "ec2")  # a look-up has less time than moto may take
    assert user.says("connector", "exec", "judged.ec2", "--", "echo", "here") == "here\n"


def test_terminated_instance_of_moto_is_gone(user: User, moto: Moto, instance: str) -> None:
    client = moto.client("ec2")
    client.terminate_instances(InstanceIds=[instance])
    client.close()
    line = user.fails(75, "start", instance)
    assert f"machine judged ({instance}) is terminated" in line.replace("Machine", "machine")


def test_unknown_instance_of_moto_is_told(user: User) -> None:
    line = user.fails(68, "start", "i-0123456789abcdef0")
    assert "machine i-0123456789abcdef0: EC2 does not know it" in line
