"""Sandboxes of CodeBuild: their starts and stops, and what an interrupted start leaves."""

from __future__ import annotations

import signal
from pathlib import Path

import pytest

from .builds import HOST, REGION, Builds
from .commands import CONNECTOR
from .terminals import Terminal
from .waiting import PATIENCE, eventually

# Start and stop


def test_new_starts_a_sandbox_and_waits_until_it_runs(builds: Builds) -> None:
    answer = builds.run("start", "docs.codebuild", "--new")
    sandbox = builds.running("docs")
    assert answer.stdout.decode() == f"Sandbox docs ({sandbox.id}) is RUN_SANDBOX\n", answer.stderr
    assert builds.calls("StartSandbox") == 1
    assert builds.says("start", "docs.codebuild") == answer.stdout.decode()
    assert builds.calls("StartSandbox") == 1


def test_ssh_to_a_new_sandbox_waits_for_it_and_its_agent(builds: Builds) -> None:
    builds.project().start_seconds, builds.project().agent_seconds = 1.5, 4.0
    answer = builds.run("ssh", "--new", HOST, "echo hello")
    assert (answer.returncode, answer.stdout) == (0, b"hello\n"), answer.stderr
    assert builds.calls("StartSandbox") == 1
    assert builds.calls("StartSandboxConnection") > 1
    assert builds.sessions[-1].machine_id == builds.running().arn
    assert b"A new target starts for shop.codebuild, which takes" in answer.stderr


def test_proxy_with_new_starts_one_sandbox(builds: Builds) -> None:
    process = builds.commands.start(*CONNECTOR, "proxy", "--new", "docs.codebuild")
    process.reader.until(b"SSH-2.0-")
    process.hang_up()
    assert process.wait() == 0
    assert builds.calls("StartSandbox") == 1
    assert builds.sessions[-1].machine_id == builds.running("docs").arn


def test_no_start_forbids_a_new_sandbox(builds: Builds) -> None:
    line = builds.fails(75, "ssh", "--no-start", "--new", "docs.codebuild", "true")
    assert "NOT_STARTED" in line
    assert builds.calls("StartSandbox") == 0


def test_sandbox_that_fails_to_start_says_why(builds: Builds) -> None:
    builds.project().start_seconds = 600.0
    process = builds.commands.start(*CONNECTOR, "start", HOST, "--new")
    eventually(lambda: builds.calls("StartSandbox") == 1, "a start")
    builds.call(lambda: builds.world.set_state("shop", "FAILED", "The image cannot be pulled"))
    assert process.wait() == 75
    line = process.stderr().splitlines()[-1]
    assert "is FAILED: The image cannot be pulled" in line
    assert "`connector start --new shop.codebuild`" in line


def test_interrupted_start_tells_how_to_stop_the_sandbox(builds: Builds) -> None:
    builds.project().start_seconds = 600.0
    process = builds.commands.start(*CONNECTOR, "ssh", "--new", HOST)
    eventually(lambda: "connector stop" in process.stderr(), "the line about the cost")
    process.signal(signal.SIGINT)
    assert process.wait() == 130
    host = f"{builds.newest().id.replace(':', '.')}.{REGION}.codebuild"
    line = "The new target costs money until it stops. To stop it, run"
    assert f"connector: {line} `connector stop {host}`" in process.stderr().splitlines()
    builds.says("stop", "--yes", host)


MAYBE = "A new target may have been started, which costs money until it stops. Look for it with"


@pytest.mark.parametrize(
    ("command", "number", "exit_code"),
    [
        ("start", signal.SIGINT, 130),
        ("start", signal.SIGTERM, 143),
        ("ssh", signal.SIGHUP, 129),
        ("proxy", signal.SIGTERM, 143),
        ("proxy", signal.SIGHUP, 0),
        ("shell", signal.SIGINT, 130),
    ],
)
def test_end_before_the_answer_tells_how_to_find_the_sandbox(
    builds: Builds, command: str, number: signal.Signals, exit_code: int
) -> None:
    held = builds.hold("StartSandbox")
    place = ("--region", REGION)
    process = builds.commands.start(*CONNECTOR, command, "--new", *place, "docs.codebuild")
    assert held.wait(PATIENCE)
    process.signal(number)
    assert process.wait() == exit_code
    listing = f"connector list --kind codebuild --region {REGION}"
    line = f"{MAYBE} `{listing}`, and stop it with `connector stop NAME`"
    assert process.stderr().splitlines()[-1] == f"connector: {line}"
    assert builds.newest().id in builds.says(*listing.split()[1:])


