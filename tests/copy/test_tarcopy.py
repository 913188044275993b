"""Copies by tar in both ways: the scripts run here, with the programs of an image."""

from __future__ import annotations

import os
import resource
from pathlib import Path

import pytest

from connector.copy.command import CommandFailed
from connector.copy.plan import LOOP
from connector.errors import ConfigError, SessionEnded

from .images import image
from .tarcopies import BINARY, ODD, Ends, make_tree, mode, script, tree

#: A name that no file system takes.
LONG = "x" * 300


def test_tree_with_odd_names_goes_up_and_comes_back(ends: Ends) -> None:
    make_tree(ends.near / "tree")
    up = ends.copy("tree", "app:.", recursive=True)
    down = ends.copy("app:tree", "back", recursive=True)
    assert (up.problems, down.problems) == ([], [])
    assert tree(ends.far / "tree") == tree(ends.near / "tree") == tree(ends.near / "back")
    assert ends.leftovers() == []


def test_several_sources_go_into_a_directory(ends: Ends) -> None:
    (ends.near / "in").mkdir()
    (ends.far / "other").mkdir()
    (ends.far / "a").write_text("a")
    (ends.far / "other" / "b").write_text("b")
    assert ends.copy("app:a", "app:other/b", "in").problems == []
    assert tree(ends.near / "in") == {"a": b"a", "b": b"b"}
    (ends.far / "in").mkdir()
    assert ends.copy("in/a", "in/b", "app:in/").problems == []
    assert tree(ends.far / "in") == {"a": b"a", "b": b"b"}


@pytest.mark.parametrize("target", ["app:none", "none"])
def test_several_sources_need_a_directory(ends: Ends, target: str) -> None:
    side, prefix = (ends.near, "") if target.startswith("app:") else (ends.far, "app:")
    for name in "ab":
        (side / name).touch()
    with pytest.raises(ConfigError, match="is not a directory"):
        ends.copy(f"{prefix}a", f"{prefix}b", target)


@pytest.mark.parametrize("words", [("file", "app:copy"), ("app:file", "copy")])
def test_new_file_gets_its_mode_by_way_of_the_umask(ends: Ends, words: tuple[str, str]) -> None:
    source, target = (ends.near, ends.far) if words[0] == "file" else (ends.far, ends.near)
    (source / "file").write_text("x")
    (source / "file").chmod(0o4777)
    before = os.umask(0o027)
    try:
        ends.copy(*words)
    finally:
        os.umask(before)
    assert mode(target / "copy") == 0o750


@pytest.mark.parametrize("words", [("tree", "app:copy"), ("app:tree", "copy")])
def test_preserve_keeps_modes_and_times(ends: Ends, words: tuple[str, str]) -> None:
    source, target = (ends.near, ends.far) if words[0] == "tree" else (ends.far, ends.near)
    (source / "tree").mkdir()
    (source / "tree" / "file").write_text("x")
    (source / "tree" / "file").chmod(0o604)
    os.utime(source / "tree" / "file", (1_600_000_000, 1_600_000_000))
    (source / "tree").chmod(0o705)
    os.utime(source / "tree", (1_500_000_000, 1_500_000_000))
    assert ends.copy(*words, recursive=True, preserve=True).problems == []
    found = target / "copy"
    assert (mode(found), found.stat().st_mtime) == (0o705, 1_500_000_000)
    assert (mode(found / "file"), (found / "file").stat().st_mtime) == (0o604, 1_600_000_000)


@pytest.mark.parametrize("words", [("tree", "app:copy"), ("app:tree", "copy")])
@pytest.mark.parametrize(("preserve", "expected"), [(True, 0o1777), (False, 0o755)])
def test_directory_for_all_users_stays_sticky(
    ends: Ends, words: tuple[str, str], preserve: bool, expected: int
) -> None:
    source, target = (ends.near, ends.far) if words[0] == "tree" else (ends.far, ends.near)
    (source / "tree").mkdir()
    (source / "tree").chmod(0o1777)
    before = os.umask(0o022)
    try:
        assert ends.copy(*words, recursive=True, preserve=preserve).problems == []
    finally:
        os.umask(before)
    assert mode(target / "copy") == expected


@pytest.mark.parametrize("words", [("file", "app:copy"), ("app:file", "copy")])
def test_file_that_is_there_keeps_its_mode(ends: Ends, words: tuple[str, str]) -> None:
    source, target = (ends.near, ends.far) if words[0] == "file" else (ends.far, ends.near)
    (source / "file").write_text("new")
    (target / "copy").write_text("old")
    (target / "copy").chmod(0o640)
    assert ends.copy(*words).problems == []
    assert ((target / "copy").read_text(), mode(target / "copy")) == ("new", 0o640)


