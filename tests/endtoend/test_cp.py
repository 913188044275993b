"""``connector cp`` with the real ssh and sshd: files and trees, in both directions."""

from __future__ import annotations

import os

import pytest

from .cloud import START, Cloud
from .copies import LARGE, Copies, LocalCopies, content, left_over, make_tree, tree_of

ODD_NAMES = (
    "-r",
    " blank at both ends ",
    "two\nlines",
    'it\'s "quoted" $HOME `id` \\',
    "ünïcode",
    "\udcff\udcfe",  # bytes that are not UTF-8
    "*?[x]",
    "." + "x" * 254,
)


def test_large_file_is_the_same_in_both_directions(copies: Copies) -> None:
    check_both_directions(copies, LARGE)


@pytest.mark.parametrize("size", [0, 1, 32 * 1024, 200_001])
def test_file_is_the_same_in_both_directions(local: LocalCopies, size: int) -> None:
    check_both_directions(local, size)


def check_both_directions(copies: Copies | LocalCopies, size: int) -> None:
    (copies.here / "up").write_bytes(content(size))
    answer = copies.run(copies.here / "up", copies.at("there"))
    assert answer.returncode == 0, answer.stderr
    assert (copies.far / "there").read_bytes() == content(size)
    answer = copies.run(copies.at("there"), copies.here / "down")
    assert answer.returncode == 0, answer.stderr
    assert (copies.here / "down").read_bytes() == content(size)
    assert left_over(copies.here, copies.far) == []


def test_large_file_takes_several_sessions(copies: Copies, cloud: Cloud) -> None:
    (copies.far / "big").write_bytes(content(2 * LARGE))
    answer = copies.run("-j", "3", copies.at("big"), copies.here)
    assert answer.returncode == 0, answer.stderr
    assert (copies.here / "big").read_bytes() == content(2 * LARGE)
    assert cloud.count(START) == 3
    cloud.wait_all_ended()


def test_small_file_takes_one_session(copies: Copies, cloud: Cloud) -> None:
    (copies.far / "small").write_bytes(b"x")
    assert copies.run(copies.at("small"), copies.here).returncode == 0
    assert cloud.count(START) == 1


@pytest.mark.parametrize("way", ["up", "down"])
def test_tree_is_the_same(copies: Copies, way: str) -> None:
    source, target = copies.ends(way)
    files = [(f"tree/{index % 5}/{index}", content(index * 97, index)) for index in range(60)]
    files += [(f"tree/odd/{name}", name.encode("utf-8", "replace")) for name in ODD_NAMES]
    make_tree(source, [*files, ("tree/deep/er/big", content(LARGE))])
    (source / "tree/empty").mkdir()
    words = copies.way(way, "tree", "")
    answer = copies.run("-r", *words)
    assert (answer.returncode, answer.stderr) == (0, b"")
    assert tree_of(target) == tree_of(source)
    assert left_over(target) == []


def test_tree_gets_the_name_of_a_new_target(local: LocalCopies) -> None:
    make_tree(local.here, [("tree/a/b", b"x")])
    assert local.run("-r", local.here / "tree", local.at("new")).returncode == 0
    assert tree_of(local.far) == {b"new": None, b"new/a": None, b"new/a/b": b"x"}


def test_dot_copies_the_contents_of_a_directory(local: LocalCopies) -> None:
    make_tree(local.far, [("tree/a", b"x")])
    assert local.run("-r", local.at("tree") + "/.", local.here).returncode == 0
    assert tree_of(local.here) == {b"a": b"x"}


def test_several_sources_need_a_directory(local: LocalCopies) -> None:
    make_tree(local.here, [("a", b"1"), ("b", b"2")])
    answer = local.run(local.here / "a", local.here / "b", local.at(""))
    assert answer.returncode == 0, answer.stderr
    assert tree_of(local.far) == {b"a": b"1", b"b": b"2"}
    answer = local.run(local.here / "a", local.here / "b", local.at("a"))
    assert answer.returncode == 78
    assert b"is not a directory" in answer.stderr


@pytest.mark.parametrize("way", ["up", "down"])
def test_times_and_modes_are_kept_on_demand(local: LocalCopies, way: str) -> None:
    source, target = local.ends(way)
    make_tree(source, [("tree/sub/small", b"x"), ("tree/sub/large", content(LARGE))])
    for name, mode in (("sub/small", 0o640), ("sub/large", 0o400), ("sub", 0o555)):
        (source / "tree" / name).chmod(mode)
        os.utime(source / "tree" / name, (1_000_000_000, 1_000_000_001))
    words = local.way(way, "tree", "")
    answer = local.run("-rp", *words)
    assert (answer.returncode, answer.stderr) == (0, b"")
    for name in ("sub/small", "sub/large", "sub"):
        before, after = (source / "tree" / name).stat(), (target / "tree" / name).stat()
        assert (after.st_mode, after.st_mtime) == (before.st_mode, before.st_mtime), name


