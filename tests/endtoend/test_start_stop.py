"""``connector start``, ``stop`` and ``sessions``."""

from __future__ import annotations

import json
import signal

import pytest

from connector.emulator.api.codecatalyst.model import Status
from connector.emulator.api.errors import ConflictException

from .cloud import Cloud
from .commands import CONNECTOR, Commands
from .failing import check
from .terminals import Terminal
from .waiting import eventually

START_ENVIRONMENT = "StartDevEnvironment"


def run(commands: Commands, *words: str) -> tuple[int, str, str]:
    answer = commands.run(*CONNECTOR, *words)
    return answer.returncode, answer.stdout.decode(), answer.stderr.decode()


def test_start_and_stop_change_the_state(commands: Commands, cloud: Cloud) -> None:
    cloud.stopped(start_seconds=1)
    environment = f"Dev Environment {cloud.environment.id} of ExampleCorp/web.site-1"
    code, out, err = run(commands, "start", cloud.host)
    assert (code, out) == (0, f"{environment} is RUNNING\n")
    assert err.startswith(f"connector: {cloud.host} is STOPPED")
    assert "ssh" not in err
    assert run(commands, "start", cloud.host) == (0, f"{environment} is RUNNING\n", "")
    assert cloud.count(START_ENVIRONMENT) == 1
    cloud.environment.stop_seconds = 600
    for _ in range(2):
        assert run(commands, "stop", cloud.host) == (0, f"{environment} is STOPPING\n", "")
    cloud.set_status(Status.STOPPED)
    assert run(commands, "stop", cloud.host) == (0, f"{environment} is STOPPED\n", "")


def test_start_times_out_after_wait(commands: Commands, cloud: Cloud) -> None:
    cloud.stopped(start_seconds=600)
    code, out, err = run(commands, "start", "--wait", "1", cloud.host)
    assert (code, out) == (75, "")
    assert "is still STARTING after 1 s" in err.splitlines()[-1]


def test_interrupt_ends_start(commands: Commands, cloud: Cloud) -> None:
    cloud.stopped(start_seconds=600)
    process = commands.start(*CONNECTOR, "start", cloud.host)
    eventually(lambda: "STARTING" in process.stderr(), "the wait")
    process.signal(signal.SIGINT)
    assert process.wait() == 130


def test_stop_of_a_starting_environment_is_refused(commands: Commands, cloud: Cloud) -> None:
    cloud.set_status(Status.STARTING)
    check(commands.start(*CONNECTOR, "stop", cloud.host), 75, "is busy with another change")


def test_sessions_are_listed_and_stopped(commands: Commands, cloud: Cloud) -> None:
    host = cloud.host
    whose = f"Dev Environment {cloud.environment.id} of ExampleCorp/web.site-1"
    nothing = f"connector: {whose} has no sessions\n"
    for words in (("list", host), ("stop", host, "--all")):
        assert run(commands, "sessions", *words) == (0, "", nothing)
    assert run(commands, "sessions", "list", "--json", host) == (0, "[]\n", "")
    ids = [cloud.start_session()["sessionId"] for _ in range(3)]
    code, out, _ = run(commands, "sessions", "list", host)
    assert code == 0
    assert sorted(line.split()[0] for line in out.splitlines()) == sorted(ids)
    code, out, _ = run(commands, "sessions", "list", host, "--json")
    assert sorted(item["id"] for item in json.loads(out)) == sorted(ids)
    by_options = ("--space", "ExampleCorp", "--project", "web.site-1", "--id")
    assert run(commands, "sessions", "list", "--json", *by_options, cloud.environment.id)[1] == out
    assert all(item["startedTime"].endswith("Z") for item in json.loads(out))
    assert run(commands, "sessions", "stop", host, ids[1]) == (0, f"stopped {ids[1]}\n", "")
    code, out, err = run(commands, "sessions", "stop", host, "--all")
    assert (code, err) == (0, "")
    assert sorted(out.split()) == sorted(["stopped", ids[0], "stopped", ids[2]])
    cloud.wait_all_ended()


# Questions and messages of stop on a terminal


def stop_at_terminal(
    commands: Commands, cloud: Cloud, answer: bytes, *options: str
) -> tuple[int, str]:
    cloud.environment.alias = "My-Env"
    with Terminal(24, 200) as terminal:
        process = terminal.start(commands, *CONNECTOR, "stop", "my-env", *options)
        shown = b""
        if answer:
            shown = terminal.reader.until(b"Stop it? [y/N] ")
            assert cloud.environment.status is Status.RUNNING
            terminal.type(answer)
        shown += terminal.reader.rest()
        return process.wait(), shown.decode().replace("\r\n", "\n")


