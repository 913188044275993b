"""``connector doctor`` and targets of a regional API."""

from __future__ import annotations

from pathlib import Path

import pytest

from ..targets.regional.lampworld import Lamp
from ..targets.regional.works import Lampworks
from .lampuser import LampUser
from .sshd import Sshd
from .waiting import eventually


@pytest.fixture
def user(lamp_user: LampUser) -> LampUser:
    return lamp_user


# The doctor


def test_doctor_examines_a_lamp(user: LampUser, the_sshd: Sshd, tmp_path: Path) -> None:
    with Lampworks(tmp_path / "works", the_sshd.port) as works:
        works.world.add_lamp("desk")
        user.reaches(works)
        found = user.examine("desk.lamp")
        report = user.run("doctor", "desk.lamp", "--report").stdout.decode()
        eventually(lambda: works.living() == [], "the end of all sessions")
    for name in ("keys", "region", "api-tls", "identity", "target", "session", "greeting"):
        assert found.status(name) == "ok", found.legs[name]
    assert found.legs["identity"]["text"] == "AWS knows you as arn:aws:iam::111122223333:user/mary"
    assert found.legs["target"]["text"] == "Lamp desk (lamp-000abc00) is ON"
    assert "111122223333" not in report
    assert "us-west-2" in report


@pytest.mark.usefixtures("desk")
def test_doctor_tells_that_there_are_no_keys(user: LampUser) -> None:
    environ = user.commands.environ
    del environ["AWS_ACCESS_KEY_ID"], environ["AWS_SECRET_ACCESS_KEY"]
    environ["AWS_EC2_METADATA_DISABLED"] = "true"
    found = user.examine("desk.lamp")
    assert found.failure(77, "keys")
    assert (found.status("identity"), found.status("api-tls")) == ("skip", "ok")


def test_doctor_finds_the_ca_bundle_of_the_credentials_file(
    user: LampUser, lampworks: Lampworks
) -> None:
    lampworks.world.add_lamp("desk", state="OFF")  # so no session is started
    bundle = user.commands.environ.pop("AWS_CA_BUNDLE")
    (user.home / ".aws").mkdir()
    (user.home / ".aws/credentials").write_text(f"[default]\nca_bundle = {bundle}\n")
    found = user.examine("desk.lamp")
    assert bundle in found.text("ca")
    assert found.status("api-tls") == "ok"


@pytest.mark.usefixtures("desk")
def test_doctor_tells_that_keys_are_refused(user: LampUser) -> None:
    user.commands.environ["AWS_SECRET_ACCESS_KEY"] = "another"
    found = user.examine("desk.lamp")
    assert found.status("keys") == "ok"
    assert "the secret key in the variables does not fit" in found.failure(77, "identity")


@pytest.mark.usefixtures("desk")
def test_doctor_tells_that_the_region_is_not_enabled(user: LampUser) -> None:
    found = user.examine("desk.af-south-1.lamp")
    assert found.legs["region"]["text"] == "af-south-1"
    assert "Enable the Region af-south-1 in the account" in found.failure(77, "identity")


def test_doctor_tells_which_permission_is_missing(
    user: LampUser, lampworks: Lampworks, desk: Lamp
) -> None:
    lampworks.account.deny("lamps:DescribeLamp")
    lampworks.account.deny("ssm:StartSession", desk.arn)
    found = user.examine("lamp-000abc00")
    assert found.status("target") == "warn"
    assert "lamps:DescribeLamp" in found.text("target")
    said = found.failure(77, "session")
    assert "not authorized to perform: ssm:StartSession" in said


def test_doctor_tells_that_the_lamp_is_off(user: LampUser, desk: Lamp) -> None:
    desk.life.set("OFF")
    found = user.examine("desk.lamp")
    assert (found.status("target"), found.status("session")) == ("warn", "skip")
    assert "connector start desk.lamp" in found.text("target")
