"""The user's settings file in a ProxyCommand."""

from __future__ import annotations

from pathlib import Path

import pytest

from .cloud import Cloud
from .commands import CONNECTOR, Commands, Ssh
from .targets import GREETING, TcpService, greeting_echo


def settle(commands: Commands, content: str) -> None:
    path = Path(commands.environ["HOME"], ".config/connector/config.toml")
    path.parent.mkdir(parents=True)
    path.write_text(content)


def test_file_completes_the_host_name_for_ssh(ssh: Ssh, cloud: Cloud) -> None:
    """The toolkit's host name contains neither space nor project."""
    environment = cloud.environment
    settle(
        ssh.commands,
        f"space = '{environment.space_name}'\nproject = '{environment.project_name}'\n",
    )
    ssh.config.write_text(ssh.config.read_text().replace(ssh.host, "aws-devenv-*", 1))
    ssh.host = f"aws-devenv-{environment.id}"

    answer = ssh.run("echo hello")

    assert (answer.returncode, answer.stdout) == (0, b"hello\n"), answer.stderr


def test_host_name_takes_precedence_over_the_file(commands: Commands, cloud: Cloud) -> None:
    settle(commands, "space = 'Another'\nproject = 'Another'\nid = 'nonsense'\n")
    with TcpService(greeting_echo) as service:
        cloud.port = service.port
        process = commands.proxy()
        process.reader.until(GREETING)
        process.hang_up()
        assert (process.wait(), process.stderr()) == (0, "")


def test_variable_takes_precedence_over_the_file(commands: Commands, cloud: Cloud) -> None:
    """The tests set the endpoint by a variable; the endpoint in the file does not exist."""
    settle(commands, "endpoint-url = 'https://missing.invalid'\nprofile = 'missing'\n")
    answer = commands.run(*CONNECTOR, "sessions", "list", cloud.host)

    assert answer.returncode == 0, answer.stderr


def test_endpoint_of_the_file_is_called(commands: Commands, cloud: Cloud) -> None:
    names = ("AWS_ENDPOINT_URL_CODECATALYST", "CODECATALYST_ENDPOINT", "AWS_ENDPOINT_URL")
    (url,) = {commands.environ.pop(name) for name in names if name in commands.environ}
    settle(commands, f"endpoint-url = '{url}'\n")
    answer = commands.run(*CONNECTOR, "sessions", "list", cloud.host)

    assert answer.returncode == 0, answer.stderr


def test_option_overrides_start_false_of_the_file(commands: Commands, cloud: Cloud) -> None:
    cloud.stopped(start_seconds=0)
    settle(commands, "start = false\n")
    process = commands.proxy()
    assert process.wait() == 75
    assert "is STOPPED" in process.stderr()
    with TcpService(greeting_echo) as service:
        cloud.port = service.port
        process = commands.proxy("--start")
        process.reader.until(GREETING)
        process.hang_up()
        assert process.wait() == 0


@pytest.mark.parametrize("content", ["wait = 'x'\n", "= 1\n", "tokenValue = 'eyJ'\n"])
def test_malformed_file_ends_the_proxy_before_any_call(
    commands: Commands, cloud: Cloud, content: str
) -> None:
    settle(commands, content)
    process = commands.proxy()
    assert process.wait() == 78
    assert process.stderr().startswith("connector: The settings file ")
    assert process.stderr().count("\n") == 1
    assert process.reader.rest() == b""
    assert cloud.sessions == []
