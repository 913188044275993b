"""ECS tasks with the real program: commands, shells, copies, ssh, refusals and doctor."""

from __future__ import annotations

import json
import os
import random
import subprocess
from pathlib import Path

import pytest

from connector.emulator.api.ecs.service import NOT_ENABLED
from connector.emulator.api.errors import ApiError

from ..copy.images import BUSYBOX, busybox_image, image
from ..forks import start
from .ecs import Containers, words_of
from .waiting import eventually

#: All bytes, and more than a few messages of the agent.
BINARY = random.Random(3).randbytes(60_000) + bytes(range(256))

#: Words that a shell, or the agent's own parser of a line, would change without quotes.
ODD = [
    "",
    " ",
    "a  b",
    "#x",
    "x#y",
    "$HOME",
    "it's",
    '"',
    "\\",
    "*",
    "~",
    "a\nb",
    "täst",
    "-n",
    ";",
]

NEEDS_BUSYBOX = pytest.mark.skipif(not BUSYBOX, reason="this machine has no busybox")


# Commands


@pytest.mark.parametrize("kind", ["slim", pytest.param("busybox", marks=NEEDS_BUSYBOX)])
def test_exec_passes_bytes_and_status(ecs: Containers, tmp_path: Path, kind: str) -> None:
    make = busybox_image if kind == "busybox" else image
    ecs.add(path=make(tmp_path / "image"))
    answer = ecs.execute("app.ecs", "sh", "-c", "cat; echo no >&2; exit 41", input=BINARY)
    assert (answer.returncode, answer.stderr) == (41, b"no\n")
    assert answer.stdout == BINARY


def test_words_reach_the_program_as_they_are(ecs: Containers) -> None:
    script = 'for x do printf "<%s>" "$x"; done'
    answer = ecs.execute("demo.ecs", "sh", "-c", script, "sh", *ODD)
    assert answer.stdout.decode() == "".join(f"<{word}>" for word in ODD)


def test_word_that_is_not_text_is_refused(ecs: Containers) -> None:
    code, line = ecs.refuses("exec", "demo.ecs", "--", "echo", os.fsdecode(b"\xff"))
    assert (code, "not UTF-8" in line) == (78, True)


def test_image_without_stty_has_no_input(ecs: Containers, tmp_path: Path) -> None:
    ecs.add(path=image(tmp_path / "image", without=["stty"]))
    answer = ecs.execute("app.ecs", "sh", "-c", "cat; printf '\\377' ; exit 3", input=b"lost")
    assert (answer.returncode, answer.stdout) == (3, b"\xff")
    assert b"The target has no stty: the command gets no input" in answer.stderr


def test_image_with_sh_alone_has_a_status(ecs: Containers, tmp_path: Path) -> None:
    ecs.add(path=image(tmp_path / "image", ["sh"]))
    answer = ecs.execute("app.ecs", "sh", "-c", "echo out; exit 5")
    assert (answer.returncode, answer.stdout.strip()) == (5, b"out")
    assert b"The target has no base64, dd, tr" in answer.stderr


@pytest.mark.parametrize("command", ["exec", "cp"])
def test_image_without_sh_is_told_in_the_agents_words(
    ecs: Containers, tmp_path: Path, command: str
) -> None:
    ecs.add(path=image(tmp_path / "image", ["true"]))
    words = {"exec": ("app.ecs", "--", "true"), "cp": ("app.ecs:x", ".")}
    answer = ecs.run(command, *words[command])
    assert answer.returncode == 69
    assert b'exec: "sh": executable file not found in $PATH' in answer.stderr


def test_shell_is_bash_where_there_is_one(ecs: Containers, tmp_path: Path) -> None:
    ecs.add("with", path=image(tmp_path / "with", ["sh", "bash"]))
    ecs.add("without", path=image(tmp_path / "without", ["sh"]))
    ask = b'echo "<${BASH_VERSION:+bash}>"\nexit\n'
    assert "<bash>" in ecs.says("shell", "with.ecs", input=ask)
    assert "<>" in ecs.says("shell", "without.ecs", input=ask)


