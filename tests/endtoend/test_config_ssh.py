"""``connector config-ssh`` in an empty home, then ssh, scp and rsync by all names."""

from __future__ import annotations

import random
import shlex
from pathlib import Path

import pytest

from connector.emulator.api.codecatalyst.model import Status
from connector.emulator.api.errors import InternalFailure

from .cloud import START, Cloud
from .commands import CONNECTOR, Answer, Ssh
from .sshd import USER, program

DATA = random.Random(7).randbytes(100_000)


class Configured:
    """A user whose ssh configuration the connector has written."""

    def __init__(self, ssh: Ssh, directory: Path) -> None:
        self.config = directory / ".ssh" / "config"
        self.ours = directory / ".ssh" / "codecatalyst_config"
        self.known_hosts = directory / "known_hosts"
        self.run = ssh.commands.run
        # Settings for this machine only: it has no mde-user, and ssh reads no other home.
        own = ("UserKnownHostsFile", "HostKeyAlias")
        keys = [option for option in ssh.key_options() if not option.startswith(own)]
        keys += [f"UserKnownHostsFile {self.known_hosts}", f"User {USER}", "LogLevel ERROR"]
        self._options = [word for option in keys for word in ("-o", option)]

    def configure(self, *words: str) -> Answer:
        options = ("--ssh-config", str(self.config), "--yes", *words)
        answer = self.run(*CONNECTOR, "config-ssh", *options)
        assert answer.returncode == 0, answer.stderr
        return answer

    def command(self, name: str, *words: str) -> list[str]:
        return [program(name), "-F", str(self.config), *self._options, *words]

    def key_names(self) -> list[str]:
        lines = self.known_hosts.read_text().splitlines()
        return [line.partition(" ")[0] for line in lines]


@pytest.fixture
def configured(ssh: Ssh, tmp_path: Path) -> Configured:
    return Configured(ssh, tmp_path / "home")


def names(cloud: Cloud) -> dict[str, str]:
    """Return the names of one Dev Environment, each with the name of its host key."""
    environment = cloud.add("ExampleCorp", "web.site-1", "Front")
    long = "Front.web.site-1.ExampleCorp.codecatalyst"
    aws = f"codecatalyst-dev-env=ExampleCorp=web.site-1={environment.id}"
    return {
        "Front.codecatalyst": f"codecatalyst-{environment.id}",
        "front.codecatalyst": "front.codecatalyst",
        long: long.lower(),
        aws: aws.lower(),
        f"aws-devenv-{environment.id}": f"aws-devenv-{environment.id}",
    }


def test_ssh_scp_and_rsync_reach_every_name(
    configured: Configured, cloud: Cloud, tmp_path: Path
) -> None:
    kept = names(cloud)
    said = configured.configure().stdout.decode()
    assert f"\nDone. Try: ssh -F {configured.config} Front.codecatalyst\n" in said
    (tmp_path / "file").write_bytes(DATA)

    def copy(name: str, way: str) -> None:
        there = tmp_path / f"by-{way}"
        words = configured.command("scp", "-q")
        if way == "rsync":
            words = [program("rsync"), "-e", shlex.join(configured.command("ssh"))]
        answer = configured.run(*words, str(tmp_path / "file"), f"{name}:{there}")
        assert answer.returncode == 0, answer.stderr
        assert there.read_bytes() == DATA
        there.unlink()

    for name in kept:
        if name.startswith("front"):
            copy(name, "scp")
        elif "=" in name:
            copy(name, "rsync")
            copy(name, "scp")
        else:
            answer = configured.run(*configured.command("ssh", name, "echo hello"))
            assert (answer.returncode, answer.stdout) == (0, b"hello\n"), answer.stderr
    assert configured.key_names() == list(kept.values())


def test_name_works_whatever_holds_for_all_hosts(ssh: Ssh, cloud: Cloud, tmp_path: Path) -> None:
    configured = Configured(ssh, tmp_path / "my home")
    configured.config.parent.mkdir(parents=True, mode=0o700)
    configured.config.write_text("Host *\n  ProxyUseFdpass yes\n  ProxyJump nowhere\n")
    cloud.add("ExampleCorp", "web.site-1", "api")
    configured.configure()

    answer = configured.run(*configured.command("ssh", "api.codecatalyst", "echo hello"))
    assert (answer.returncode, answer.stdout) == (0, b"hello\n"), answer.stderr


def test_start_of_a_stopped_environment_outlasts_the_timeout_of_ssh(
    configured: Configured, cloud: Cloud
) -> None:
    asleep = cloud.add("ExampleCorp", "Shop", "asleep", status=Status.STOPPED)
    asleep.start_seconds = 3.0
    configured.configure()

    options = ("-o", "ConnectTimeout=1", "asleep.codecatalyst", "echo hello")
    answer = configured.run(*configured.command("ssh", *options))
    assert (answer.returncode, answer.stdout) == (0, b"hello\n"), answer.stderr


def hosts(configured: Configured) -> list[str]:
    """Return the literal hosts in the file, which an IDE offers."""
    lines = configured.ours.read_text().splitlines()
    return [line.removeprefix("Host ") for line in lines if line.startswith("Host ")][:-1]


def test_written_hosts_are_those_of_the_service(configured: Configured, cloud: Cloud) -> None:
    bare = f"{cloud.environment.id[:8]}.codecatalyst"
    cloud.add("ExampleCorp", "Shop", "api")
    cloud.add("ExampleCorp", "Shop", "gone", status=Status.DELETING)
    asleep = cloud.add("ExampleCorp", "Shop", "asleep", status=Status.STOPPED)
    configured.configure()
    assert set(hosts(configured)) == {bare, "api.codecatalyst", "asleep.codecatalyst"}

    cloud.add("Other.Space", "web", "api")
    cloud.delete(asleep)
    configured.configure()
    found = set(hosts(configured))
    assert {"api.Shop.codecatalyst", "api.web.codecatalyst"} < found
    assert "asleep.codecatalyst" not in found

    before = configured.ours.read_bytes()  # hosts stay when the service does not answer
    cloud.misbehaviours.refuse("ListProjects", InternalFailure("An outage"), times=10)
    answer = configured.configure()
    assert configured.ours.read_bytes() == before
    assert answer.stdout.startswith(b"Nothing to change.")
    assert b"An outage" in answer.stderr
    assert answer.stderr.endswith(b"; then run this again\n")

    configured.configure("--remove")
    assert list(configured.config.parent.iterdir()) == []
    configured.config.touch()
    answer = configured.run(*configured.command("ssh", "api.codecatalyst", "true"))
    assert answer.returncode == 255
    assert cloud.count(START) == 0
