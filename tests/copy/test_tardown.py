"""Downloads by tar: the script runs here, in another directory, with the programs of an image."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from connector.copy.jobs import CHANGED
from connector.copy.plan import SAME_TARGET
from connector.errors import ConfigError

from .images import image
from .tarcopies import BINARY, UNPRIVILEGED, Ends, mode, tree


def test_download_has_exact_bytes(ends: Ends) -> None:
    (ends.far / "file").write_bytes(BINARY)
    copy = ends.copy("app:file", "copied")
    assert (ends.near / "copied").read_bytes() == BINARY
    assert (copy.problems, copy.unchecked, copy.progress().done) == ([], (0, ""), 1)
    assert ends.leftovers() == []


def test_content_of_a_directory_is_copied(ends: Ends) -> None:
    (ends.far / "a").write_text("a")
    (ends.far / "sub").mkdir()
    (ends.far / "sub" / "b").write_text("b")
    assert ends.copy("app:.", "out", recursive=True).problems == []
    assert tree(ends.near / "out") == {"a": b"a", "sub": None, "sub/b": b"b"}


def test_missing_sources_are_told(ends: Ends) -> None:
    (ends.near / "in").mkdir()
    (ends.far / "there").write_text("x")
    copy = ends.copy("app:none", "app:there", "app:no/way", "in")
    words = "there is no such file at the far end"
    assert copy.problems == [(b"none", words), (b"no/way", words)]
    assert tree(ends.near / "in") == {"there": b"x"}


_GREW = "tar: ./tree/log: file changed as we read it\n"


@pytest.mark.parametrize(
    ("said", "good"),
    [
        (r"tar: ./tree/new\nline\001\303\244: File shrank by 2 bytes; padding with zeros", "log"),
        (r"tar: ./tree/other: File shrank by 2 bytes; padding with zeros", ""),
        (_GREW * 25_000, ""),
    ],
    ids=["known", "unknown", "endless"],
)
def test_file_that_shrinks_does_not_get_its_name(tmp_path: Path, said: str, good: str) -> None:
    ends = Ends(tmp_path, image(tmp_path / "programs", without=["tar"]))
    script = '#!/bin/sh\n/usr/bin/tar "$@" --sort=name\ncat shrunk >&2\nexit 1\n'
    (ends.programs / "tar").write_text(script)
    (ends.programs / "tar").chmod(0o755)
    (ends.far / "shrunk").write_text(f"{said}\n{_GREW * 50}")
    (ends.far / "tree").mkdir()
    for name in ("new\nline\1ä", "log"):
        (ends.far / "tree" / name).write_text("x")
    os.link(ends.far / "tree" / "new\nline\1ä", ends.far / "tree" / "same")
    copy = ends.copy("app:tree", "copy", recursive=True)
    if good:
        names = ("tree/new\nline\1ä", "tree/same")
        assert sorted(copy.problems) == [(name.encode(), CHANGED) for name in names]
        assert tree(ends.near / "copy") == {good: b"x"}
    else:
        assert [name for name, _ in copy.problems] == [b"tree"]
        assert not (ends.near / "copy").exists()


def test_what_may_not_be_read_has_a_line_of_its_own(tmp_path: Path) -> None:
    ends = Ends(tmp_path, image(tmp_path / "programs"))
    ends.before = UNPRIVILEGED
    (ends.near / "in").mkdir()
    (ends.far / "tree" / "deep" / "locked").mkdir(parents=True)
    for name in ("file", "tree/open", "tree/file", "tree/deep/locked/file"):
        (ends.far / name).write_text("x")
    locked = [ends.far / name for name in ("file", "tree/file", "tree/deep/locked")]
    for path in locked:
        path.chmod(0)
    names = ["file", "tree", "tree/deep/locked/file"]
    copy = ends.copy(*(f"app:{name}" for name in names), "in", recursive=True)
    for path in locked:
        path.chmod(0o700)
    denied = [b"tree/deep/locked", b"tree/file", b"file", b"tree/deep/locked/file"]
    assert copy.problems == [(name, "permission denied at the far end") for name in denied]
    assert tree(ends.near / "in") == {"tree": None, "tree/deep": None, "tree/open": b"x"}


def test_destination_below_a_locked_directory_is_told(tmp_path: Path) -> None:
    ends = Ends(tmp_path, image(tmp_path / "programs"))
    ends.before = UNPRIVILEGED
    (ends.near / "file").touch()
    (ends.far / "locked" / "in").mkdir(parents=True)
    (ends.far / "locked").chmod(0)
    with pytest.raises(ConfigError, match=r"cannot be used: permission denied at the far end$"):
        ends.copy("file", "app:locked/in/file")
    (ends.far / "locked").chmod(0o700)


def test_read_only_file_that_is_named_twice_is_copied_once(tmp_path: Path) -> None:
    ends = Ends(tmp_path, image(tmp_path / "programs"))
    (ends.near / "in").mkdir()
    (ends.far / "file").write_text("x")
    (ends.far / "file").chmod(0o444)
    (ends.programs / "tar").unlink()
    (ends.programs / "tar").write_text('#!/bin/sh\n/usr/bin/tar "$@"\nchmod 600 file\n')
    (ends.programs / "tar").chmod(0o755)
    assert ends.copy("app:file", "app:./file", "in").problems == [(b"./file", SAME_TARGET)]
    assert tree(ends.near / "in") == {"file": b"x"}
    assert mode(ends.near / "in" / "file") == 0o600  # of the second time, even where root may write


def test_file_of_a_directory_that_is_named_too_goes_to_both_places(ends: Ends) -> None:
    (ends.near / "in").mkdir()
    (ends.far / "tree").mkdir()
    (ends.far / "tree" / "file").write_text("x")
    (ends.far / "tree" / "file").chmod(0o444)
    assert ends.copy("app:tree", "app:tree/file", "in", recursive=True).problems == []
    assert tree(ends.near / "in") == {"tree": None, "tree/file": b"x", "file": b"x"}
    names = (ends.near / "in" / "file", ends.near / "in" / "tree" / "file")
    assert [mode(name) for name in names] == [0o444, 0o444]
    assert not os.path.samefile(*names)
    assert ends.leftovers() == []


def test_download_goes_to_stdout(ends: Ends, capfdbinary: pytest.CaptureFixture[bytes]) -> None:
    (ends.far / "file").write_bytes(BINARY)
    assert ends.copy("app:file", "-").problems == []
    assert capfdbinary.readouterr().out == BINARY


def test_full_disk_is_told_of_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ends = Ends(tmp_path, image(tmp_path / "programs"))
    (ends.far / "file").write_bytes(BINARY)
    opened = os.open

    def to_full_disk(path: Path, flags: int, *words: int, **more: int) -> int:
        if flags & os.O_CREAT:
            return opened("/dev/full", os.O_WRONLY)
        return opened(path, flags, *words, **more)

    monkeypatch.setattr(os, "open", to_full_disk)
    assert ends.copy("app:file", "file").problems == [(b"file", "the disk is full")]
    assert ends.leftovers() == []


def test_received_files_are_removed_where_no_interrupt_comes(ends: Ends) -> None:
    (ends.far / "file").write_bytes(BINARY)
    assert ends.copy("app:file", "file").problems == []
    assert [path.parent for path in ends.left_at_end] == [ends.near]
    assert ends.leftovers() == []


def test_growing_log_is_copied_as_tar_has_read_it(tmp_path: Path) -> None:
    ends = Ends(tmp_path, image(tmp_path / "programs"))
    (ends.far / "log").write_bytes(BINARY)
    (ends.programs / "tar").unlink()
    (ends.programs / "tar").write_text(
        '#!/bin/sh\n/usr/bin/tar "$@"\necho more >>log\n'
        'echo "tar: ./log: file changed as we read it" >&2\nexit 1\n'
    )
    (ends.programs / "tar").chmod(0o755)
    copy = ends.copy("app:log", "log")
    assert (copy.problems, copy.unchecked) == ([], (0, ""))
    assert (ends.near / "log").read_bytes() == BINARY
    assert (ends.far / "log").read_bytes() == BINARY + b"more\n"
