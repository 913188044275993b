"""Copies by tar from targets that send no honest archives, or print without end."""

from __future__ import annotations

import tarfile
from pathlib import Path

import pytest

from connector.copy import tardown
from connector.copy.checks import DIFFERENT
from connector.copy.plan import SAME_TARGET
from connector.errors import RemoteProtocolError

from .tarcopies import script

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
        "echo $1 sums none; echo $1 file;" if words[1] == "near" else "echo $1 ready missing none;"
    )
    copy = script(tmp_path, begin + text)
    with pytest.raises(RemoteProtocolError, match="prints without end"):
        copy(*words)


def test_endless_list_of_links_ends_the_copy(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tardown, "MOST_FILES", 100)
    copy = script(tmp_path, "echo $1 sums none; exec yes $1 loop Li9maWxlL3g=")
    with pytest.raises(RemoteProtocolError, match="too many files"):
        copy("app:file", str(tmp_path / "near"))


@pytest.mark.parametrize(
    ("first", "last", "problems"), [("$one", "0000", [DIFFERENT]), ("0000", "$two", [])]
)
def test_file_is_as_good_as_the_archive_that_had_it_last(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, first: str, last: str, problems: list[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "one").write_bytes(CONTENT + bytes(1024))
    (tmp_path / "two").write_bytes(header(".", tarfile.DIRTYPE) + CONTENT + bytes(1024))
    text = (
        "one=$(sha256sum <one) two=$(sha256sum <two); echo $1 sums sha256sum\n"
        f"echo $1 file; cat one; echo $1 end s0 {first}\n"
        f"echo $1 directory; cat two; echo $1 end s0 {last}\n"
    )
    copy = script(tmp_path, text)("app:file", "app:.", "near")
    assert sorted(why for _, why in copy.problems) == sorted([SAME_TARGET, *problems])
    assert (tmp_path / "near" / "file").exists() == (not problems)
