"""A directory in the role of ``~/.ssh`` that config-ssh changes and OpenSSH judges."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator, Sequence
from pathlib import Path

from connector.programs import run_program
from connector.ssh.check import Answer, SshClient
from connector.ssh.command import for_name, proxy_command
from connector.ssh.config import parse
from connector.ssh.include import Choices, NamedHost
from connector.ssh.places import find_places
from connector.ssh.plan import Part, Plan, plan_removal, plan_setup
from connector.targets.codecatalyst.kind import KIND

ID = "01234567-89ab-cdef-0123-456789abcdef"
COMMAND = proxy_command(["/opt/the connector/connector"], "codecatalyst")
CHOICES = Choices(COMMAND, fdpass=True, compression=True, wait=600.0)
ABOUT = "web, of the project My.Project in the space Space"
WEB = NamedHost("web.codecatalyst", f"codecatalyst-{ID}", ABOUT)
OTHER = NamedHost("Db.My.Project.codecatalyst", f"codecatalyst-{ID.replace('0', 'f')}", "Db")
BY_AWS = f"codecatalyst-dev-env=Space=My.Project={ID}"


def host_patterns(text: bytes) -> Iterator[str]:
    """Yield the words of all Host lines."""
    for line in parse(text, ("host",)):
        yield from line.words


class Setup:
    """The user's file, which does not exist yet, and the connector's file beside it."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.config = directory / "config"
        self.ours = directory / "codecatalyst_config"
        self.places = find_places(KIND.ssh, str(self.config))
        self.include = f"Include {self.ours}".encode()
        self.client = SshClient(shutil.which("ssh") or "ssh", run_program)

    def plan(self, hosts: Sequence[NamedHost] | None = (WEB,), choices: Choices = CHOICES) -> Plan:
        return plan_setup([Part(KIND.ssh, self.places, choices, hosts)], self.client)

    def set_up(self, hosts: Sequence[NamedHost] | None = (WEB,)) -> Plan:
        plan = self.plan(hosts)
        plan.make()
        return plan

    def remove(self) -> Plan:
        plan = plan_removal([(KIND.ssh, self.places)])
        plan.make()
        return plan

    def ask(self, host: str) -> Answer:
        return self.client.ask(self.config, host, canonicalize=True)

    def assert_works(self) -> None:
        """Check that ssh uses the connector for names of each form."""
        for host in (WEB.name, "x.y.codecatalyst", BY_AWS, f"aws-devenv-{ID}"):
            answer = self.ask(host)
            expected = COMMAND
            if host == WEB.name:
                expected = for_name(COMMAND, host)
                assert answer.value("hostkeyalias") == f"codecatalyst-{ID}"
            assert answer.value("proxycommand") == expected, answer
            assert answer.value("proxyjump") is None
            assert answer.value("user") == "mde-user"
            assert answer.value("connecttimeout") == "660"
            assert answer.value("stricthostkeychecking") == "accept-new"
            assert answer.value("compression") == "yes"

    def files(self) -> dict[str, tuple[int, int, int, bytes]]:
        """Return mode, owner, change time (ns) and content or link target of each file, by name."""
        found = {}
        for path in sorted(self.directory.rglob("*")):
            status = path.lstat()
            content = b""
            if path.is_symlink():
                content = os.fsencode(os.readlink(path))
            elif path.is_file():
                content = path.read_bytes()
            name = str(path.relative_to(self.directory))
            found[name] = (status.st_mode, status.st_uid, status.st_mtime_ns, content)
        return found
