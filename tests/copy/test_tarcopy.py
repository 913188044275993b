"""Copies by tar: the scripts run here, in another directory and with the programs of an image."""

from __future__ import annotations

import os
import random
import stat
import tarfile
from collections.abc import Callable
from pathlib import Path

import pytest

from connector.copy.command import CommandFailed
from connector.copy.names import wish_of
from connector.copy.tarcopy import TarCopy
from connector.errors import ConfigError, RemoteProtocolError, SessionEnded

from .images import BUSYBOX, busybox_image, image

#: All bytes, and more than one piece of everything.
BINARY = random.Random(7).randbytes(700_001) + bytes(range(256))

#: Names that a shell, tar or a list of words could misread.
ODD = ["a b", "-n", "$HOME", "it's", "new\nline", 'quo"te', "*", "back\\slash", "täst"]


class Ends:
    """The two ends of copies, and a copy with ``app`` as the target."""

    def __init__(self, directory: Path, programs: Path) -> None:
        self.near, self.far = directory / "near", directory / "far"
        self.near.mkdir()
        self.far.mkdir()
        self.programs = programs
        self.reports: list[str] = []

    def copy(self, *words: str, recursive: bool = False, preserve: bool = False) -> TarCopy:
        """Copy, and return the copy after its end. A path of this end is relative to it."""
        env = ["/usr/bin/env", "-i", "-C", str(self.far), f"PATH={self.programs}"]
        copy = TarCopy(
            wish_of(list(words)),
            env,
            recursive=recursive,
            preserve=preserve,
            report=self.reports.append,
            before_end=lambda: None,
        )
        here = os.getcwd()
        os.chdir(self.near)
        try:
            copy.run(lambda _: None)
        finally:
            os.chdir(here)
        return copy

    def leftovers(self) -> list[Path]:
        """Return what no copy should leave behind."""
        return [each for end in (self.near, self.far) for each in end.rglob(".connector-*")]


IMAGES = [
    "slim",
    pytest.param(
        "busybox", marks=pytest.mark.skipif(not BUSYBOX, reason="this machine has no busybox")
    ),
]


@pytest.fixture(params=IMAGES)
def ends(request: pytest.FixtureRequest, tmp_path: Path) -> Ends:
    make = busybox_image if request.param == "busybox" else image
    return Ends(tmp_path, make(tmp_path / "programs"))


def tree(directory: Path) -> dict[str, bytes | None]:
    """Return the content of all files below a directory; None for directories."""
    return {
        str(path.relative_to(directory)): path.read_bytes() if path.is_file() else None
        for path in directory.rglob("*")
    }


def make_tree(directory: Path) -> None:
    for number, name in enumerate(ODD):
        below = directory / "deep" / name
        below.mkdir(parents=True)
        (below / name).write_bytes(BINARY[: number * 1000])
    (directory / "empty").mkdir()
    (directory / "large").write_bytes(BINARY)


def test_upload_has_exact_bytes(ends: Ends) -> None:
    (ends.near / "file").write_bytes(BINARY)
    copy = ends.copy("file", "app:copied")
    assert (ends.far / "copied").read_bytes() == BINARY
    assert (copy.problems, copy.unchecked, copy.progress().done) == ([], (0, ""), 1)
    assert ends.leftovers() == []


def test_download_has_exact_bytes(ends: Ends) -> None:
    (ends.far / "file").write_bytes(BINARY)
    copy = ends.copy("app:file", "copied")
    assert (ends.near / "copied").read_bytes() == BINARY
    assert (copy.problems, copy.unchecked, copy.progress().done) == ([], (0, ""), 1)
    assert ends.leftovers() == []


def test_tree_with_odd_names_goes_up_and_comes_back(ends: Ends) -> None:
    make_tree(ends.near / "tree")
    up = ends.copy("tree", "app:.", recursive=True)
    down = ends.copy("app:tree", "back", recursive=True)
    assert (up.problems, down.problems) == ([], [])
    assert tree(ends.far / "tree") == tree(ends.near / "tree") == tree(ends.near / "back")
    assert ends.leftovers() == []


def test_tree_merges_into_one_that_is_there(ends: Ends) -> None:
    for old, end in ((ends.far / "t", "far"), (ends.near / "t", "near")):
        (old / "sub").mkdir(parents=True)
        (old / "sub" / "file").write_text(end)
        (old / "sub" / f"only-{end}").write_text(end)
    assert ends.copy("t", "app:.", recursive=True).problems == []
    assert {path.name: path.read_text() for path in (ends.far / "t" / "sub").iterdir()} == {
        "file": "near",
        "only-far": "far",
        "only-near": "near",
    }