def test_ctrl_c_before_the_answer_tells_how_to_find_the_sandbox(builds: Builds) -> None:
    held = builds.hold("StartSandbox")
    with Terminal(24, 200) as terminal:
        process = builds.at(terminal, "start", "--new", "docs.codebuild")
        assert held.wait(PATIENCE)
        terminal.type(b"\x03")
        assert process.wait() == 130
    assert MAYBE in process.stderr()


def test_refused_start_leaves_nothing_to_look_for(builds: Builds) -> None:
    builds.refuse("StartSandbox", "AccessDeniedException", status=403)
    answer = builds.run("start", "--new", "docs.codebuild")
    assert answer.returncode == 77
    assert b"may have been started" not in answer.stderr


def test_proxy_cut_off_during_a_start_names_the_new_sandbox(builds: Builds) -> None:
    builds.project().start_seconds = 600.0
    process = builds.commands.start(*CONNECTOR, "proxy", "--new", HOST)
    eventually(lambda: "connector stop" in process.stderr(), "the line about the cost")
    process.hang_up()
    process.wait()
    line = process.stderr().splitlines()[-1]
    host = f"{builds.newest().id.replace(':', '.')}.{REGION}.codebuild"
    assert "is still starting" in line
    assert f"Run `connector start {host}`" in line


def test_new_is_refused_with_a_name_of_no_project(builds: Builds) -> None:
    uuid, arn = builds.running().uuid, builds.running().arn
    for command, name, project in (
        ("start", f"shop.{uuid}.codebuild", "shop"),
        ("ssh", f"shop.{uuid}.us-west-2.codebuild", "shop"),
        ("proxy", f"codebuild-sandbox-ssh={arn}", "shop"),
        ("start", arn, "shop"),
        ("start", f"{uuid}.codebuild", "PROJECT"),
        ("start", "no project.codebuild", "PROJECT"),
    ):
        line = builds.fails(78, command, "--new", name)
        assert "names no project. Write" in line
        assert f"`--new {project}.codebuild`" in line
    assert builds.calls("StartSandbox") == 0


def test_unknown_project_is_told_by_its_name(builds: Builds) -> None:
    line = builds.fails(68, "start", "nothing.codebuild", "--new")
    assert "no project nothing in us-west-2" in line


def test_stop_asks_and_says_what_is_lost(builds: Builds) -> None:
    with Terminal(24, 100) as terminal:
        process = builds.at(terminal, "stop", HOST, "--wait")
        shown = terminal.reader.until(b"[y/N]")
        assert b"all its files" in shown
        terminal.type(b"y\n")
        assert process.wait() == 0
        assert b"is STOPPED" in terminal.reader.rest()
    assert builds.world.state("shop") == "STOPPED"


def test_stop_without_a_terminal_says_what_would_be_lost(builds: Builds) -> None:
    line = builds.fails(78, "stop", HOST)
    lost = "no terminal to ask on. A stop deletes the sandbox with all its files. Give --yes"
    assert lost in line
    assert builds.calls("StopSandbox") == 0


def test_start_of_a_stopped_sandbox_advises_a_new_one(builds: Builds) -> None:
    sandbox = builds.running()
    builds.says("stop", HOST, "--yes")
    name = f"{sandbox.id.replace(':', '.')}.codebuild"
    line = builds.fails(75, "start", name, "--region", REGION)
    assert f"`connector start --new shop.codebuild --region {REGION}`" in line


# The offer at the end


def test_ssh_offers_to_stop_the_sandbox(builds: Builds) -> None:
    with Terminal(24, 100) as terminal:
        process = builds.at(terminal, "ssh", HOST, "echo hello; exit 7")
        terminal.reader.until(b"shop.codebuild still runs and is billed by the second")
        terminal.type(b"y\n")
        assert process.wait() == 7
    assert builds.world.state("shop") == "STOPPED"


def test_ssh_without_a_terminal_never_stops_the_sandbox(builds: Builds) -> None:
    environ = builds.commands.environ
    directory = Path(environ["HOME"], ".aws")
    directory.mkdir()
    id, secret = environ["AWS_ACCESS_KEY_ID"], environ["AWS_SECRET_ACCESS_KEY"]
    keys = f"aws_access_key_id = {id}\naws_secret_access_key = {secret}\n"
    (directory / "config").write_text(f"[profile work]\nregion = {REGION}\n{keys}")
    answer = builds.run("ssh", "--profile", "work", HOST, "exit 7")
    assert answer.returncode == 7
    name = f"shop.{builds.running().uuid}.{REGION}.codebuild"
    stop = f"Stop it with `connector stop {name} --profile work`"
    line = f"connector: {HOST} still runs and is billed by the second. {stop}"
    assert answer.stderr.decode().splitlines()[-1] == line
    assert builds.world.state("shop") == "RUN_SANDBOX"
    assert builds.calls("StopSandbox") == 0
