"""``connector doctor`` and faults in the ssh configuration, by all names of a host."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from .cloud import Cloud
from .doctor import Patient, all_stopped_once
from .waiting import eventually, free_port


def test_host_without_section_fails(patient: Patient) -> None:
    patient.config.write_text("")
    diagnosis = patient.examine()

    diagnosis.check(78, "ssh-config")
    assert "no ProxyCommand" in diagnosis.text("ssh-config")
    command = f"`connector config-ssh -F {patient.config}`"
    assert command in diagnosis.text("ssh-config")
    assert diagnosis.status("greeting") == "ok"


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("ProxyCommand /no/such/connector proxy %n", "is not an executable file"),
        ("ProxyCommand no-such-connector/connector proxy %n", "is not an executable file"),
        ("ProxyCommand cat %n", "runs cat instead of the connector"),
        ("ProxyCommand exec nc proxy 22", "runs nc instead of the connector"),
        ("ProxyCommand exec", "is not a command line"),
        ("ProxyCommand connector proxy %h", "the name has capitals"),
        ("ProxyCommand connector proxy", "%n is missing"),
        ("ProxyCommand connector proxy --no-such-option %n", "is wrong: unrecognized"),
        ("ProxyCommand connector proxy --no-such-option %n", "Run `connector config-ssh -F /"),
        ("ProxyCommand connector proxy '%n", "invalid quotes"),
        ("NoSuchSetting yes", "Ssh rejects its configuration"),
    ],
)
def test_unusable_proxy_command_in_section_fails(patient: Patient, line: str, words: str) -> None:
    patient.write_config(line)
    diagnosis = patient.look_at_config()

    diagnosis.check(78, "ssh-config")
    assert words in diagnosis.text("ssh-config")


@pytest.mark.parametrize(
    ("lines", "words"),
    [
        (["User root"], "user is root"),
        (["ConnectTimeout 15"], "ConnectTimeout 15 ends ssh before"),
        (
            ["ProxyCommand sh -c 'connector proxy $0' %n"],
            "through sh: its options were not checked",
        ),
        (["ControlPath ~/%C", "ControlPersist 10m"], "ControlPersist hides"),
        (
            [
                "CanonicalizeHostname always",
                "CanonicalDomains corp.invalid",
                "CanonicalizeFallbackLocal yes",
            ],
            "CanonicalizeHostname makes ssh search DNS for the name",
        ),
        (
            ["ExitOnForwardFailure yes", f"LocalForward 127.0.0.1:{free_port()} 127.0.0.1:80"],
            "second ssh",
        ),
    ],
)
def test_section_with_weak_settings_warns(patient: Patient, lines: list[str], words: str) -> None:
    patient.write_config(*lines, "ProxyCommand connector proxy %n")
    diagnosis = patient.look_at_config()

    diagnosis.check(0, "ssh-config")
    assert words in diagnosis.text("ssh-config")


def test_ssh_that_takes_a_descriptor_may_have_any_timeout(patient: Patient, cloud: Cloud) -> None:
    patient.write_config(
        "ProxyUseFdpass yes", "ConnectTimeout 3", "ProxyCommand connector proxy %n"
    )
    diagnosis = patient.examine()

    assert diagnosis.by_status("ok") == list(diagnosis.legs)
    assert "ConnectTimeout begins when the target runs" in diagnosis.text("ssh-config")
    assert diagnosis.legs["ssh-config"]["facts"]["proxyUseFdpass"] is True
    # This connector is no child of ssh, and may end a moment later.
    eventually(lambda: all_stopped_once(cloud), "the ends of both sessions")


def test_host_name_that_ssh_looks_up_in_dns_fails(patient: Patient) -> None:
    patient.write_config(
        "CanonicalizeHostname always",
        "CanonicalDomains corp.invalid",
        "CanonicalizeFallbackLocal no",
        "ProxyCommand connector proxy %n",
    )
    diagnosis = patient.look_at_config()

    diagnosis.check(78, "ssh-config")
    assert "CanonicalizeHostname makes ssh search DNS for" in diagnosis.text("ssh-config")
    assert "which is not there" in diagnosis.text("ssh-config")
    assert "Set CanonicalizeHostname to no" in diagnosis.text("ssh-config")


def test_friendly_name_is_resolved(patient: Patient, cloud: Cloud) -> None:
    cloud.environment.alias = "Blue-Whale"
    patient.host = "Blue-Whale"
    patient.write_config("ProxyCommand connector proxy %n", host="*.codecatalyst")
    diagnosis = patient.examine()

    diagnosis.check(0)
    assert f"Blue-Whale ({cloud.environment.id})" in diagnosis.text("environment")
    assert ".codecatalyst leads to this connector" in diagnosis.text("ssh-config")
    assert all_stopped_once(cloud)


@pytest.mark.parametrize(
    "name", ["blue-whale.codecatalyst", "blue-whale.web.site-1.examplecorp", "0a1b2c3d"]
)
def test_every_form_of_a_name_leads_to_this_connector(patient: Patient, name: str) -> None:
    patient.host = name
    patient.write_config("ProxyCommand connector proxy %n", host="*.codecatalyst")

    assert ".codecatalyst leads to this connector" in patient.look_at_config().text("ssh-config")


def test_unknown_friendly_name_fails(patient: Patient, cloud: Cloud) -> None:
    cloud.environment.alias = "Blue-Whale"
    patient.host = "blue-whales"
    patient.write_config("ProxyCommand connector proxy %n", host="*.codecatalyst")
    diagnosis = patient.examine()

    diagnosis.check(68, "environment")
    assert "Did you mean Blue-Whale.codecatalyst" in diagnosis.text("environment")


@pytest.mark.parametrize(
    "command",
    [
        "env A=b connector proxy -vv %n",
        f"{sys.executable} -m connector proxy %n",
        f"{Path(sys.executable).parent}/connector proxy --wait 600 %n",
    ],
)
def test_every_way_to_call_the_connector_is_recognised(patient: Patient, command: str) -> None:
    patient.write_config(f"ProxyCommand {command}")
    diagnosis = patient.look_at_config()

    assert diagnosis.by_status("ok") == list(diagnosis.legs)


def test_other_version_of_the_connector_warns(patient: Patient, tmp_path: Path) -> None:
    other = tmp_path / "connector"
    other.write_text(
        '#!/bin/sh\n[ "$1" = --version ] && exec echo connector 0.0.1\nexec connector "$@"\n'
    )
    other.chmod(0o755)
    patient.write_config(f"ProxyCommand {other} proxy %n")
    diagnosis = patient.look_at_config()

    assert (diagnosis.exit_code, diagnosis.status("ssh-config")) == (0, "warn")
    assert "another connector: version 0.0.1" in diagnosis.text("ssh-config")
    other.write_text("#!/bin/sh\necho something else\n")
    assert "which is not a connector" in patient.look_at_config().text("ssh-config")


def test_own_host_name_leads_where_its_proxy_command_says(patient: Patient, cloud: Cloud) -> None:
    space, project, id_ = cloud.host.split("=")[1:]
    patient.write_config(
        f"ProxyCommand connector proxy --space {space} --project {project} --id {id_}",
        host="my-env",
    )
    patient.host = "my-env"

    assert patient.examine().exit_code == 0
    assert all_stopped_once(cloud)


def test_missing_configuration_file_fails(patient: Patient) -> None:
    patient.config.unlink()
    diagnosis = patient.look_at_config()

    diagnosis.check(78, "ssh-config")
    assert "does not exist" in diagnosis.text("ssh-config")


def test_missing_default_configuration_fails(patient: Patient) -> None:
    patient.config = Path("none")
    diagnosis = patient.look_at_config()

    diagnosis.check(78, "ssh-config")
    assert "no ProxyCommand" in diagnosis.text("ssh-config")