def test_content_of_a_directory_is_copied(ends: Ends) -> None:
    (ends.far / "a").write_text("a")
    (ends.far / "sub").mkdir()
    (ends.far / "sub" / "b").write_text("b")
    assert ends.copy("app:.", "out", recursive=True).problems == []
    assert tree(ends.near / "out") == {"a": b"a", "sub": None, "sub/b": b"b"}


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


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


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


@pytest.mark.parametrize("words", [("file", "app:copy"), ("app:file", "copy")])
def test_file_that_is_there_keeps_its_mode(ends: Ends, words: tuple[str, str]) -> None:
    source, target = (ends.near, ends.far) if words[0] == "file" else (ends.far, ends.near)
    (source / "file").write_text("new")
    (target / "copy").write_text("old")
    (target / "copy").chmod(0o640)
    assert ends.copy(*words).problems == []
    assert ((target / "copy").read_text(), mode(target / "copy")) == ("new", 0o640)


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


def test_missing_sources_are_told(ends: Ends) -> None:
    (ends.near / "in").mkdir()
    (ends.far / "there").write_text("x")
    copy = ends.copy("app:none", "app:there", "app:no/way", "in")
    words = "no such file or directory"
    assert copy.problems == [(b"none", words), (b"no/way", words)]
    assert tree(ends.near / "in") == {"there": b"x"}


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
    with pytest.raises(ConfigError, match=r"cannot be used: .*[Nn]o such file"):
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


def test_download_goes_to_stdout(ends: Ends, capfdbinary: pytest.CaptureFixture[bytes]) -> None:
    (ends.far / "file").write_bytes(BINARY)
    assert ends.copy("app:file", "-").problems == []
    assert capfdbinary.readouterr().out == BINARY


def test_upload_comes_from_stdin(ends: Ends) -> None:
    reading, writing = os.pipe()
    os.write(writing, b"from stdin")
    os.close(writing)
    kept = os.dup(0)
    os.dup2(reading, 0)
    os.close(reading)
    try:
        assert ends.copy("-", "app:file").problems == []
    finally:
        os.dup2(kept, 0)
        os.close(kept)
    assert (ends.far / "file").read_bytes() == b"from stdin"


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


def script(directory: Path, text: str) -> Callable[..., TarCopy]:
    """Return a copy whose target runs a script of the test in place of ours."""
    (directory / "near").mkdir()
    program = directory / "program"
    program.write_text(f"#!/bin/sh\nshift 4\n{text}")
    program.chmod(0o755)

    def copy(*words: str, preserve: bool = False) -> TarCopy:
        made = TarCopy(
            wish_of(list(words)),
            [str(program)],
            recursive=True,
            preserve=preserve,
            report=lambda _: None,
            before_end=lambda: None,
        )
        made.run(lambda _: None)
        return made

    return copy


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


ARCHIVE = """\
import io, sys, tarfile
with tarfile.open(fileobj=sys.stdout.buffer, mode="w|") as archive:
    for name in {names!r}:
        member = tarfile.TarInfo(name)
        member.size = 1
        archive.addfile(member, io.BytesIO(b"x"))
"""


@pytest.mark.parametrize("name", ["../out", "/out", "file/../../out", "other", "file/../other"])
def test_names_of_a_hostile_target_stay_inside(tmp_path: Path, name: str) -> None:
    maker = tmp_path / "maker.py"
    maker.write_text(ARCHIVE.format(names=[name]))
    text = f"echo $1 sums none; echo $1 directory; python3 {maker}; echo $1 end s0"
    copy = script(tmp_path, text)("app:file", str(tmp_path / "near"))
    assert (b"file", "the far end reports a name that no file can have") in copy.problems
    assert list((tmp_path / "near").iterdir()) == []
    assert sorted(path.name for path in tmp_path.iterdir()) == ["maker.py", "near", "program"]


def header(name: str, kind: bytes = tarfile.REGTYPE, size: int = 0) -> bytes:
    """Return the header of a member, as old programs write it."""
    member = tarfile.TarInfo(name)
    member.type, member.size = kind, size
    return member.tobuf(tarfile.USTAR_FORMAT)


def extended(record: bytes) -> bytes:
    """Return a header of PAX with one record, such as ``13 mtime=nan``."""
    return header("pax", tarfile.XHDTYPE, len(record)) + record + bytes(-len(record) % 512)


def negative_size() -> bytes:
    """Return a header that tells a negative size in GNU's form, with its checksum."""
    data = bytearray(header("file"))
    data[124:136] = (2**96 - 512).to_bytes(12, "big")
    data[148:156] = b" " * 8
    data[148:156] = b"%06o\0 " % sum(data)
    return bytes(data)


