"""CodeBuild's sandboxes by every command, with real ssh, scp and rsync."""

from __future__ import annotations

import asyncio
import os
import signal
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import cast

import pytest
from aiohttp import web

from connector.emulator.api.codebuild.model import Project, Sandbox
from connector.emulator.api.codebuild.world import CodeBuildWorld
from connector.emulator.api.rest import Proceed
from connector.emulator.api.world import PlannedTarget
from connector.emulator.faults.plans import How

from .commands import CONNECTOR
from .terminals import Terminal
from .waiting import PATIENCE, eventually
from .workshop import Workshop

REGION = "us-west-2"
HOST = "shop.codebuild"


class Builds(Workshop):
    """CodeBuild with the project shop, which has a sandbox, and docs, which has none."""

    def __init__(self, directory: Path) -> None:
        targets = (PlannedTarget("shop"), PlannedTarget("docs", running=False))
        super().__init__(directory, "codebuild", targets)
        self.released = asyncio.Event()  # lets held answers go

    def project(self, name: str = "shop") -> Project:
        sandbox = self.sandbox(name)
        assert sandbox is not None
        return sandbox.project

    def sandbox(self, name: str = "shop") -> Sandbox | None:
        world = cast(CodeBuildWorld, self.world)
        return self.call(lambda: world.sandbox(name))

    def running(self, name: str = "shop") -> Sandbox:
        sandbox = self.sandbox(name)
        assert sandbox is not None
        return sandbox

    def newest(self) -> Sandbox:
        """Return the sandbox that was started last."""
        model = cast(CodeBuildWorld, self.world).model
        return self.call(lambda: max(model.sandboxes(REGION), key=lambda each: each.requested))

    def hold(self, operation: str) -> threading.Event:
        """Carry requests of an operation out, but answer none; return the event of the first."""
        server, held = self.emulator.server, threading.Event()
        assert server is not None

        async def intercept(name: str, request: web.Request, proceed: Proceed) -> web.Response:
            response = await proceed()
            if name.endswith(f":{operation}"):
                held.set()
                await self.released.wait()
            return response

        server.intercept = intercept
        return held

    def another(self, name: str = "shop") -> Sandbox:
        """Start one more sandbox of a project."""
        return self.call(lambda: cast(CodeBuildWorld, self.world).model.start(REGION, name))


@pytest.fixture
def builds(tmp_path: Path) -> Iterator[Builds]:
    with Builds(tmp_path) as builds:
        yield builds
        builds.call(builds.released.set)


# The list and names


def test_list_shows_living_sandboxes(builds: Builds) -> None:
    (found,) = builds.listed()
    assert found["sshName"] == HOST
    assert (found["name"], found["state"], found["region"]) == ("shop", "RUN_SANDBOX", REGION)
    assert found["id"] == builds.running().id
    assert found["image"] == "aws/codebuild/standard:7.0"
    line = builds.says("list", "--kind", "codebuild").splitlines()[0].split("\t")
    assert line[:5] == [HOST, "RUN_SANDBOX", "shop", REGION, builds.running().id]
    builds.says("stop", HOST, "--yes", "--wait")
    assert builds.listed() == []


def test_list_describes_sandboxes_a_hundred_at_a_time(builds: Builds) -> None:
    for _ in range(120):
        builds.another("docs")
    assert len(builds.listed()) == 121
    assert builds.calls("ListSandboxes") == 2
    assert builds.calls("BatchGetSandboxes") == 2


def test_several_sandboxes_of_a_project_are_ambiguous(builds: Builds) -> None:
    first, second = builds.running(), builds.another()
    line = builds.fails(78, "ssh", HOST, "true")
    for sandbox in (first, second):
        assert f"{sandbox.id.replace(':', '.')}.codebuild" in line
    assert {each["sshName"] for each in builds.listed()} == {
        f"{sandbox.id.replace(':', '.')}.codebuild" for sandbox in (first, second)
    }
    assert builds.calls("StartSandbox") == 0


