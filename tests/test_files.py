"""Files that are pipes or devices, or never end: an error at once instead of an endless wait."""

from __future__ import annotations

import errno
import os
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from connector import files
from connector.aws.profile import load_profile
from connector.aws.trust import ca_bundle
from connector.errors import ConfigError
from connector.files import (
    MAX_BYTES,
    FileProblem,
    file_lock,
    make_directory_of,
    read_own_text,
    read_text,
    settle_home,
    write_private,
)

pytestmark = pytest.mark.skipif(os.name != "posix", reason="there are no such files")


@pytest.fixture
def fifo(tmp_path: Path) -> Path:
    path = tmp_path / "fifo"
    os.mkfifo(path)
    return path


@pytest.fixture
def hasty(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(files, "PIPE_TIMEOUT", 0.1)


@pytest.fixture
def writer(fifo: Path) -> Iterator[int]:
    """Hold the pipe open for writing."""
    descriptor = os.open(fifo, os.O_RDWR)
    yield descriptor
    os.close(descriptor)


def problem(path: Path) -> str:
    with pytest.raises(FileProblem) as caught:
        read_text(path)
    return str(caught.value)


def test_pipe_without_writer_is_an_error(fifo: Path, hasty: None) -> None:
    assert problem(fifo).startswith("is a pipe that does not end")


def test_endless_pipe_is_an_error(fifo: Path, hasty: None, writer: int) -> None:
    os.write(writer, b"[default]\n")
    assert problem(fifo).startswith("is a pipe that does not end")


def test_pipe_is_read_to_its_end(fifo: Path) -> None:
    pieces = [b"[default]\n", b"region = x\n"]

    def write() -> None:
        with fifo.open("wb", buffering=0) as file:
            for piece in pieces:
                file.write(piece)

    thread = threading.Thread(target=write)
    thread.start()
    assert read_text(fifo) == b"".join(pieces).decode()
    thread.join()


def test_endless_device_is_an_error() -> None:
    assert read_text(Path(os.devnull)) == ""
    assert problem(Path("/dev/zero")) == "is larger than 8 MiB"


def test_file_above_8_mib_is_an_error(tmp_path: Path) -> None:
    path = tmp_path / "large"
    path.write_bytes(b"x" * MAX_BYTES)
    assert len(read_text(path)) == MAX_BYTES
    path.write_bytes(b"x" * (MAX_BYTES + 1))
    assert problem(path) == "is larger than 8 MiB"


def test_endless_pipe_as_aws_configuration_is_an_error(fifo: Path, hasty: None) -> None:
    with pytest.raises(ConfigError, match="is a pipe that does not end"):
        load_profile(None, {"AWS_CONFIG_FILE": str(fifo)})


@pytest.mark.usefixtures("writer")
def test_pipe_as_ca_bundle_is_an_error(fifo: Path) -> None:
    profile = load_profile(None, {"AWS_CONFIG_FILE": os.devnull})
    with pytest.raises(ConfigError, match="has no PEM certificate"):
        ca_bundle({"AWS_CA_BUNDLE": str(fifo)}, profile)


@pytest.mark.parametrize("umask", [0o000, 0o022, 0o077])
def test_written_file_is_private_whatever_existed_before(tmp_path: Path, umask: int) -> None:
    path = tmp_path / "token.json"
    path.write_text("old")
    path.chmod(0o666)
    before = os.umask(umask)
    try:
        write_private(path, "new")
    finally:
        os.umask(before)
    assert path.stat().st_mode & 0o777 == 0o600
    assert path.read_text() == "new"
    assert list(path.parent.glob("*.tmp")) == []


# Temporary files


def test_writer_removes_files_of_killed_writers(tmp_path: Path) -> None:
    path = tmp_path / "config"
    old = time.time() - files.LEFTOVER_AGE - 1
    gone = [f"config.{pid}.{token}.tmp" for pid, token in ((1, "0a1b2c3d"), (99999, "ffffffff"))]
    stay = [
        *("config.1.0a1b2c3d.bak", "config.1.0a1b2c.tmp", "config.x.0a1b2c3d.tmp", "config.tmp"),
        *("config.1.tmp", "xconfig.1.0a1b2c3d.tmp", "config.d.1.0a1b2c3d.tmp", "other"),
    ]
    for name in gone + stay:
        (tmp_path / name).touch()
        os.utime(tmp_path / name, (old, old))
    (tmp_path / "config.2.0a1b2c3d.tmp").touch()  # the file of a writer that still works
    write_private(path, "text")
    assert path.read_text() == "text"
    left = {each.name for each in tmp_path.iterdir()}
    assert left == {*stay, "config", "config.2.0a1b2c3d.tmp"}


def test_files_of_killed_writers_do_not_accumulate(tmp_path: Path) -> None:
    """Each writer is killed when its temporary file exists and is complete."""
    path = tmp_path / "config"
    program = (
        "import os, sys, connector.files as files\n"
        "os.replace = lambda *_: os.kill(os.getpid(), 9)\n"
        "files.write_private(sys.argv[1], 'text')\n"
    )
    for _ in range(3):
        subprocess.run([sys.executable, "-c", program, str(path)], check=False)
    leftovers = list(tmp_path.iterdir())
    assert len(leftovers) == 3
    for leftover in leftovers:
        os.utime(leftover, (0, 0))
    write_private(path, "text")
    assert [each.name for each in tmp_path.iterdir()] == ["config"]


@pytest.mark.parametrize("umask", [0o000, 0o002, 0o022])
def test_created_directories_are_private(tmp_path: Path, umask: int) -> None:
    before = os.umask(umask)
    try:
        make_directory_of(tmp_path / "a/b/c/file")
    finally:
        os.umask(before)
    made = [tmp_path / name for name in ("a", "a/b", "a/b/c")]
    assert [path.stat().st_mode & 0o777 for path in made] == [0o700] * 3
    make_directory_of(tmp_path / "a/b/c/file")


@pytest.mark.parametrize("home", [None, "", "relative", "./x"])
def test_relative_home_is_replaced_by_the_accounts_home(home: str | None) -> None:
    import pwd

    environ = {} if home is None else {"HOME": home}
    settle_home(environ)
    assert environ["HOME"] == pwd.getpwuid(os.getuid()).pw_dir
    environ = {"HOME": "/some/where"}
    settle_home(environ)
    assert environ == {"HOME": "/some/where"}


def test_own_file_that_is_a_pipe_or_device_does_not_block(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    with socket.socket(socket.AF_UNIX) as bound:
        bound.bind(str(tmp_path / "socket"))
        for path in (tmp_path / "pipe", tmp_path / "socket", Path("/dev/zero")):
            with pytest.raises(FileProblem, match="is a pipe or a device"):
                read_own_text(path)
    (tmp_path / "link").symlink_to(tmp_path / "nowhere")
    with pytest.raises(FileNotFoundError):
        read_own_text(tmp_path / "link")
    with pytest.raises(FileProblem, match="is a directory"):
        read_own_text(tmp_path)


@pytest.mark.parametrize("number", [errno.ENOLCK, errno.ENOTSUP, errno.ENOSYS])
def test_file_system_without_locks_works(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    import fcntl

    def refuse(descriptor: int, operation: int) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(fcntl, "flock", refuse)
    with file_lock(tmp_path / "lock", 0.1):
        pass