def holes(blocks: int) -> bytes:
    """Return the header of a file with holes, which go on for so many blocks."""
    data = bytearray(header("file", tarfile.GNUTYPE_SPARSE))
    data[257:265] = b"ustar  \0"
    data[482] = 1
    data[148:156] = b" " * 8
    data[148:156] = b"%06o\0 " % sum(data)
    return bytes(data) + ((b"00000000001\0" * 42) + b"\1" + bytes(7)) * blocks


CONTENT = header("file", size=1) + b"x".ljust(512, b"\0")
PAX = {
    "number": extended(b"22 GNU.sparse.map=1,x\n"),
    "size": extended(b"11 size=-5\n"),
    "chain": extended(b"6 a=b\n") * 1500,
}


@pytest.mark.parametrize(
    "archive",
    [
        *(pytest.param(data + CONTENT, id=name) for name, data in PAX.items()),
        pytest.param(negative_size(), id="negative"),
        pytest.param(holes(2500), id="holes"),
    ],
)
def test_malformed_headers_end_the_copy(tmp_path: Path, archive: bytes) -> None:
    (tmp_path / "archive").write_bytes(archive + bytes(1024))
    text = f"echo $1 sums none; echo $1 file; exec cat {tmp_path / 'archive'}"
    with pytest.raises(RemoteProtocolError, match="at the target has sent"):
        script(tmp_path, text)("app:file", str(tmp_path / "near"))
    assert list((tmp_path / "near").iterdir()) == []


@pytest.mark.parametrize("mtime", ["nan", "inf", "-inf", "1e300"])
def test_file_with_an_odd_time_is_copied(tmp_path: Path, mtime: str) -> None:
    record = f" mtime={mtime}\n".encode()
    (tmp_path / "archive").write_bytes(
        extended(b"%d%s" % (len(record) + 2, record)) + CONTENT + bytes(1024)
    )
    text = f"echo $1 sums none; echo $1 file; cat {tmp_path / 'archive'}; echo $1 end s0"
    copy = script(tmp_path, text)("app:file", str(tmp_path / "near"), preserve=True)
    assert copy.problems == []
    assert (tmp_path / "near" / "file").read_bytes() == b"x"


def test_name_with_a_zero_byte_is_told(tmp_path: Path) -> None:
    archive = header("file", tarfile.DIRTYPE) + extended(b"17 path=file/a\0b\n") + CONTENT
    (tmp_path / "archive").write_bytes(archive + bytes(1024))
    text = f"echo $1 sums none; echo $1 directory; cat {tmp_path / 'archive'}; echo $1 end s0"
    copy = script(tmp_path, text)("app:file", str(tmp_path / "near"))
    assert (b"file", "the far end reports a name that no file can have") in copy.problems


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("cat archive; echo $1 end s0; exec cat /dev/zero", ("app:file", "near")),
        ("exec yes $1 nodir 99", ("near", "app:there")),
        ("exec yes $1 done ²", ("near", "app:there")),
    ],
)
def test_endless_output_ends_the_copy(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str, words: tuple[str, str]
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "archive").write_bytes(CONTENT + bytes(1024))
    begin = (
        "echo $1 sums none; echo $1 file;" if words[1] == "near" else "echo $3 ready missing none;"
    )
    copy = script(tmp_path, begin + text)
    with pytest.raises(RemoteProtocolError, match="prints without end"):
        copy(*words)


def test_full_disk_ends_a_download(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ends = Ends(tmp_path, image(tmp_path / "programs"))
    (ends.far / "file").write_bytes(BINARY)
    opened = os.open

    def to_full_disk(path: Path, flags: int, *words: int, **more: int) -> int:
        if flags & os.O_CREAT:
            return opened("/dev/full", os.O_WRONLY)
        return opened(path, flags, *words, **more)

    monkeypatch.setattr(os, "open", to_full_disk)
    with pytest.raises(ConfigError, match="cannot be used: the disk is full"):
        ends.copy("app:file", "file")
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


@pytest.mark.parametrize("words", [("file", "app:copy"), ("app:file", "copy")])
def test_failure_of_tar_is_told_in_its_words(tmp_path: Path, words: tuple[str, str]) -> None:
    ends = Ends(tmp_path, image(tmp_path / "programs"))
    for end in (ends.near, ends.far):
        (end / "file").write_text("x")
    (ends.programs / "tar").unlink()
    (ends.programs / "tar").write_text(
        '#!/bin/sh\n/usr/bin/tar "$@"\necho "tar: no space left" >&2\nexit 2\n'
    )
    (ends.programs / "tar").chmod(0o755)
    assert ends.copy(*words).problems == [(b"file", "tar at the target: tar: no space left")]
    assert ends.leftovers() == []
