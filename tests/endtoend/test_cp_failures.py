"""``connector cp`` when files, connections or the service fail."""

from __future__ import annotations

import os
import random
import threading
from pathlib import Path

import pytest

from connector.emulator.agent.behaviour import REAL
from connector.emulator.api.codecatalyst.model import Status
from connector.emulator.api.errors import AccessDeniedException, ThrottlingException

from ..copy.tarcopies import UNPRIVILEGED
from .cloud import START, Cloud
from .commands import CONNECTOR
from .copies import LARGE, Copies, LocalCopies, content, events, left_over, make_tree, tree_of
from .waiting import eventually


@pytest.mark.parametrize("way", ["up", "down"])
def test_missing_file_does_not_stop_the_others(local: LocalCopies, way: str) -> None:
    source, target = local.ends(way)
    make_tree(source, [("there", b"x")])
    words = [local.way(way, name, "")[0] for name in ("missing", "there")]
    answer = local.run(*words, local.way(way, "there", "")[1])
    assert answer.returncode == 1
    assert b"missing: " in answer.stderr
    assert b"no such file" in answer.stderr
    assert tree_of(target) == {b"there": b"x"}


def test_target_is_not_started_for_sources_that_cannot_be_copied(
    copies: Copies, cloud: Cloud
) -> None:
    (copies.here / "tree").mkdir()
    os.mkfifo(copies.here / "fifo")
    cloud.set_status(Status.STOPPED)
    words = [copies.here / name for name in ("missing", "tree", "fifo")]
    answer = copies.run(*words, copies.at(""))
    reasons = ("no such file or directory", "is a directory: give -r to copy it", "is a FIFO, not")
    for line, word, why in zip(answer.stderr.decode().splitlines(), words, reasons, strict=True):
        assert line.startswith(f"connector: {word}: {why}")
    end = events(copies.run("--json", words[0], copies.at("")).stdout)[-1]
    assert (end["notCopied"], end["totalFiles"], end["exitCode"]) == (1, 0, 1)
    assert answer.returncode == 1
    assert cloud.call(lambda: cloud.environment.status) is Status.STOPPED


def test_reason_is_an_event_of_json(local: LocalCopies) -> None:
    answer = local.run("--json", local.at("missing"), local.here)
    problem, end = events(answer.stdout)
    assert problem["event"] == "problem"
    assert problem["reason"] == "there is no such file at the far end"
    assert (end["notCopied"], end["exitCode"]) == (1, answer.returncode) == (1, 1)


@pytest.mark.parametrize("way", ["up", "down"])
def test_directory_that_cannot_be_listed_is_not_made(local: LocalCopies, way: str) -> None:
    source, target = local.ends(way)
    make_tree(source, [("tree/a", b"x"), ("tree/deep/locked/b", b"y"), ("whole/b", b"y")])
    locked = [source / "tree/deep/locked", source / "whole"]
    for path in locked:
        path.chmod(0)
    words = [local.way(way, name, "")[0] for name in ("tree", "whole")]
    process = local.start("-r", *words, local.way(way, "", "")[1], before=UNPRIVILEGED)
    assert process.wait(60) == 1
    for path in locked:
        path.chmod(0o700)
    lines = process.stderr().splitlines()
    for line, path in zip(sorted(lines), locked, strict=True):
        assert line.startswith(f"connector: {path}: permission denied")
    assert tree_of(target) == {b"tree": None, b"tree/a": b"x", b"tree/deep": None}


@pytest.mark.parametrize("way", ["up", "down"])
def test_directory_in_the_place_of_a_file_is_reported(local: LocalCopies, way: str) -> None:
    source, target = local.ends(way)
    make_tree(source, [("tree/a", b"x"), ("tree/b", b"y")])
    (target / "tree/a").mkdir(parents=True)
    answer = local.run("-r", *local.way(way, "tree", ""))
    assert answer.returncode == 1
    assert b"tree/a: the destination has a directory of this name\n" in answer.stderr
    assert tree_of(target / "tree") == {b"a": None, b"b": b"y"}