@pytest.mark.parametrize(("count", "words"), [(1, "session, which ends"), (2, "sessions, which")])
def test_stop_lists_the_sessions_and_asks(
    commands: Commands, cloud: Cloud, count: int, words: str
) -> None:
    ids = [cloud.start_session()["sessionId"] for _ in range(count)]
    code, shown = stop_at_terminal(commands, cloud, b"y\n")
    assert code == 0
    assert shown.startswith(f"my-env has {count} {words}")
    assert all(f"\n  {session_id}  since 20" in shown for session_id in ids)
    assert shown.endswith("is STOPPING\n")


def test_stop_counts_many_sessions(commands: Commands, cloud: Cloud) -> None:
    for _ in range(13):
        cloud.start_session()
    _, shown = stop_at_terminal(commands, cloud, b"yes\n")
    assert shown.count("since 20") == 10
    assert "\n  and 3 more\n" in shown


@pytest.mark.parametrize("answer", [b"n\n", b"\n", b"\x04"])
def test_declined_stop_stops_nothing(commands: Commands, cloud: Cloud, answer: bytes) -> None:
    cloud.start_session()
    code, shown = stop_at_terminal(commands, cloud, answer)
    assert code == 130
    assert shown.endswith("Nothing was stopped.\n")
    assert cloud.count("StopDevEnvironment") == 0
    cloud.stop_session(cloud.session())


@pytest.mark.parametrize("options", [("--yes",), ("-y",)])
def test_stop_with_yes_does_not_ask(
    commands: Commands, cloud: Cloud, options: tuple[str, ...]
) -> None:
    cloud.start_session()
    code, shown = stop_at_terminal(commands, cloud, b"", *options)
    assert (code, shown.count("\n")) == (0, 1)
    assert cloud.count("ListDevEnvironmentSessions") == 0


def test_stop_without_sessions_does_not_ask(commands: Commands, cloud: Cloud) -> None:
    code, shown = stop_at_terminal(commands, cloud, b"")
    assert (code, shown.count("\n")) == (0, 1)


def test_stop_waits_until_the_environment_has_stopped(commands: Commands, cloud: Cloud) -> None:
    cloud.environment.stop_seconds = 2
    code, out, err = run(commands, "stop", "--wait", cloud.host)
    assert (code, err) == (0, "connector: STOPPING after 0 s\n")
    assert out.endswith(" is STOPPED\n")
    assert cloud.environment.status is Status.STOPPED
    assert run(commands, "stop", "--wait", cloud.host) == (0, out, "")


def test_stop_shows_a_bar_on_a_terminal(commands: Commands, cloud: Cloud) -> None:
    cloud.environment.stop_seconds = 1.5
    cloud.environment.alias = "My-Env"
    with Terminal(24, 80) as terminal:
        words = (*CONNECTOR, "stop", "--wait", "my-env")
        process = terminal.start(commands, "/bin/sh", "-c", 'exec "$@" 2>&1', "sh", *words)
        shown = terminal.reader.until(b"is STOPPED").decode()
        assert process.wait() == 0
    assert "my-env is STOPPING" in shown


def test_stop_reports_a_new_start(commands: Commands, cloud: Cloud) -> None:
    cloud.environment.stop_seconds = 600
    process = commands.start(*CONNECTOR, "stop", "--wait", cloud.host)
    eventually(lambda: "STOPPING" in process.stderr(), "the wait")
    cloud.set_status(Status.RUNNING)
    assert process.wait() == 75
    assert "is RUNNING: it was started again while it stopped" in process.stderr()


def test_unknown_session_is_reported(commands: Commands, cloud: Cloud) -> None:
    process = commands.start(*CONNECTOR, "sessions", "stop", cloud.host, "mary-1")
    check(process, 68, "has no session mary-1", f"`connector sessions list {cloud.host}`")


@pytest.mark.parametrize("words", [(), ("mary-1", "--all")])
def test_sessions_stop_needs_one_session_or_all(
    commands: Commands, cloud: Cloud, words: tuple[str, ...]
) -> None:
    code, out, err = run(commands, "sessions", "stop", cloud.host, *words)
    assert (code, out) == (2, "")
    assert "SESSION_ID" in err


def test_busy_environment_is_reported(commands: Commands, cloud: Cloud) -> None:
    cloud.misbehaviours.refuse("ListDevEnvironmentSessions", ConflictException("Not now"))
    process = commands.start(*CONNECTOR, "sessions", "list", cloud.host)
    check(process, 75, "is busy with another change: Not now")


@pytest.mark.parametrize("words", [("list", "--json"), ("whoami",), ("--version",)])
def test_closed_stdout_is_an_error_of_one_line(
    commands: Commands, cloud: Cloud, words: tuple[str, ...]
) -> None:
    words = tuple(cloud.host if word == "HOST" else word for word in words)
    process = commands.closing(1, *CONNECTOR, *words)
    assert process.wait() == 74
    assert process.stderr().startswith("connector: Stdout cannot be written")
