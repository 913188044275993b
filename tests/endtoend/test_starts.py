"""A stopped Dev Environment, by ssh and by the connector's own process."""

from __future__ import annotations

import json
import os
import re
import signal
import time

import pytest

from connector.emulator.api.codecatalyst.model import Status
from connector.emulator.api.errors import ApiError, ServiceQuotaExceededException

from .causes import CAUSES
from .cloud import START, Cloud
from .commands import AT_ONCE, CONNECTOR, Commands, Process, Ssh
from .targets import GREETING, TcpService, greeting_echo
from .terminals import Terminal
from .waiting import eventually

START_ENVIRONMENT = "StartDevEnvironment"
GET = "GetDevEnvironment"


def test_ssh_starts_a_stopped_environment(ssh: Ssh, cloud: Cloud) -> None:
    cloud.stopped(start_seconds=2)
    answer = ssh.run("echo hello")
    assert (answer.returncode, answer.stdout) == (0, b"hello\n"), answer.stderr
    first, *others = answer.stderr.decode().splitlines()
    assert first == f"connector: {ssh.host} is STOPPED; the start takes a few minutes"
    assert [line.split()[1] for line in others] == ["STARTING"]
    assert cloud.count(START_ENVIRONMENT) == 1
    assert len(cloud.sessions) == 1


def test_five_connectors_at_once_all_connect(commands: Commands, cloud: Cloud) -> None:
    cloud.stopped(start_seconds=3)
    with TcpService(greeting_echo) as service:
        cloud.port = service.port
        processes = [commands.proxy() for _ in range(5)]
        for process in processes:
            process.reader.until(GREETING)
        for process in processes:
            process.hang_up()
        assert [process.wait() for process in processes] == [0] * 5
    assert len(cloud.sessions) == 5


def test_next_start_estimates_its_duration(commands: Commands, cloud: Cloud) -> None:
    with TcpService(greeting_echo) as service:
        cloud.port = service.port
        for words in ("a few minutes", "about "):
            cloud.stopped(start_seconds=1)
            process = commands.proxy()
            process.reader.until(GREETING)
            process.hang_up()
            assert process.wait() == 0
            assert words in process.stderr()
            cloud.wait_all_ended()
    memory = commands.directory / "home/.cache/devenv-connector/starts.json"
    assert memory.stat().st_mode & 0o777 == 0o600
    ((first, second),) = json.loads(memory.read_text()).values()
    assert first >= 1
    assert second >= 1


def test_start_times_out_after_wait(commands: Commands, cloud: Cloud) -> None:
    cloud.stopped(start_seconds=600)
    process = commands.start(
        *(*CONNECTOR, "proxy", cloud.host), environ={**commands.environ, "CONNECTOR_WAIT": "2"}
    )
    assert process.wait() == 75
    assert "is still STARTING after 2 s" in process.stderr()
    assert process.reader.rest() == b""


@pytest.mark.parametrize(
    ("error", "exit_code", "words"),
    [(ServiceQuotaExceededException("Compute limit"), 73, "Compute limit")],
)
def test_refused_start_fails(
    commands: Commands, cloud: Cloud, error: ApiError, exit_code: int, words: str
) -> None:
    cloud.stopped(start_seconds=600)
    cloud.misbehaviours.refuse(START_ENVIRONMENT, error)
    process = commands.proxy()
    assert process.wait() == exit_code
    assert words in process.stderr().splitlines()[-1]


# Ends during a start


def test_all_causes_end_a_wait_at_once(commands: Commands, cloud: Cloud) -> None:
    cloud.stopped(start_seconds=600)
    processes = {cause: commands.proxy() for cause in CAUSES}
    eventually(
        lambda: all("STARTING" in process.stderr() for process in processes.values()), "the wait"
    )
    asked = cloud.count(START)
    for cause, process in processes.items():
        began = time.monotonic()
        CAUSES[cause][0](process)
        assert process.wait() == CAUSES[cause][1]
        assert time.monotonic() - began < AT_ONCE, cause
        lines = process.stderr().splitlines()
        assert len(lines) <= (3 if cause == "SIGHUP" else 2), cause
        assert ("ssh timed out after" in lines[-1]) == (cause == "SIGHUP")
    cloud.set_status(Status.RUNNING)
    assert cloud.count(START) == asked == len(CAUSES)
    assert cloud.sessions == []


