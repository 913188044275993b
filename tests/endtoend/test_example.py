"""The blocks of examples/ssh_config that a user fills in."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

from .cloud import Cloud
from .commands import EXAMPLE, Ssh
from .sshd import USER, program
from .waiting import PATIENCE


def uncommented(text: str, *keywords: str) -> str:
    """Return the example without the comment signs in front of these settings."""
    return re.sub(rf"(?m)^(\s*)#(\s*(?:{'|'.join(keywords)}) )", r"\1\2", text)


def settings(ssh: Ssh, known_hosts: Path) -> list[str]:
    """Return settings for this machine only: it has no mde-user and needs its own key."""
    ours = ("UserKnownHostsFile", "HostKeyAlias")
    options = [option for option in ssh.key_options() if not option.startswith(ours)]
    options += ["StrictHostKeyChecking accept-new", "LogLevel ERROR"]
    words = [word for option in options for word in ("-o", option)]
    return ["-o", f"UserKnownHostsFile={known_hosts}", *words, "-l", USER]


def test_filled_in_environment_has_its_own_name(ssh: Ssh, cloud: Cloud, tmp_path: Path) -> None:
    text = EXAMPLE.read_text()
    block = text[text.index("#Host my-env") :].replace("#", "")
    for placeholder, name in (
        ("<space>", cloud.environment.space_name),
        ("<project>", cloud.environment.project_name),
        ("<dev-environment-id>", cloud.environment.id),
    ):
        block = block.replace(placeholder, name)
    config, known_hosts = tmp_path / "config", tmp_path / "known_hosts"
    config.write_text(block.replace("    The environment's key", "    # The environment's key"))

    answer = ssh.commands.run(
        *(program("ssh"), "-F", str(config), *settings(ssh, known_hosts), "my-env", "echo hello")
    )

    assert (answer.returncode, answer.stdout) == (0, b"hello\n"), answer.stderr
    assert known_hosts.read_text().startswith(f"codecatalyst-{cloud.environment.id} ")


def test_one_connection_serves_many_commands(ssh: Ssh, cloud: Cloud, short_path: Path) -> None:
    text = uncommented(EXAMPLE.read_text(), "ControlMaster", "ControlPath", "ControlPersist")
    config = short_path / "config"
    config.write_text(text.replace("~/.ssh/cm-%C", f"{short_path}/%C"))
    command = [program("ssh"), "-F", str(config), *settings(ssh, short_path / "known_hosts")]
    shown = ssh.commands.run(*command, "-G", ssh.host).stdout.decode().splitlines()
    assert {"controlmaster auto", "controlpersist 600"} <= set(shown)

    for number in range(3):
        # The master stays in the background, so it gets no pipe that it would keep open.
        null = subprocess.DEVNULL
        done = subprocess.run(
            [*command, ssh.host, f"echo {number} > {short_path}/{number}"],
            env=ssh.commands.environ,
            stdin=null,
            stdout=null,
            stderr=null,
            timeout=PATIENCE,
            check=False,
        )
        assert done.returncode == 0
        assert (short_path / str(number)).read_text() == f"{number}\n"

    assert len(cloud.sessions) == 1
    ssh.commands.run(*command, "-O", "exit", ssh.host)
    cloud.wait_all_ended()
    ssh.commands.wait_connectors_gone()