@pytest.mark.parametrize("size", [0, 5, 40_000])
def test_file_that_none_may_read_stays_one(local: LocalCopies, size: int) -> None:
    """The account of the tests may read it all the same, or the copy fails."""
    (local.here / "file").write_bytes(content(size))
    (local.here / "file").chmod(0)
    answer = local.run(local.here / "file", local.at("copy"))
    if answer.returncode == 0:
        assert (local.far / "copy").stat().st_mode & 0o777 == 0
    else:
        assert b"file: permission denied" in answer.stderr


@pytest.mark.parametrize("way", ["up", "down"])
def test_existing_file_is_replaced_and_keeps_its_mode(local: LocalCopies, way: str) -> None:
    source, target = local.ends(way)
    (source / "file").write_bytes(b"new")
    (target / "file").write_bytes(b"old and longer")
    (target / "file").chmod(0o750)
    words = local.way(way, "file", "file")
    answer = local.run(*words)
    assert (answer.returncode, answer.stderr) == (0, b"")
    assert (target / "file").read_bytes() == b"new"
    assert (target / "file").stat().st_mode & 0o777 == 0o750


@pytest.mark.parametrize("way", ["up", "down"])
def test_link_at_the_target_is_followed(local: LocalCopies, way: str) -> None:
    source, target = local.ends(way)
    (source / "file").write_bytes(b"new")
    (target / "elsewhere").mkdir()
    (target / "file").symlink_to("elsewhere/real")
    words = local.way(way, "file", "file")
    answer = local.run(*words)
    assert (answer.returncode, answer.stderr) == (0, b"")
    assert (target / "file").is_symlink()
    assert (target / "elsewhere/real").read_bytes() == b"new"


def test_links_of_a_tree_are_followed_but_not_in_circles(local: LocalCopies) -> None:
    make_tree(local.far, [("tree/real/file", b"x"), ("tree/other/file", b"y")])
    tree = local.far / "tree"
    (tree / "link").symlink_to("real")
    (tree / "real/up").symlink_to("..")
    (tree / "real/side").symlink_to("../other")
    (tree / "other/side").symlink_to("../real")
    (tree / "dangling").symlink_to("nowhere")
    os.mkfifo(tree / "fifo")
    answer = local.run("-r", local.at("tree"), local.here)
    assert answer.returncode == 1
    found = tree_of(local.here / "tree")
    assert found[b"real/file"] == found[b"link/file"] == found[b"other/side/file"] == b"x"
    assert found[b"other/file"] == found[b"real/side/file"] == b"y"
    said = answer.stderr.decode()
    assert "dangling: there is no such file at the far end\n" in said
    assert "fifo: is a FIFO, not a regular file\n" in said
    assert "real/up: is a symbolic link to a directory that holds it\n" in said


def test_directory_needs_an_option(local: LocalCopies) -> None:
    make_tree(local.here, [("tree/a", b"x"), ("file", b"y")])
    answer = local.run(local.here / "tree", local.here / "file", local.at(""))
    assert answer.returncode == 1
    assert b"tree: is a directory: give -r to copy it" in answer.stderr
    assert tree_of(local.far) == {b"file": b"y"}


def test_names_are_relative_to_the_home_directory(copies: Copies) -> None:
    """ssh and sshd take the home of the account, which tests must not change: it is only read."""
    missing = "no-such-file-of-the-tests"
    paths = [f"{copies.host}:{path}" for path in (missing, f"~/{missing}")]
    answer = copies.run(*paths, copies.here)
    assert answer.returncode == 1
    assert answer.stderr == (
        2 * f"connector: {missing}: there is no such file at the far end\n".encode()
    )


def test_permissions_are_kept_but_not_setuid(local: LocalCopies) -> None:
    (local.far / "file").write_bytes(b"x")
    (local.far / "file").chmod(0o6755)
    answer = local.run("-p", local.at("file"), local.here)
    assert answer.returncode == 0, answer.stderr
    assert (local.here / "file").stat().st_mode & 0o7777 == 0o755


@pytest.mark.parametrize("way", ["up", "down"])
def test_shared_directory_stays_sticky_with_the_option(local: LocalCopies, way: str) -> None:
    source, target = local.ends(way)
    make_tree(source, [("tree/file", b"x")])
    (source / "tree").chmod(0o3777)
    answer = local.run("-r", "-p", *local.way(way, "tree", ""))
    assert answer.returncode == 0, answer.stderr
    assert (target / "tree").stat().st_mode & 0o7777 == 0o1777


def test_time_before_1970_does_not_stop_a_copy(local: LocalCopies) -> None:
    (local.here / "file").write_bytes(b"x")
    os.utime(local.here / "file", (-1e9, -1e9))
    answer = local.run("-p", local.here / "file", local.at(""))
    assert answer.returncode == 0, answer.stderr
    assert (local.far / "file").stat().st_mtime == 0