def test_signal_ends_an_unanswered_call_at_once(commands: Commands, cloud: Cloud) -> None:
    cloud.stopped(start_seconds=600)
    process = commands.proxy()
    eventually(lambda: "STARTING" in process.stderr(), "the wait")
    cloud.misbehaviours.delay(GET, 60.0, times=100)
    cloud.wait_for_requests(GET, cloud.count(GET) + 1)
    began = time.monotonic()
    process.signal(signal.SIGHUP)
    assert process.wait() == 0
    assert time.monotonic() - began < AT_ONCE


def test_ssh_that_times_out_leaves_only_log_lines(ssh: Ssh, cloud: Cloud) -> None:
    cloud.stopped(start_seconds=600)
    answer = ssh.run("true", options=["-o", "ConnectTimeout=3", "-o", "ProxyUseFdpass=no"])
    assert answer.returncode == 255
    ssh.commands.wait_connectors_gone(AT_ONCE)
    assert re.search(
        rf"connector: ssh timed out after \d s, but {ssh.host} is still starting\. Run "
        rf"`connector start {ssh.host}`, which waits until it runs\n",
        answer.stderr.decode(),
    )
    assert cloud.sessions == []


def test_unread_stderr_blocks_no_end(commands: Commands, cloud: Cloud) -> None:
    reader, writer = os.pipe()
    os.set_blocking(writer, False)
    try:
        while True:
            os.write(writer, b"x" * 4096)
    except BlockingIOError:
        os.set_blocking(writer, True)
    cloud.stopped(start_seconds=1)
    with TcpService(greeting_echo) as service:
        cloud.port = service.port
        process = commands.start(*CONNECTOR, "proxy", cloud.host, stderr=writer)
        process.reader.until(GREETING)
        process.hang_up()
        assert process.wait() == 0
    os.close(reader)
    os.close(writer)


def test_terminal_shows_one_changing_line(commands: Commands, cloud: Cloud) -> None:
    cloud.stopped(start_seconds=2.5)
    with Terminal(24, 60) as terminal:
        words = ("exec", cloud.host, "--", "echo", "here")
        process = terminal_start(terminal, commands, *CONNECTOR, *words)
        shown = terminal.reader.until(b"here").decode()
        assert process.wait() == 0
    first, _, rest = shown.partition("\r\n")
    assert "is STOPPED" in first
    *lines, last = rest.split("\r\x1b[K")
    steps = [line for line in lines if line]
    assert steps[0].startswith("connector: STOPPED, 0 s")
    assert steps[-1].startswith("connector: STARTING, ")
    assert len(steps) >= 3
    assert all("\n" not in line and len(line) < 60 for line in steps)
    assert last.strip() == "here"


def test_terminal_that_cannot_replace_a_line_gets_lines(commands: Commands, cloud: Cloud) -> None:
    cloud.stopped(start_seconds=1.5)
    with Terminal(24, 80) as terminal:
        words = ("env", "TERM=dumb", *CONNECTOR, "start", cloud.host)
        process = terminal_start(terminal, commands, *words)
        shown = terminal.reader.until(b"is RUNNING").decode()
        assert process.wait() == 0
    assert "\x1b" not in shown
    assert "connector: STARTING after" in shown


def test_start_shows_a_bar_on_a_terminal(commands: Commands, cloud: Cloud) -> None:
    cloud.stopped(start_seconds=1.5)
    cloud.environment.alias = "My-Env"
    with Terminal(24, 80) as terminal:
        process = terminal_start(terminal, commands, *CONNECTOR, "start", "my-env")
        shown = terminal.reader.until(b"is RUNNING").decode()
        assert process.wait() == 0
    assert "my-env is STARTING" in shown
    assert "━" in shown


@pytest.mark.parametrize("succeeds", [True, False])
def test_line_is_cleared_before_the_output_of_ssh(ssh: Ssh, cloud: Cloud, succeeds: bool) -> None:
    cloud.stopped(start_seconds=1.5)
    if not succeeds:
        cloud.environment.start_failure = "The image could not be pulled"
    with Terminal(24, 80) as terminal:
        command = ssh.command("ssh", "-t", ssh.host, "echo the end")
        process = terminal_start(terminal, ssh.commands, *command)
        shown = terminal.reader.until(b"the end" if succeeds else b"pulled").decode()
        terminal.reader.rest()
        assert process.wait() == (0 if succeeds else 255)
    before, _, after = shown.rpartition("\r\x1b[K")
    assert "connector: STARTING, " in before
    assert after.startswith("the end" if succeeds else "connector: Dev Environment")


def terminal_start(terminal: Terminal, commands: Commands, *command: str) -> Process:
    """Start a program whose stderr is the terminal too."""
    return terminal.start(commands, "/bin/sh", "-c", 'exec "$@" 2>&1', "sh", *command)