def test_command_survives_a_lost_link(ecs: Containers) -> None:
    with start(
        words_of("exec", "demo.ecs", "--", "sh", "-c", "echo begun; cat; exit 9"),
        env=ecs.environ,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        assert process.stdout.readline() == b"begun\n"
        assert ecs.emulator.cut_links() == 1
        process.stdin.write(BINARY)
        process.stdin.close()
        assert process.stdout.read() == BINARY
    assert process.returncode == 9


# Copies


def test_cp_copies_a_tree_both_ways(ecs: Containers, tmp_path: Path) -> None:
    ecs.add(path=image(tmp_path / "image"))
    tree = ecs.home / "tree" / "sub dir"
    tree.mkdir(parents=True)
    (tree / "it's").write_bytes(BINARY)
    (tree / "run").write_text("#!/bin/sh\n")
    (tree / "run").chmod(0o755)
    ecs.says("cp", "-r", "tree", "app.ecs:there")
    *_, end = ecs.says("cp", "--json", "-r", "app.ecs:there", "back").splitlines()
    found = json.loads(end)
    assert (found["bytes"], found["files"], found["notCompared"]) == (len(BINARY) + 10, 2, 0)
    for root in (ecs.emulator.home / "there", ecs.home / "back"):
        assert (root / "sub dir" / "it's").read_bytes() == BINARY
        assert os.access(root / "sub dir" / "run", os.X_OK)
    left = [*ecs.home.rglob(".connector-*"), *ecs.emulator.home.rglob(".connector-*")]
    assert left == []


def test_cp_copies_streams(ecs: Containers) -> None:
    ecs.says("cp", "-", "demo.ecs:file", input=BINARY)
    assert (ecs.emulator.home / "file").read_bytes() == BINARY
    assert ecs.run("cp", "demo.ecs:file", "-").stdout == BINARY


def test_cp_tells_what_it_does_not_copy(ecs: Containers) -> None:
    code, line = ecs.refuses("cp", "demo.ecs:none", ".")
    assert (code, line) == (1, "connector: none: there is no such file at the far end")


def test_cp_tells_what_the_image_lacks(ecs: Containers, tmp_path: Path) -> None:
    ecs.add(path=image(tmp_path / "image", without=["tar"]))
    code, line = ecs.refuses("cp", "app.ecs:file", ".")
    assert code == 78
    assert line.startswith("connector: The target has no tar. A copy needs sh, base64, dd, tr, tar")


@pytest.mark.parametrize(
    "words", [("--resume",), ("-j", "3"), ("-o", "User=me")], ids=lambda words: words[0]
)
def test_cp_refuses_options_of_ssh(ecs: Containers, words: tuple[str, ...]) -> None:
    code, line = ecs.refuses("cp", *words, "demo.ecs:file", ".")
    assert (code, "does not go with ECS tasks" in line) == (78, True)


def test_interrupted_upload_leaves_nothing(ecs: Containers) -> None:
    (ecs.home / "big").write_bytes(BINARY * 300)
    process = start(
        words_of("cp", "big", "demo.ecs:"), env=ecs.environ, cwd=ecs.home, stderr=subprocess.PIPE
    )
    with process:
        eventually(lambda: list(ecs.emulator.home.glob(".connector-*")), "the copy's directory")
        process.terminate()
    assert process.returncode == 143
    eventually(lambda: list(ecs.emulator.home.iterdir()) == [], "an empty home directory")


# Names, tasks and states


def test_list_shows_each_service_once_with_its_state(ecs: Containers) -> None:
    ecs.add()
    ecs.add()
    ecs.add("job", "", family="nightly", exec_enabled=False)
    lines = [line.split("\t") for line in ecs.says("list", "--kind", "ecs").splitlines()]
    assert [(line[0], line[1], line[6]) for line in lines] == [
        ("job.ecs", "EXEC_OFF", "1"),
        ("app.ecs", "RUNNING", "2"),
        ("demo.ecs", "RUNNING", "1"),
    ]
    [job, app, demo] = json.loads(ecs.says("list", "--kind", "ecs", "--json"))
    assert (job["family"], job["cluster"], len(app["tasks"])) == ("nightly", "prod", 2)
    assert (demo["service"], demo["task"]) == ("web-site-1", ecs.first.id)


def test_name_of_a_service_means_its_oldest_task_that_works(
    ecs: Containers, tmp_path: Path
) -> None:
    tasks = []
    for number in range(4):
        programs = image(tmp_path / str(number))
        (programs / "which-task").write_text(f"#!/bin/sh\necho {number}\n")
        (programs / "which-task").chmod(0o755)
        tasks.append(ecs.add(path=programs))
        tasks[-1].started = 1e9 + (40, 20, 10, 30)[number]
    tasks[2].exec_enabled = False
    assert ecs.execute("app.ecs", "which-task").stdout == b"1\n"
    tasks[2].exec_enabled = True
    assert ecs.execute("app.web.prod.ecs", "which-task").stdout == b"1\n"  # it is remembered
    ecs.says("list", "--kind", "ecs")
    assert ecs.execute("app.web.ecs", "which-task").stdout == b"2\n"
    for name in (f"{tasks[3].id}.ecs", f"App.{tasks[3].id}.ECS"):
        assert ecs.execute(name, "which-task").stdout == b"3\n"
    target = tasks[0].target(tasks[0].containers[0])
    assert ecs.execute(target, "which-task").stdout == b"0\n"
    arn = f"arn:aws:ecs:us-west-2:111122223333:task/prod/{tasks[0].id}"
    assert ecs.execute(arn, "which-task").stdout == b"0\n"


def test_task_that_a_deployment_has_replaced_is_found_anew(ecs: Containers) -> None:
    old = ecs.add()
    assert ecs.execute("app.ecs", "true").returncode == 0
    ecs.add()
    old.status = "STOPPED"
    assert ecs.execute("app.ecs", "true").returncode == 0
    ecs.emulator.call(lambda: ecs.world.clusters.tasks.remove(old))
    assert ecs.execute("app.ecs", "true").returncode == 0


def test_ambiguous_and_unknown_names_are_refused(ecs: Containers) -> None:
    ecs.add()
    ecs.add(service="api")
    code, line = ecs.refuses("exec", "app.ecs", "--", "true")
    assert code == 78
    assert line.endswith("2 ECS tasks can be meant by 'app'. Give app.api.ecs or app.web.ecs")
    code, line = ecs.refuses("exec", "apb.ecs", "--", "true")
    assert (code, "There is no ECS container 'apb' in us-west-2" in line) == (68, True)
    for name in ("0123456789abcdef" * 2, "app." + "0123456789abcdef" * 2):
        code, line = ecs.refuses("exec", f"{name}.ecs", "--", "true")
        assert (code, "There is no task" in line) == (68, True)
    code, line = ecs.refuses("exec", f"none.{ecs.first.id}.ecs", "--", "true")
    assert (code, "There are demo" in line) == (68, True)


def test_id_of_a_task_with_several_containers_needs_one(ecs: Containers) -> None:
    clusters = ecs.world.clusters
    containers = {"app": "", "proxy": ""}
    task = ecs.emulator.call(lambda: clusters.add_task("us-west-2", "prod", "w", containers))
    code, line = ecs.refuses("exec", f"{task.id}.ecs", "--", "true")
    assert code == 78
    assert line.endswith(f"has the containers app, proxy. Write app.{task.id}.ecs")
    assert ecs.execute(f"proxy.{task.id}.ecs", "true").returncode == 0


def test_exec_that_is_off_is_told_with_the_command(ecs: Containers) -> None:
    ecs.emulator.set_state("EXEC_OFF")
    for command in (("exec", "demo.ecs", "--", "true"), ("shell", "demo.ecs"), ("ssh", "demo.ecs")):
        code, line = ecs.refuses(*command)
        assert code == 75
        assert "is EXEC_OFF: ECS Exec is off for this task. Run `aws ecs update-service " in line
        assert "--cluster prod --service web-site-1 --enable-execute-command" in line


def test_agent_that_registers_is_waited_for(ecs: Containers) -> None:
    ecs.add(agent_seconds=3.0)
    answer = ecs.execute("app.ecs", "echo", "hi")
    assert (answer.returncode, answer.stdout) == (0, b"hi\n")


def test_agent_that_stays_away_is_told(ecs: Containers) -> None:
    ecs.emulator.set_state("EXEC_PENDING")
    code, line = ecs.refuses("exec", "demo.ecs", "--wait", "1", "--", "true")
    assert (code, "is still EXEC_PENDING after 1 s" in line) == (75, True)
    ecs.emulator.set_state("EXEC_STOPPED", reason="The ssmmessages endpoint is unreachable")
    code, line = ecs.refuses("exec", "demo.ecs", "--", "true")
    assert (code, "is EXEC_STOPPED: The ssmmessages endpoint is unreachable" in line) == (75, True)


def test_service_without_a_task_is_told(ecs: Containers) -> None:
    ecs.says("list", "--kind", "ecs")
    ecs.emulator.set_state("STOPPED")
    code, line = ecs.refuses("exec", "demo.ecs", "--", "true")
    assert (code, "no task of it runs" in line) == (75, True), line


def test_unregistered_target_is_tried_again_and_then_told(ecs: Containers) -> None:
    from connector.emulator.api.errors import ApiError

    def refuse(times: int) -> None:
        sentence = "The execute command failed due to an internal error. Try again later."
        error = ApiError(sentence, "TargetNotConnectedException", 400)
        misbehaviours = ecs.emulator._emulator.misbehaviours
        ecs.emulator.call(lambda: misbehaviours.refuse("ExecuteCommand", error, times))

    refuse(2)
    fresh = ecs.execute("demo.ecs", "true")
    assert (fresh.returncode, b"RUNNING without an agent yet" in fresh.stderr) == (0, True)
    ecs.first.started -= 3600.0
    refuse(2)
    old = ecs.execute("demo.ecs", "true")
    assert (old.returncode, old.stderr) == (0, b"")
    refuse(1000)
    error = ecs.failure_after_tries("demo.ecs", "true")
    assert (error.exit_code, "its SSM agent is not connected: The" in str(error)) == (75, True)


def test_agent_that_ecs_does_not_see_is_told(ecs: Containers) -> None:
    ecs.first.started -= 3600.0
    error = ApiError(NOT_ENABLED, "InvalidParameterException", 400)
    misbehaviours = ecs.emulator._emulator.misbehaviours
    ecs.emulator.call(lambda: misbehaviours.refuse("ExecuteCommand", error, 1000))
    failure = ecs.failure_after_tries("demo.ecs", "true")
    assert (failure.exit_code, "agent is not connected: The" in str(failure)) == (75, True)


def test_denied_action_is_told_with_its_resource(ecs: Containers) -> None:
    ecs.emulator.deny("ecs:ExecuteCommand")
    code, line = ecs.refuses("exec", "demo.ecs", "--", "true")
    assert code == 77
    assert "not authorized to perform: ecs:ExecuteCommand on resource: arn:aws:ecs:" in line
    assert ecs.first.id in line


def test_cluster_that_may_not_be_listed_hides_no_other(ecs: Containers) -> None:
    clusters = ecs.world.clusters
    ecs.emulator.call(lambda: clusters.add_task("us-west-2", "secret", "w", {"app": ""}))
    ecs.emulator.deny("ecs:DescribeTasks", "*task/secret/*")
    assert [line.split("\t")[0] for line in ecs.says("list", "--kind", "ecs").splitlines()] == [
        "demo.ecs"
    ]
    ecs.emulator.deny("ecs:DescribeTasks")
    code, line = ecs.refuses("list", "--kind", "ecs")
    assert (code, "not authorized to perform: ecs:DescribeTasks" in line) == (77, True)


# start, stop and sessions


def test_tasks_are_not_started_or_stopped(ecs: Containers) -> None:
    assert "is RUNNING" in ecs.says("start", "demo.ecs")
    code, line = ecs.refuses("stop", "demo.ecs", "--yes")
    assert code == 78
    assert f"Run `aws ecs stop-task --cluster prod --task {ecs.first.id} --region " in line
    assert ecs.emulator.state() == "RUNNING"
    ecs.emulator.set_state("STOPPED")
    code, line = ecs.refuses("start", "demo.ecs")
    assert code == 75
    assert "The connector starts no tasks: look at `aws ecs describe-services" in line


def test_sessions_are_listed_and_ended(ecs: Containers) -> None:
    with start(
        words_of("exec", "demo.ecs", "--", "sh", "-c", "echo begun; sleep 60"),
        env=ecs.environ,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"begun\n"
        [line] = ecs.says("sessions", "list", "demo.ecs").splitlines()
        session = line.split()[0]
        assert session.startswith("ecs-execute-command-")
        ecs.says("sessions", "stop", "demo.ecs", session)
        process.communicate(timeout=60)
    assert process.returncode == 69


def test_session_ends_with_its_command(ecs: Containers) -> None:
    assert ecs.execute("demo.ecs", "true").returncode == 0
    target = ecs.first.target(ecs.first.containers[0])
    assert ecs.emulator.call(lambda: ecs.world.account.sessions.living(target)) == []