@pytest.mark.parametrize("way", ["up", "down"])
def test_file_in_the_place_of_a_directory_is_reported_once(local: LocalCopies, way: str) -> None:
    source, target = local.ends(way)
    make_tree(source, [("tree/sub/deep/a", b"x"), ("tree/b", b"y")])
    make_tree(target, [("tree/sub", b"a file")])
    answer = local.run("-r", *local.way(way, "tree", ""))
    assert answer.returncode == 1
    assert len(answer.stderr.splitlines()) == 1
    assert b"sub: is not a directory" in answer.stderr
    assert tree_of(target / "tree") == {b"sub": b"a file", b"b": b"y"}


@pytest.mark.parametrize("size", [1, LARGE])
@pytest.mark.parametrize("way", ["up", "down"])
def test_destination_that_takes_no_files_is_named_once(
    local: LocalCopies, way: str, size: int
) -> None:
    source, target = local.ends(way)
    make_tree(source, [("file", content(size)), ("other", content(size)), ("a/file", b"")])
    make_tree(target, [("file", b"a file")])
    words = [local.way(way, name, "")[0] for name in ("file", "other", "a/file")]
    at, end = (f"{local.host}:", " at the far end\n") if way == "up" else ("", "\n")
    none = f"cannot be used: there is no directory {target}/"
    for sources, place, why in (
        (words[:1], f"{target}/none/x", f"{none}none{end}"),
        (words[:1], f"{target}/file/x", f"{none}file{end}"),
        (words[:1], f"{target}/none/", "is not a directory. Leave out the slash"),
        (words[:2], "/sys", f"cannot be used: permission denied{end}"),  # for root too
    ):
        answer = local.run(*sources, f"{at}{place}")
        assert answer.returncode == 78
        (line,) = answer.stderr.decode().splitlines(keepends=True)
        assert line.startswith(f"connector: The destination {at}{place} {why}")


def test_file_that_the_target_refuses_is_named_as_it_is_there(local: LocalCopies) -> None:
    make_tree(local.here, [("a", b"x"), ("b", b"y")])
    (local.far / ".a.connector-part").mkdir()
    answer = local.run(local.here / "a", local.here / "b", local.at(""))
    assert answer.returncode == 1
    (line,) = answer.stderr.decode().splitlines()
    assert line == f"connector: {local.far}/a: the far end reports a failure"
    assert (local.far / "b").read_bytes() == b"y"


@pytest.mark.parametrize("way", ["up", "down"])
def test_link_that_leads_nowhere_is_not_replaced(local: LocalCopies, way: str) -> None:
    source, target = local.ends(way)
    make_tree(source, [("link", b"x"), ("other", b"y")])
    (target / "link").symlink_to("none/file")
    link, place = local.way(way, "link", "")
    other, _ = local.way(way, "other", "")
    answer = local.run(link, other, place)
    assert answer.returncode == 1
    (line,) = answer.stderr.decode().splitlines()
    assert line.split(": ")[1].endswith(("/none/file", "/link"))  # which servers tell apart or not
    assert (target / "link").is_symlink()
    assert (target / "other").read_bytes() == b"y"


@pytest.mark.parametrize("way", ["up", "down"])
def test_files_that_links_lead_to_one_place_are_told(local: LocalCopies, way: str) -> None:
    make_tree(local.here, [("tree/sub/a", b"x"), ("tree/b", b"y")])
    tree = local.here / "tree"
    (tree / "link").symlink_to("sub")
    (tree / "c").symlink_to("b")
    local.far = local.here
    before = tree_of(tree)
    answer = local.run("-r", *local.way(way, "tree", ""))  # onto itself
    same = "another file of this copy has the same destination"
    assert sorted(answer.stderr.decode().splitlines()) == [
        f"connector: {tree}/c: {same}",
        f"connector: {tree}/sub/a: {same}",
    ]
    assert answer.returncode == 1
    assert tree_of(tree) == before
    assert (tree / "link").is_symlink()
    assert left_over(tree) == []