def test_ssh_reaches_a_sandbox_by_every_name(builds: Builds) -> None:
    sandbox = builds.running()
    builds.configure()
    names = ["SHOP.us-west-2.codebuild", f"codebuild-sandbox-ssh={sandbox.arn}"]
    for name in (*names, f"shop.{sandbox.uuid}.codebuild", f"{sandbox.uuid}.codebuild"):
        assert b" proxy %n\n" in builds.ssh("-G", name).stdout
    for name in names:
        answer = builds.ssh(name, "echo $PWD")
        assert (answer.returncode, answer.stdout.decode()) == (0, f"{builds.home}\n"), answer.stderr
    assert {session.machine_id for session in builds.sessions} == {sandbox.arn}
    builds.wait_all_ended()


def test_arn_needs_no_look_up_and_no_region(builds: Builds) -> None:
    for name in ("AWS_REGION", "AWS_DEFAULT_REGION"):
        del builds.commands.environ[name]
    process = builds.commands.start(
        *CONNECTOR, "proxy", f"codebuild-sandbox-ssh={builds.running().arn}"
    )
    process.reader.until(b"SSH-2.0-")
    process.hang_up()
    assert process.wait() == 0
    assert builds.calls("ListSandboxes") == 0
    assert builds.calls("StartSandboxConnection") == 1


def test_project_without_a_sandbox_says_how_to_start_one(builds: Builds) -> None:
    line = builds.fails(68, "proxy", "docs.codebuild")
    assert "`connector start --new docs.codebuild`" in line
    assert builds.calls("StartSandbox") == 0


def test_name_of_a_stopped_sandbox_is_looked_up_again(builds: Builds) -> None:
    builds.listed()
    builds.says("stop", HOST, "--yes")
    fresh = builds.another()
    assert builds.says("ssh", HOST, "echo two") == "two\n"
    assert builds.sessions[-1].machine_id == fresh.arn


# Copies


def test_scp_and_rsync_take_the_name_without_colons(builds: Builds, tmp_path: Path) -> None:
    builds.configure()
    data = os.urandom(300_000)
    (tmp_path / "data").write_bytes(data)
    options = ("-o", "BatchMode=yes")
    answer = builds.commands.run("scp", *options, str(tmp_path / "data"), f"{HOST}:by-scp")
    assert answer.returncode == 0, answer.stderr
    assert (builds.home / "by-scp").read_bytes() == data
    answer = builds.commands.run("rsync", "-a", f"{HOST}:by-scp", str(tmp_path / "back"))
    assert answer.returncode == 0, answer.stderr
    assert (tmp_path / "back").read_bytes() == data
    builds.wait_all_ended()


# Start and stop


def test_new_starts_a_sandbox_and_waits_until_it_runs(builds: Builds) -> None:
    answer = builds.run("start", "docs.codebuild", "--new")
    sandbox = builds.running("docs")
    assert answer.stdout.decode() == f"sandbox docs ({sandbox.id}) is RUN_SANDBOX\n", answer.stderr
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
    assert "`connector start shop.codebuild --new`" in line


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
    line = f"{MAYBE} `{listing}`, and stop it with `connector stop`"
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


def test_lost_answer_tells_how_to_find_the_sandbox(builds: Builds) -> None:
    held = builds.hold("StartSandbox")
    line = builds.fails(69, "start", "--new", "docs.codebuild")
    assert held.is_set()
    assert "A sandbox may have been started: see `connector list --kind codebuild`" in line


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
    assert "`connector start shop.codebuild --new`" in builds.fails(75, "start", name)


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


# Shells and commands


def test_shell_and_exec_go_through_systems_manager(builds: Builds) -> None:
    assert "a42b" in builds.says("shell", HOST, input=b"echo a$((40+2))b\n")
    assert builds.says("exec", HOST, "--", "echo", "a b") == "a b\n"
    assert builds.calls("StartSandboxConnection") == 0
    assert builds.calls("ssm:StartSession") == 2
    builds.wait_all_ended()


def test_denied_shell_names_the_permission(builds: Builds) -> None:
    builds.account.deny("ssm:StartSession")
    assert "ssm:StartSession" in builds.fails(77, "exec", HOST, "--", "true")


