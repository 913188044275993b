"""``connector ssh`` with OpenSSH behind it."""

from __future__ import annotations

import re
import signal
import time
from pathlib import Path

import pytest

from connector.emulator.api.codecatalyst.model import DevEnvironment, Status

from ..account import own_account
from .cloud import START, Cloud
from .commands import CONNECTOR, Answer, Commands
from .failing import check
from .sshd import USER, Sshd
from .terminals import Terminal
from .waiting import eventually

START_ENVIRONMENT = "StartDevEnvironment"


@pytest.fixture
def commands(commands: Commands) -> Commands:
    """Commands of an account with an empty home, because ssh reads the account's configuration."""
    commands.environ |= own_account(Path(commands.environ["HOME"]))
    return commands


@pytest.fixture
def known_hosts(tmp_path: Path) -> Path:
    return tmp_path / "known hosts"


@pytest.fixture
def options(sshd: Sshd, known_hosts: Path) -> list[str]:
    """Return options for this machine only: it has no mde-user and needs its own key."""
    settings = (
        f"IdentityFile {sshd.user_key}",
        "IdentitiesOnly yes",
        f'UserKnownHostsFile "{known_hosts}"',
        "GlobalKnownHostsFile /dev/null",
        "HashKnownHosts no",
        "LogLevel ERROR",
        "BatchMode yes",
    )
    return ["-l", USER, *(word for setting in settings for word in ("-o", setting))]


@pytest.fixture
def environment(cloud: Cloud) -> DevEnvironment:
    return cloud.add("Other.Space", "web.site-1", "My.Env")


def call(commands: Commands, *words: str, input: bytes = b"") -> Answer:
    return commands.run(*CONNECTOR, "ssh", *words, input=input)


def test_any_name_reaches_the_environment(
    commands: Commands,
    cloud: Cloud,
    environment: DevEnvironment,
    options: list[str],
    known_hosts: Path,
) -> None:
    config = commands.directory / "home/.cache/devenv-connector/codecatalyst_ssh_config"
    config.parent.mkdir(parents=True)
    config.write_text("Nonsense")  # a damaged configuration is written anew
    aws = f"codecatalyst-dev-env=Other.Space=web.site-1={environment.id}"
    for name in ("My.Env.web.site-1.codecatalyst", aws):
        answer = call(commands, "--", name, *options, "--", "echo", "hello")
        assert (answer.returncode, answer.stdout, answer.stderr) == (0, b"hello\n", b""), name
        assert cloud.environment_of(cloud.sessions[-1]) is environment
        assert known_hosts.read_text().startswith(f"codecatalyst-{environment.id} ")
        known_hosts.unlink()
    assert "User mde-user" in config.read_text()
    assert config.stat().st_mode & 0o777 == 0o600


def test_words_after_the_name_go_to_ssh(
    commands: Commands, environment: DevEnvironment, options: list[str]
) -> None:
    answer = call(
        commands, "--space", "Other.Space", "my.env", *options, "-T", "--", "echo", "-v", "--json"
    )
    assert (answer.returncode, answer.stdout) == (0, b"-v --json\n"), answer.stderr
    data = b"a\0b" * 1000
    words = ("echo", "--", "-v", "--", ";", "cat", ";", "exit", "7")
    answer = call(commands, "my.env", *options, *words, input=data)
    assert (answer.returncode, answer.stdout) == (7, b"-- -v --\n" + data), answer.stderr
    answer = call(commands, "my.env", "-Q", "kex")
    assert answer.returncode == 0
    assert b"curve25519" in answer.stdout


def test_profile_may_begin_with_a_dash(
    commands: Commands, cloud: Cloud, environment: DevEnvironment, options: list[str]
) -> None:
    answer = call(commands, "--profile=-odd", "my.env", *options, "echo hello")
    assert (answer.returncode, answer.stdout) == (0, b"hello\n"), answer.stderr


def test_stopped_environment_is_started_before_ssh(
    commands: Commands, cloud: Cloud, environment: DevEnvironment, options: list[str]
) -> None:
    stop(cloud, environment, 2.0)
    answer = call(commands, "my.env", *options, "echo hello")
    assert (answer.returncode, answer.stdout) == (0, b"hello\n"), answer.stderr
    first, *others = answer.stderr.decode().splitlines()
    assert first.startswith("connector: my.env is STOPPED")
    assert [line.split()[1] for line in others] == ["STARTING"]
    assert cloud.count(START_ENVIRONMENT) == 1
    assert cloud.count(START) == 1  # ssh's own time limit begins after the start


