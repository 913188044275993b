"""``connector doctor`` and targets of a regional API."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from ..targets.regional.lampworld import Lamp
from ..targets.regional.works import Lampworks
from .commands import Answer
from .lampuser import LampUser
from .sshd import Sshd
from .waiting import eventually


@pytest.fixture
def user(lamp_user: LampUser) -> LampUser:
    return lamp_user


# The doctor


def legs_of(answer: Answer) -> dict[str, dict[str, Any]]:
    return {leg["name"]: leg for leg in json.loads(answer.stdout)["legs"]}


def test_doctor_examines_a_lamp(user: LampUser, the_sshd: Sshd, tmp_path: Path) -> None:
    with Lampworks(tmp_path / "works", the_sshd.port) as works:
        works.world.add_lamp("desk")
        user.reaches(works)
        legs = legs_of(user.run("doctor", "desk.lamp", "--json"))
        report = user.run("doctor", "desk.lamp", "--report").stdout.decode()
        eventually(lambda: works.living() == [], "the end of all sessions")
    for name in ("keys", "region", "api-tls", "identity", "target", "session", "greeting"):
        assert legs[name]["status"] == "ok", legs[name]
    assert legs["identity"]["text"] == "AWS knows you as arn:aws:iam::111122223333:user/mary"
    assert legs["target"]["text"] == "lamp desk (lamp-000abc00) is ON"
    assert "111122223333" not in report
    assert "us-west-2" in report


@pytest.mark.usefixtures("desk")
def test_doctor_tells_that_there_are_no_keys(user: LampUser) -> None:
    environ = user.commands.environ
    del environ["AWS_ACCESS_KEY_ID"], environ["AWS_SECRET_ACCESS_KEY"]
    environ["AWS_EC2_METADATA_DISABLED"] = "true"
    legs = legs_of(user.run("doctor", "desk.lamp", "--json"))
    assert legs["keys"]["status"] == "fail"
    assert legs["identity"]["status"] == "skip"
    assert legs["api-tls"]["status"] == "ok"


@pytest.mark.usefixtures("desk")
def test_doctor_finds_the_ca_bundle_of_the_credentials_file(user: LampUser) -> None:
    bundle = user.commands.environ.pop("AWS_CA_BUNDLE")
    (user.home / ".aws").mkdir()
    (user.home / ".aws/credentials").write_text(f"[default]\nca_bundle = {bundle}\n")
    legs = legs_of(user.run("doctor", "desk.lamp", "--json"))
    assert bundle in legs["ca"]["text"]
    assert legs["api-tls"]["status"] == "ok"


@pytest.mark.usefixtures("desk")
def test_doctor_tells_that_keys_are_refused(user: LampUser) -> None:
    user.commands.environ["AWS_SECRET_ACCESS_KEY"] = "another"
    legs = legs_of(user.run("doctor", "desk.lamp", "--json"))
    assert (legs["keys"]["status"], legs["identity"]["status"]) == ("ok", "fail")
    assert "the secret key in the variables does not fit" in legs["identity"]["text"]


@pytest.mark.usefixtures("desk")
def test_doctor_tells_that_the_region_is_not_enabled(user: LampUser) -> None:
    legs = legs_of(user.run("doctor", "desk.af-south-1.lamp", "--json"))
    assert legs["region"]["text"] == "af-south-1"
    assert "Enable the Region af-south-1 in the account" in legs["identity"]["hint"]


def test_doctor_tells_which_permission_is_missing(
    user: LampUser, lampworks: Lampworks, desk: Lamp
) -> None:
    lampworks.account.deny("lamps:DescribeLamp")
    lampworks.account.deny("ssm:StartSession", desk.arn)
    legs = legs_of(user.run("doctor", "lamp-000abc00", "--json"))
    assert legs["target"]["status"] == "warn"
    assert "lamps:DescribeLamp" in legs["target"]["text"]
    assert legs["session"]["status"] == "fail"
    assert "not authorized to perform: ssm:StartSession" in legs["session"]["text"]


def test_doctor_tells_that_the_lamp_is_off(user: LampUser, desk: Lamp) -> None:
    desk.life.set("OFF")
    legs = legs_of(user.run("doctor", "desk.lamp", "--json"))
    assert (legs["target"]["status"], legs["session"]["status"]) == ("warn", "skip")
    assert "connector start desk.lamp" in legs["target"]["hint"]