# Sessions


def test_lost_link_is_resumed_with_a_fresh_token(builds: Builds) -> None:
    process = builds.commands.start(*CONNECTOR, "proxy", HOST)
    process.reader.until(b"SSH-2.0-")
    gateway = builds.emulator.gateway
    assert gateway is not None
    builds.call(lambda: gateway.cut_links(How.RESET))
    eventually(lambda: builds.calls("ssm:ResumeSession") > 0, "a resume")
    process.hang_up()
    assert process.wait() == 0
    builds.wait_all_ended()


def test_denied_end_of_a_session_is_no_error(builds: Builds) -> None:
    builds.account.deny("ssm:TerminateSession")
    process = builds.commands.start(*CONNECTOR, "proxy", HOST)
    process.reader.until(b"SSH-2.0-")
    process.hang_up()
    assert process.wait() == 0
    assert process.stderr() == ""


# Refusals


def test_service_role_without_permission_is_named(builds: Builds) -> None:
    builds.project().role_may_start_sessions = False
    line = builds.fails(77, "proxy", HOST)
    assert "The service role of the project shop may not start sessions" in line
    assert "docs/codebuild.md" in line


def test_throttled_connection_is_tried_again(builds: Builds) -> None:
    builds.refuse("StartSandboxConnection", "ThrottlingException", times=2)
    process = builds.commands.start(*CONNECTOR, "proxy", HOST)
    process.reader.until(b"SSH-2.0-")
    assert builds.calls("StartSandboxConnection") == 3


def test_denied_list_names_the_permission(builds: Builds) -> None:
    builds.account.deny("codebuild:ListSandboxes")
    assert "codebuild:ListSandboxes" in builds.fails(77, "proxy", HOST)


# Doctor, with a set-up that is broken


def wrong(builds: Builds, leg: str, host: str = HOST) -> str:
    """Return the text and hint of a leg of the doctor that fails."""
    found = builds.legs(host)[1][leg]
    assert found["status"] == "fail", found
    return f"{found['text']} -> {found['hint']}"


def test_doctor_without_a_target_checks_keys_before_a_login(builds: Builds) -> None:
    environ = builds.commands.environ
    environ["AWS_EC2_METADATA_DISABLED"] = "true"
    code, legs = builds.legs()
    assert code == 0
    assert (legs["keys"]["status"], legs["keys-identity"]["status"]) == ("ok", "ok")
    assert legs["keys-identity"]["facts"]["account"] == "111122223333"
    assert {legs[name]["status"] for name in ("profile", "token", "api", "identity")} == {"skip"}
    environ["AWS_SECRET_ACCESS_KEY"] = "another"
    code, legs = builds.legs()
    assert (code, legs["keys-identity"]["status"]) == (77, "fail")
    del environ["AWS_ACCESS_KEY_ID"], environ["AWS_SECRET_ACCESS_KEY"]
    code, legs = builds.legs()
    assert (code, legs["keys"]["status"], legs["keys-identity"]["status"]) == (77, "skip", "skip")
    assert legs["profile"]["status"] == "fail"


def test_doctor_finds_a_role_that_may_not_start_sessions(builds: Builds) -> None:
    builds.project().role_may_start_sessions = False
    assert "service role of the project shop" in wrong(builds, "session")


def test_doctor_finds_a_missing_permission(builds: Builds) -> None:
    builds.account.deny("codebuild:StartSandboxConnection")
    assert "codebuild:StartSandboxConnection" in wrong(builds, "session")


def test_doctor_finds_an_agent_that_is_not_connected(builds: Builds) -> None:
    builds.project().agent_seconds = 1e6
    assert wrong(builds, "session").startswith("It is RUN_SANDBOX without an agent yet -> ")
    builds.running().requested -= 3600.0
    assert "agent of the sandbox of shop is not connected" in wrong(builds, "session")


def test_doctor_finds_a_project_without_a_sandbox(builds: Builds) -> None:
    assert "--new" in wrong(builds, "target", "docs.codebuild")
    assert builds.calls("StartSandbox") == 0