@pytest.mark.parametrize("words", [("file", "app:copy"), ("app:file", "copy")])
def test_new_content_does_not_run_as_another_user(ends: Ends, words: tuple[str, str]) -> None:
    source, target = (ends.near, ends.far) if words[0] == "file" else (ends.far, ends.near)
    (source / "file").write_text("new")
    (target / "copy").write_text("old")
    (target / "copy").chmod(0o6755)
    assert ends.copy(*words).problems == []
    assert ((target / "copy").read_text(), mode(target / "copy")) == ("new", 0o755)


@pytest.mark.parametrize("words", [("file", "app:link"), ("app:file", "link")])
def test_link_at_the_place_of_the_target_is_followed(ends: Ends, words: tuple[str, str]) -> None:
    source, target = (ends.near, ends.far) if words[0] == "file" else (ends.far, ends.near)
    (source / "file").write_text("new")
    (target / "real").write_text("old")
    (target / "link").symlink_to("real")
    assert ends.copy(*words).problems == []
    assert (target / "link").is_symlink()
    assert (target / "real").read_text() == "new"


@pytest.mark.parametrize("words", [("tree", "app:copy"), ("app:tree", "copy")])
def test_links_are_followed_and_second_names_copied(ends: Ends, words: tuple[str, str]) -> None:
    source, target = (ends.near, ends.far) if words[0] == "tree" else (ends.far, ends.near)
    (source / "tree" / "sub").mkdir(parents=True)
    (source / "tree" / "sub" / "file").write_text("content")
    (source / "tree" / "link").symlink_to("sub")
    os.link(source / "tree" / "sub" / "file", source / "tree" / "hard")
    assert ends.copy(*words, recursive=True).problems == []
    assert tree(target / "copy") == {
        "sub": None,
        "sub/file": b"content",
        "link": None,
        "link/file": b"content",
        "hard": b"content",
    }


@pytest.mark.parametrize("words", [("tree", "app:copy"), ("app:tree", "copy")])
def test_what_cannot_be_copied_has_a_line_and_the_rest_is_copied(
    ends: Ends, words: tuple[str, str]
) -> None:
    source, target = (ends.near, ends.far) if words[0] == "tree" else (ends.far, ends.near)
    (source / "tree").mkdir()
    (source / "tree" / "file").write_text("x")
    os.mkfifo(source / "tree" / "fifo")
    copy = ends.copy(*words, recursive=True)
    assert copy.problems == [(b"tree/fifo", "is a FIFO, not a regular file")]
    assert tree(target / "copy") == {"file": b"x"}


@pytest.mark.parametrize("words", [("tree", "app:copy"), ("app:tree", "copy")])
def test_links_in_circles_and_to_nowhere_are_left_out(
    tmp_path: Path, words: tuple[str, str]
) -> None:
    ends = Ends(tmp_path, image(tmp_path / "programs"))
    source, target = (ends.near, ends.far) if words[0] == "tree" else (ends.far, ends.near)
    deep = source / "tree" / "deep"
    for name in [*ODD, "[ab]"]:
        (deep / name).mkdir(parents=True)
        (deep / name / name).symlink_to("../..")
    (source / "tree" / "link").symlink_to("deep")
    (source / "tree" / "none").symlink_to("nowhere")
    (source / "tree" / "a").write_text("x")
    found = dict(ends.copy(*words, recursive=True).problems)
    assert "no such file" in found.pop(b"tree/none")
    assert len(found) == 2 * len([*ODD, "[ab]"])  # also by way of the other link
    assert found[b"tree/deep/new\nline/new\nline"] == LOOP
    assert set(found.values()) == {LOOP}
    assert sorted(os.listdir(target / "copy")) == ["a", "deep", "link"]
    assert sorted(os.listdir(target / "copy" / "deep")) == sorted([*ODD, "[ab]"])


def test_links_in_circles_need_a_tar_that_leaves_them_out(tmp_path: Path) -> None:
    ends = Ends(tmp_path, image(tmp_path / "programs", without=["tar"]))
    script = """#!/bin/sh
case "$*" in *--exclude*) exit 1; esac
exec /usr/bin/tar "$@"
"""
    (ends.programs / "tar").write_text(script)
    (ends.programs / "tar").chmod(0o755)
    for name in ("tree", "other"):
        (ends.far / name).mkdir()
    (ends.far / "tree" / "link").symlink_to("../tree")
    (ends.far / "other" / "link").symlink_to("nowhere")
    (ends.far / "other" / "a").write_text("x")
    (ends.near / "in").mkdir()
    problems = dict(ends.copy("app:tree", "app:other", "in", recursive=True).problems)
    assert "tar at the target has no --exclude" in problems[b"tree"]
    assert problems[b"tree/link"] == LOOP
    assert tree(ends.near / "in") == {"other": None, "other/a": b"x"}


