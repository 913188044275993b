"""An account with EC2 instances and a managed node, and a user of it with real programs."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TypeVar

from connector.emulator.api.account import HOME_REGION, Account
from connector.emulator.api.ec2.model import (
    AgentTimes,
    ConnectEndpoint,
    Instance,
    ManagedNode,
    Ping,
    Status,
)
from connector.emulator.api.ec2.tunnels import DURATION_MAX, Tunnel
from connector.emulator.api.ec2.world import Ec2World
from connector.emulator.api.world import PlannedTarget
from connector.emulator.app import Emulator, EmulatorThread
from connector.emulator.sessions import Session

from ..account import own_account
from ..forks import CONNECTOR, run
from .cloud import AGENT
from .doctor import Diagnosis, diagnosis, lead_ssh
from .ownprogram import own_program
from .sshd import USER, Sshd, program
from .waiting import PATIENCE

Result = TypeVar("Result")
Ran = subprocess.CompletedProcess[str]

#: The id of the managed node.
NODE = "mi-0a1b2c3d4e5f60718"

#: Variables of the user's that would lead a program to another account.
_FOREIGN = ("AWS_", "CONNECTOR_", "SSH_AUTH_SOCK", "XDG_CONFIG_HOME")


class Fleet:
    """The emulated account: ``web`` runs, ``db`` is stopped, ``build-server`` is a managed node.

    The SSH server of every machine is one sshd.
    """

    def __init__(self, directory: Path, sshd: Sshd) -> None:
        self.sshd = sshd
        home = directory / "machine"
        home.mkdir()
        self._emulator = Emulator(
            directory / "certificates",
            kinds=("ec2",),
            port=sshd.port,
            agent=replace(AGENT, message_interval=0.0),
            targets=(PlannedTarget("web"), PlannedTarget("db", running=False)),
            home=home,
        )
        self._thread = EmulatorThread(self._emulator)
        self.access = self._thread.__enter__()
        world = self._emulator.world
        assert isinstance(world, Ec2World)
        self.world = world
        self.node = ManagedNode(NODE, HOME_REGION, "build-server", "build01.example.com")
        self.call(lambda: world.model.add_node(self.node))

    def close(self) -> None:
        self._thread.__exit__()

    def call(self, work: Callable[[], Result]) -> Result:
        """Return the result of work on the emulator's event loop."""
        return self._thread.call(work)

    @property
    def account(self) -> Account:
        return self._emulator.account

    @property
    def web(self) -> Instance:
        return self.world.find("web")

    @property
    def db(self) -> Instance:
        return self.world.find("db")

    def reset(self) -> None:
        """Let the account be as at first, with an empty log."""

        def reset() -> None:
            self.account.denials.clear()
            self.world.model.connect_endpoints.clear()
            self.world.tunnels.duration_max, self.world.tunnels.opened = DURATION_MAX, 0
            for instance, status in ((self.web, Status.RUNNING), (self.db, Status.STOPPED)):
                self.world.model.set_status(instance, status)
                instance.life.set(status.value, ago=3600)
                instance.launch_time = instance.life.since
                instance.agent, instance.ping, instance.profile = AgentTimes(), None, "ssm-agent"
            self.node.ping = Ping.ONLINE
            assert self._emulator.server is not None
            self._emulator.server.requests.clear()

        self.call(reset)

    def calls(self) -> list[str]:
        """Return the answered requests in order, such as ``ssm:StartSession``."""
        server = self._emulator.server
        assert server is not None
        return self.call(lambda: [f"{each.service}:{each.operation}" for each in server.requests])

    def living(self, instance: Instance) -> list[Session]:
        return self.call(lambda: self.account.sessions.living(instance.id))

    def add_endpoint(self, id: str, **details: str) -> None:
        """Add an EC2 Instance Connect Endpoint to the account."""
        endpoint = ConnectEndpoint(id, HOME_REGION, **details)
        self.call(lambda: self.world.model.connect_endpoints.append(endpoint))

    def tunnels(self) -> list[Tunnel]:
        """Return the tunnels that are open."""
        return self.call(lambda: list(self.world.tunnels.living))

    def secrets(self) -> list[str]:
        opened = self.call(self.account.sessions.opened_by_requests)
        tokens = [each.token_value for each in opened]
        return [self.account.user_key.secret, self.access.bearer_token, *tokens]


class User:
    """A person with AWS keys in files, an own home and an own PATH, who runs programs."""

    def __init__(self, fleet: Fleet, directory: Path) -> None:
        self.home = directory / "home"
        self.config = self.home / ".ssh" / "config"
        self._fleet = fleet
        for each in (self.home, self.home / ".ssh", self.home / ".aws"):
            each.mkdir(mode=0o700)
        foreign = {name for name in os.environ if name.startswith(_FOREIGN)}
        inherited = {name: value for name, value in os.environ.items() if name not in foreign}
        self.environ = {
            **inherited,
            **own_account(self.home),
            "AWS_CA_BUNDLE": str(fleet.access.ca_file),
            "AWS_ENDPOINT_URL": fleet.access.endpoint_url,
            "AWS_EC2_METADATA_DISABLED": "true",
            "NO_PROXY": "127.0.0.1",
            "XDG_CACHE_HOME": str(directory / "cache"),
            "PATH": f"{own_program(directory / 'bin')}{os.pathsep}{os.environ['PATH']}",
        }
        key = fleet.account.user_key
        self.write(
            ".aws/credentials",
            "[default]",
            f"aws_access_key_id = {key.id}",
            f"aws_secret_access_key = {key.secret}",
        )
        self.write(".aws/config", "[default]", "region = us-west-2")
        self.write(
            ".ssh/config",
            "Host *",
            f"IdentityFile {fleet.sshd.user_key}",
            "IdentitiesOnly yes",
            f"User {USER}",
            "BatchMode yes",
            "StrictHostKeyChecking accept-new",
        )

    def write(self, name: str, *lines: str) -> Path:
        """Write a file of the home directory."""
        path = self.home / name
        path.write_text("\n".join((*lines, "")))
        path.chmod(0o600)
        return path

    def run(self, *words: str, input: str = "", **environ: str) -> Ran:
        """Run a program with the output as text."""
        if words[0] == "connector":
            words = (*CONNECTOR, *words[1:])
        ran = run(
            words,
            input=input,
            timeout=3 * PATIENCE,
            env={**self.environ, **environ},
            cwd=self.home,
            text=True,
        )
        for secret in self._fleet.secrets():
            assert secret not in ran.stdout + ran.stderr
        return ran

    def connector(self, *words: str, input: str = "", **environ: str) -> Ran:
        return self.run("connector", *words, input=input, **environ)

    def examine(self, *words: str) -> Diagnosis:
        """Run the doctor and return its findings."""
        lead_ssh(self.home)
        return diagnosis(self.connector("doctor", *words, "--json"))

    def says(self, *words: str) -> str:
        """Return what a program prints that succeeds."""
        ran = self.run(*words)
        assert ran.returncode == 0, ran.stderr
        return ran.stdout

    def fails(self, code: int, *words: str) -> str:
        """Return the last line of stderr of a connector that fails with a code."""
        ran = self.connector(*words)
        assert ran.returncode == code, ran.stderr
        return ran.stderr.splitlines()[-1]

    def configure_ssh(self) -> None:
        """Let the connector write ssh's configuration, with a user of our own above it."""
        program("ssh")
        self.says("connector", "config-ssh", "--kind", "ec2", "--yes")
        self.config.write_text(f"Host *.ec2 i-*\n    User {USER}\n{self.config.read_text()}")