def test_full_disk_is_reported_and_leaves_the_old_file(copies: Copies) -> None:
    (copies.far / "file").write_bytes(content(LARGE))
    (copies.here / "file").write_bytes(b"old")
    script = 'ulimit -f 1024; trap "" XFSZ; exec "$@"'
    words = copies.words("-j", "2", copies.at("file"), copies.here)
    answer = copies.commands.run("/bin/sh", "-c", script, "sh", *words)
    assert answer.returncode == 1
    assert b"file: file too large\n" in answer.stderr
    assert (copies.here / "file").read_bytes() == b"old"


@pytest.mark.parametrize("way", ["up", "down"])
def test_source_that_changes_is_reported(copies: Copies, cloud: Cloud, way: str) -> None:
    cloud.behave(REAL, latency_to_agent=0.05, latency_to_client=0.05)
    source, target = copies.ends(way)
    (source / "file").write_bytes(content(LARGE))
    process = copies.start("-j", "2", *copies.way(way, "file", "file"))
    eventually(lambda: left_over(target), "an unfinished file")
    with (source / "file").open("r+b") as file:
        file.truncate(LARGE // 2)
    assert process.wait(60) == 1
    assert "file: changed while it was copied\n" in process.stderr()
    assert os.listdir(target) == []


def test_log_that_grows_is_copied_as_it_was(copies: Copies, cloud: Cloud) -> None:
    cloud.behave(REAL)
    (copies.far / "log").write_bytes(content(LARGE))
    process = copies.start(copies.at("log"), copies.here)
    eventually(lambda: left_over(copies.here), "an unfinished file")
    with (copies.far / "log").open("ab") as file:
        file.write(b"another line\n")
    assert process.wait(60) == 0, process.stderr()
    assert (copies.here / "log").read_bytes() == content(LARGE)


def test_copy_whose_sessions_are_cut_at_random_is_whole(copies: Copies, cloud: Cloud) -> None:
    cloud.behave(REAL)
    make_tree(copies.far, [(f"tree/{index}", content(index * 700, index)) for index in range(60)])
    (copies.far / "tree/big").write_bytes(content(LARGE))
    process = copies.start("-r", "-j", "3", copies.at("tree"), copies.here)
    rng = random.Random(1)
    cut = 0
    cloud.wait_for_agents(2)
    while process.popen.poll() is None and cut < 4:
        living = [each for each in list(cloud.sessions) if each.end_reason is None]
        if living and not threading.Event().wait(rng.uniform(0.1, 0.3)):
            cloud.stop_session(rng.choice(living))
            cut += 1
    assert process.wait(100) == 0, process.stderr()
    assert cut > 2
    assert tree_of(copies.here) == tree_of(copies.far)
    assert left_over(copies.here) == []


def test_upload_whose_sessions_are_cut_is_whole(copies: Copies, cloud: Cloud) -> None:
    cloud.behave(REAL, latency_to_agent=0.02, latency_to_client=0.02)
    make_tree(copies.here, [(f"tree/{index}", content(index * 700, index)) for index in range(60)])
    (copies.here / "tree/big").write_bytes(content(2 * LARGE))
    process = copies.start("-r", copies.here / "tree", copies.at(""))
    eventually(lambda: left_over(copies.far), "an unfinished file")
    cut = 0
    while process.popen.poll() is None and cut < 4:
        living = [each for each in list(cloud.sessions) if each.end_reason is None]
        if living and not threading.Event().wait(0.15):
            cloud.stop_session(living[0])
            cut += 1
    assert process.wait(100) == 0, process.stderr()
    assert cut > 0
    assert tree_of(copies.far) == tree_of(copies.here)
    assert left_over(copies.far) == []


def test_refused_sessions_lower_the_number_of_connections(copies: Copies, cloud: Cloud) -> None:
    cloud.behave(REAL)
    (copies.far / "file").write_bytes(content(LARGE))
    refuse_after_the_first(cloud, copies)
    answer = copies.run("-j", "3", copies.at("file"), copies.here)
    assert answer.returncode == 0, answer.stderr
    assert (copies.here / "file").read_bytes() == content(LARGE)
    assert b"The copy goes on with " in answer.stderr


def refuse_after_the_first(cloud: Cloud, copies: Copies) -> None:
    """Let the service refuse all sessions but one."""

    def refuse(_: object) -> None:
        cloud.misbehaviours.refuse(START, AccessDeniedException("One is enough"), times=100)
        cloud.after_start = None

    cloud.after_start = refuse


def test_throttled_sessions_are_tried_again(copies: Copies, cloud: Cloud) -> None:
    cloud.misbehaviours.refuse(START, ThrottlingException("Slow down"), times=3)
    (copies.far / "file").write_bytes(content(LARGE))
    answer = copies.run("-j", "3", copies.at("file"), copies.here)
    assert (answer.returncode, answer.stderr) == (0, b"")
    assert (copies.here / "file").read_bytes() == content(LARGE)


def test_copy_fails_when_no_connection_is_left(copies: Copies, cloud: Cloud) -> None:
    cloud.behave(REAL)
    (copies.far / "file").write_bytes(content(LARGE))
    refuse_after_the_first(cloud, copies)
    process = copies.start("-j", "2", copies.at("file"), copies.here)
    eventually(lambda: left_over(copies.here), "an unfinished file")
    cloud.stop_session(cloud.sessions[0])
    assert process.wait(60) == 77
    said = process.stderr()
    assert "To go on later, run `connector cp --resume " in said
    assert not (copies.here / "file").exists()


def test_login_that_fails_is_explained(copies: Copies, cloud: Cloud, tmp_path: Path) -> None:
    words = [*CONNECTOR, "cp", "-o", "BatchMode=yes", "-o", f"IdentityFile={tmp_path}/none"]
    words += ["-o", "IdentitiesOnly=yes", "-o", "UserKnownHostsFile=/dev/null"]
    words += ["-o", "IdentityAgent=none", copies.at("file"), str(copies.here)]
    answer = copies.commands.run(*words)
    assert answer.returncode == 77
    assert b"connector: The login by ssh failed (" in answer.stderr
    assert b"Permission denied" in answer.stderr


@pytest.mark.parametrize("passes", ["yes", "no"])
def test_ssh_that_ends_before_it_connects_is_told_in_its_words(
    copies: Copies, tmp_path: Path, passes: str
) -> None:
    script = tmp_path / "programs/ssh"
    make_tree(script.parent, [("ssh", b"#!/bin/sh\n")])
    script.chmod(0o755)
    fails = "echo config: line 3: Bad word >&2; exit 255"
    always = f'case " $* " in *" -s sftp ") {fails}; esac\nexec /usr/bin/ssh "$@"'
    script.write_text(f"#!/bin/sh\n{always if passes == 'yes' else fails}\n")
    environ = {**copies.commands.environ}
    environ["PATH"] = f"{script.parent}{os.pathsep}{environ['PATH']}"
    words = (*CONNECTOR, "cp", copies.at("file"), str(copies.here))
    answer = copies.commands.run(*words, environ=environ)
    assert answer.returncode == 78
    assert b"has ended before it connected (config: line 3: Bad word)" in answer.stderr


def test_option_that_ssh_refuses_is_told_in_its_words(local: LocalCopies, cloud: Cloud) -> None:
    refused = b"#!/bin/sh\necho Bad option: nonsense >&2; exit 255"
    (local.commands.directory / "bin/ssh").write_bytes(refused)
    answer = local.run("-o", "Nonsense=1", local.at("file"), local.here)
    assert (answer.returncode, cloud.count(START)) == (78, 0)
    assert b"refuses an option of -o (Bad option: nonsense)\n" in answer.stderr


def test_limit_of_open_files_lowers_the_number_of_connections(copies: Copies) -> None:
    (copies.far / "file").write_bytes(content(2 * LARGE))
    words = copies.words("-v", "-j", "12", copies.at("file"), copies.here)
    answer = copies.commands.run("/bin/sh", "-c", 'ulimit -n 90; exec "$@"', "sh", *words)
    assert answer.returncode == 0, answer.stderr
    assert (copies.here / "file").read_bytes() == content(2 * LARGE)
    assert b"only 2 connections, for the limit of open files" in answer.stderr


@pytest.mark.parametrize(("size", "limit"), [(0, 60), (900, 60), (33_000, 100)])
@pytest.mark.parametrize("way", ["up", "down"])
def test_files_on_their_way_need_few_open_files(
    local: LocalCopies, way: str, size: int, limit: int
) -> None:
    source, target = local.ends(way)
    make_tree(source, [(f"tree/{index}", content(size, index)) for index in range(120)])
    limited = ("/bin/sh", "-c", f'ulimit -n {limit}; exec "$@"', "sh")
    process = local.start("-r", *local.way(way, "tree", ""), before=limited)
    assert (process.wait(60), process.stderr()) == (0, "")
    assert tree_of(target) == tree_of(source)


@pytest.mark.parametrize("size", [5000, LARGE])
def test_two_sources_for_one_target_are_not_mixed(local: LocalCopies, size: int) -> None:
    make_tree(local.far, [("a/file", content(size, 1)), ("b/file", content(size, 2))])
    answer = local.run(local.at("a/file"), local.at("b/file"), local.here)
    assert answer.returncode == 1
    assert b"b/file: another file of this copy has the same destination\n" in answer.stderr
    assert tree_of(local.here) == {b"file": content(size, 1)}


@pytest.mark.parametrize("way", ["up", "down"])
def test_two_links_to_one_target_are_not_mixed(local: LocalCopies, way: str) -> None:
    source, target = local.ends(way)
    make_tree(source, [("tree/a", content(300_000, 1)), ("tree/b", content(300_000, 2))])
    make_tree(target, [("tree/file", b"old")])
    for name in ("a", "b"):
        (target / "tree" / name).symlink_to("file")
    answer = local.run("-r", *local.way(way, "tree", ""))
    assert answer.returncode == 1
    assert answer.stderr.count(b"another file of this copy has the same destination\n") == 1
    found = (target / "tree/file").read_bytes()
    assert found in (content(300_000, 1), content(300_000, 2))
    assert left_over(target) == []


@pytest.mark.parametrize("way", ["up", "down"])
def test_file_with_the_name_of_an_unfinished_one_is_not_mixed_up(
    local: LocalCopies, way: str
) -> None:
    source, target = local.ends(way)
    hidden = "tree/.file.connector-part"
    make_tree(source, [("tree/file", content(300_000)), (hidden, b"x" * 300_001)])
    answer = local.run("-r", *local.way(way, "tree", ""))
    assert answer.returncode == 1
    assert b"-part: another file has this name until it is whole\n" in answer.stderr
    assert tree_of(target / "tree") == {b"file": content(300_000)}


def test_second_copy_to_one_name_leaves_the_first_alone(copies: Copies, cloud: Cloud) -> None:
    cloud.behave(REAL)
    make_tree(copies.far, [("a/file", content(LARGE)), ("b/file", content(500_000, 2))])
    first = copies.start("-j", "2", copies.at("a/file"), copies.here)
    eventually(lambda: left_over(copies.here), "an unfinished file")
    second = copies.run("-j", "1", copies.at("b/file"), copies.here)
    assert second.returncode == 1
    assert b"here/file: another copy writes to the same file\n" in second.stderr
    assert first.wait(60) == 0, first.stderr()
    assert tree_of(copies.here) == {b"file": content(LARGE)}