def test_no_start_leaves_environment_stopped(
    commands: Commands, cloud: Cloud, environment: DevEnvironment, options: list[str]
) -> None:
    stop(cloud, environment, 2.0)
    answer = call(commands, "--no-start", "my.env", *options, "echo hello")
    assert (answer.returncode, answer.stdout) == (75, b"")
    assert b"is STOPPED. Start it with `connector start my.env`\n" in answer.stderr
    assert cloud.count(START_ENVIRONMENT) == cloud.count(START) == 0


def stop(cloud: Cloud, environment: DevEnvironment, start_seconds: float) -> None:
    environment.start_seconds = start_seconds
    cloud.call(lambda: cloud.set_status_of(environment, Status.STOPPED))


def test_terminal_shows_a_bar_and_clears_it(
    commands: Commands, cloud: Cloud, environment: DevEnvironment, options: list[str]
) -> None:
    stop(cloud, environment, 2.0)
    with Terminal(24, 70) as terminal:
        words = ("ssh", "my.env", *options, "-t", "stty size; exit 5")
        process = terminal.start(
            commands, "/bin/sh", "-c", 'exec "$@" 2>&1', "sh", *CONNECTOR, *words
        )
        shown = terminal.reader.until(b"24 70").decode()
        terminal.reader.rest()
        assert process.wait() == 5
    plain = re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]", "", shown)
    assert "my.env is STOPPED" in plain
    assert "my.env is STARTING" in plain
    assert shown.endswith("\r\x1b[1A\x1b[2K24 70")  # ssh's output begins in the bar's line


def test_ctrl_c_ends_the_wait_and_restores_the_terminal(
    commands: Commands, cloud: Cloud, environment: DevEnvironment
) -> None:
    stop(cloud, environment, 600.0)
    with Terminal(24, 70) as terminal:
        process = terminal.start(
            commands, "/bin/sh", "-c", 'exec "$@" 2>&1', "sh", *CONNECTOR, "ssh", "my.env"
        )
        terminal.reader.until(b"STARTING")
        began = time.monotonic()
        process.signal(signal.SIGINT)
        shown = terminal.reader.rest()
        assert process.wait() == 130
        assert time.monotonic() - began < 2
    assert shown.endswith(b"\x1b[?25h\r\x1b[1A\x1b[2K")  # the cursor is visible, the bar is cleared
    assert cloud.sessions == []


def test_failed_environment_is_not_waited_for(
    commands: Commands, cloud: Cloud, environment: DevEnvironment
) -> None:
    cloud.call(lambda: cloud.set_status_of(environment, Status.FAILED, "No image"))
    check(commands.start(*CONNECTOR, "ssh", "my.env"), 75, "is FAILED: No image")


@pytest.mark.parametrize("words", [["--wait=5"], ["-v", "--profile", "p", "true"]])
def test_own_option_after_the_name_starts_nothing(
    commands: Commands, cloud: Cloud, environment: DevEnvironment, words: list[str]
) -> None:
    stop(cloud, environment, 0.0)
    answer = call(commands, "my.env", *words)
    assert answer.returncode == 2
    assert b"is not an option of ssh: put options of connector before TARGET" in answer.stderr
    assert cloud.count(START_ENVIRONMENT) == 0


def test_missing_ssh_starts_nothing(
    commands: Commands, cloud: Cloud, environment: DevEnvironment, tmp_path: Path
) -> None:
    stop(cloud, environment, 0.0)
    environ = {**commands.environ, "PATH": str(tmp_path)}
    process = commands.start(*CONNECTOR, "ssh", "my.env", environ=environ)
    check(process, 78, "There is no ssh on the PATH", "Install OpenSSH's client")
    assert cloud.count(START_ENVIRONMENT) == 0


def test_unwritable_configuration_is_reported(
    commands: Commands, environment: DevEnvironment
) -> None:
    (commands.directory / "home/.cache").touch()
    check(commands.start(*CONNECTOR, "ssh", "my.env"), 78, "ssh_config cannot be written")


def test_ssh_replaces_the_connector_process(
    commands: Commands, cloud: Cloud, environment: DevEnvironment, options: list[str]
) -> None:
    """The process becomes ssh itself, so no process stands between ssh and its caller."""
    process = commands.start(*CONNECTOR, "ssh", "my.env", *options, "echo ready; exec cat")
    process.reader.until(b"ready\n")
    command = Path(f"/proc/{process.pid}/cmdline")
    if command.exists():
        assert command.read_bytes().split(b"\0")[0].endswith(b"/ssh")
    process.signal(signal.SIGTERM)
    assert process.wait() == 255
    eventually(lambda: cloud.session().end_reason is not None, "the end of the session")
    assert cloud.count(START) == 1
