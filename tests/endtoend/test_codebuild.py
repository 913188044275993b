"""CodeBuild's sandboxes by every command, with real ssh, scp and rsync."""

from __future__ import annotations

import os
from pathlib import Path

from connector.emulator.faults.plans import How

from .builds import HOST, REGION, Builds
from .commands import CONNECTOR
from .waiting import eventually

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


def test_doctor_without_a_target_checks_keys_before_a_login(builds: Builds) -> None:
    environ = builds.commands.environ
    environ["AWS_EC2_METADATA_DISABLED"] = "true"
    found = builds.examine()
    assert found.exit_code == 0
    assert {"profile", "token", "api", "identity"} <= {*found.by_status("skip")}
    assert (found.status("keys"), found.status("keys-identity")) == ("ok", "ok")
    assert found.legs["keys-identity"]["facts"]["account"] == "111122223333"
    environ["AWS_SECRET_ACCESS_KEY"] = "another"
    builds.examine().failure(77, "keys-identity")
    del environ["AWS_ACCESS_KEY_ID"], environ["AWS_SECRET_ACCESS_KEY"]
    found = builds.examine()
    assert found.failure(77, "profile")
    assert (found.status("keys"), found.status("keys-identity")) == ("skip", "skip")


def test_doctor_finds_a_role_that_may_not_start_sessions(builds: Builds) -> None:
    builds.project().role_may_start_sessions = False
    assert "service role of the project shop" in builds.examine(HOST).failure(77, "session")


def test_doctor_finds_a_missing_permission(builds: Builds) -> None:
    builds.account.deny("codebuild:StartSandboxConnection")
    assert "codebuild:StartSandboxConnection" in builds.examine(HOST).failure(77, "session")


def test_doctor_warns_of_an_agent_that_has_not_connected_yet(builds: Builds) -> None:
    builds.project().agent_seconds = 1e6
    found = builds.examine(HOST)
    assert (found.exit_code, found.status("session")) == (0, "warn")
    assert found.text("session").startswith("It is RUN_SANDBOX without an agent yet")
    assert "ssh waits for it" in found.legs["session"]["hint"]


def test_agent_that_stays_away_is_reported(builds: Builds) -> None:
    builds.project().agent_seconds = 1e6
    builds.running().requested -= 3600.0
    assert "its SSM agent is not connected" in builds.fails_after_tries(75, HOST)


def test_doctor_finds_a_project_without_a_sandbox(builds: Builds) -> None:
    assert "--new" in builds.examine("docs.codebuild").failure(68, "target")
    assert builds.calls("StartSandbox") == 0