@pytest.mark.parametrize("words", [("tree", "app:in"), ("app:tree", "in")])
def test_file_in_the_place_of_a_directory_is_told_once(ends: Ends, words: tuple[str, str]) -> None:
    source, target = (ends.near, ends.far) if words[0] == "tree" else (ends.far, ends.near)
    make_tree(source / "tree")
    (target / "in" / "tree").mkdir(parents=True)
    (target / "in" / "tree" / "deep").write_text("a file")
    problems = ends.copy(*words, recursive=True).problems
    assert problems == [(b"in/tree/deep", "is not a directory")]
    assert (target / "in" / "tree" / "large").read_bytes() == BINARY


@pytest.mark.parametrize(
    ("words", "why"),
    [
        (("/proc/self/status", "app:copy"), "has content but no size"),
        (("app:/proc/self/status", "copy"), "has content but no size"),
        (("app:/dev/null", "copy"), "is a device, not a regular file"),
        (("fifo", "app:copy"), "is a FIFO, not a regular file"),
        (("app:fifo", "copy"), "is a FIFO, not a regular file"),
        (("file/", "app:copy"), "not a directory"),
        (("app:file/", "copy"), "there is no such file at the far end"),
    ],
)
def test_source_that_is_no_regular_file_is_told(
    ends: Ends, words: tuple[str, str], why: str
) -> None:
    for end in (ends.near, ends.far):
        os.mkfifo(end / "fifo")
        (end / "file").touch()
    [(_, told)] = ends.copy(*words).problems
    assert told.startswith(why)
    assert not (ends.near / "copy").exists()
    assert not (ends.far / "copy").exists()


@pytest.mark.parametrize("words", [("tree", "app:copy"), ("app:tree", "copy"), ("app:tree", "-")])
def test_directory_needs_the_option(ends: Ends, words: tuple[str, str]) -> None:
    for end in (ends.near, ends.far):
        (end / "tree").mkdir()
    [(name, words_)] = ends.copy(*words).problems
    assert (name, "directory" in words_) == (b"tree", True)


@pytest.mark.parametrize("words", [("file", "app:none/copy"), ("app:file", "none/copy")])
def test_missing_directory_of_the_target_is_told(ends: Ends, words: tuple[str, str]) -> None:
    for end in (ends.near, ends.far):
        (end / "file").touch()
    where = " at the far end" if words[1].startswith("app:") else ""
    with pytest.raises(ConfigError, match=f"cannot be used: there is no directory none{where}$"):
        ends.copy(*words)


@pytest.mark.parametrize("words", [("file", "app:/sys/"), ("app:file", "/sys")])
def test_directory_that_takes_no_files_is_told(ends: Ends, words: tuple[str, str]) -> None:
    for end in (ends.near, ends.far):
        (end / "file").touch()
    denied = "permission denied at the far end|operation not permitted|permission denied"
    with pytest.raises(ConfigError, match=f"cannot be used: ({denied})$"):  # for root too
        ends.copy(*words)


@pytest.mark.parametrize("words", [("tree/a", "app:in"), ("app:tree/a", "in")])
def test_directory_in_the_place_of_a_file_is_told(ends: Ends, words: tuple[str, str]) -> None:
    for end in (ends.near, ends.far):
        (end / "tree").mkdir()
        (end / "tree" / "a").touch()
        (end / "in" / "a").mkdir(parents=True)
    copy = ends.copy(*words)
    assert copy.problems == [(b"tree/a", "the destination has a directory of this name")]
    assert ends.leftovers() == []


@pytest.mark.parametrize(
    ("missing", "checked"), [(("sha256sum",), True), (("sha256sum", "cksum"), False)]
)
def test_copies_compare_with_what_the_image_has(
    tmp_path: Path, missing: tuple[str, ...], checked: bool
) -> None:
    ends = Ends(tmp_path, image(tmp_path / "programs", without=missing))
    (ends.near / "file").write_bytes(BINARY)
    up, down = ends.copy("file", "app:there"), ends.copy("app:there", "back")
    assert (ends.near / "back").read_bytes() == BINARY
    for copy in (up, down):
        unchecked, why = copy.unchecked
        assert (unchecked, "cksum" in why) == ((0, False) if checked else (1, True))


def broken_sum(programs: Path) -> None:
    """Replace the program that makes checksums by one that makes wrong ones."""
    (programs / "sha256sum").unlink()
    (programs / "sha256sum").write_text("#!/bin/sh\ncat >/dev/null\necho 0000  -\n")
    (programs / "sha256sum").chmod(0o755)


@pytest.mark.parametrize("words", [("file", "app:copy"), ("app:file", "copy")])
def test_damaged_file_does_not_get_its_name(tmp_path: Path, words: tuple[str, str]) -> None:
    ends = Ends(tmp_path, image(tmp_path / "programs"))
    broken_sum(ends.programs)
    for end in (ends.near, ends.far):
        (end / "file").write_text("x")
    [(name, why)] = ends.copy(*words).problems
    assert (name, "not the same at both ends" in why) == (b"file", True)
    assert not (ends.near / "copy").exists()
    assert not (ends.far / "copy").exists()
    assert ends.leftovers() == []


@pytest.mark.parametrize(
    ("words", "needed"),
    [
        (("file", "app:copy"), ["base64", "dd", "tr", "stty", "tar"]),
        (("app:file", "copy"), ["base64", "dd", "tr", "tar"]),
    ],
)
def test_missing_programs_of_the_image_are_told(
    tmp_path: Path, words: tuple[str, str], needed: list[str]
) -> None:
    for name in needed:
        directory = tmp_path / name
        directory.mkdir()
        ends = Ends(directory, image(directory / "programs", without=[name]))
        for end in (ends.near, ends.far):
            (end / "file").touch()
        with pytest.raises(ConfigError, match=f"The target has no {name}"):
            ends.copy(*words)


def test_command_that_does_not_begin_passes_its_exit_code_on(tmp_path: Path) -> None:
    copy = script(tmp_path, "echo 'connector: No access' >&2; exit 77")
    with pytest.raises(CommandFailed) as caught:
        copy("app:file", str(tmp_path / "near"))
    assert caught.value.exit_code == 77


@pytest.mark.parametrize(
    "text",
    [
        "echo gone >&2; exit 9",
        "echo $1 sums none; exit 9",
        "echo $1 sums rot13; exit 9",
        "echo $1 sums; exit 9",
        "echo $1 sums none; echo $1 file; printf half; exit 9",
        "echo $1 sums none; echo $1 file; head -c 99999 /dev/zero; exit 9",
    ],
)
def test_command_that_ends_early_is_told(tmp_path: Path, text: str) -> None:
    with pytest.raises(SessionEnded, match="has ended early"):
        script(tmp_path, text)("app:file", str(tmp_path / "near"))
    assert list((tmp_path / "near").iterdir()) == []


@pytest.mark.parametrize("words", [("file", "app:copy"), ("app:file", "copy")])
def test_failure_of_tar_is_told_in_its_words(tmp_path: Path, words: tuple[str, str]) -> None:
    ends = Ends(tmp_path, image(tmp_path / "programs"))
    for end in (ends.near, ends.far):
        (end / "file").write_text("x")
    (ends.programs / "tar").unlink()
    (ends.programs / "tar").write_text(
        '#!/bin/sh\n/usr/bin/tar "$@"\necho "tar: no space left" >&2\n'
        'echo "tar: Exiting with failure status due to previous errors" >&2\nexit 2\n'
    )
    (ends.programs / "tar").chmod(0o755)
    assert ends.copy(*words).problems == [(b"file", "tar at the target: tar: no space left")]
    assert ends.leftovers() == []


@pytest.mark.parametrize("words", [("file", f"app:{LONG}"), ("app:file", LONG)])
def test_destination_with_too_long_a_name_is_told(ends: Ends, words: tuple[str, str]) -> None:
    for end in (ends.near, ends.far):
        (end / "file").touch()
    where = " at the far end" if words[1].startswith("app:") else ""
    with pytest.raises(ConfigError, match=f"cannot be used: file name too long{where}$"):
        ends.copy(*words)
    assert ends.leftovers() == []


@pytest.mark.parametrize("order", [("large", "small"), ("small", "large")])
def test_file_that_finds_no_room_keeps_no_other_one_away(
    ends: Ends, order: tuple[str, str]
) -> None:
    """The limit of a file's size stands for a full disk."""
    (ends.far / "large").write_bytes(BINARY)
    (ends.far / "tree").mkdir()
    (ends.far / "tree" / "large").write_bytes(BINARY)
    os.link(ends.far / "tree" / "large", ends.far / "tree" / "same")
    (ends.far / "small").write_text("x")
    (ends.near / "in").mkdir()
    (ends.near / "in" / "large").write_text("old")
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (len(BINARY) // 2, before[1]))
    try:
        copy = ends.copy("app:tree", *(f"app:{each}" for each in order), "in", recursive=True)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    names = [b"in/large", b"in/tree/large", b"in/tree/same"]
    assert sorted(copy.problems) == [(name, "file too large") for name in names]
    assert tree(ends.near / "in") == {"large": b"old", "small": b"x", "tree": None}
    assert ends.leftovers() == []
