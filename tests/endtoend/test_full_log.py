"""A log file that becomes unwritable while the parent reads no stderr."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from .cloud import Cloud
from .commands import CONNECTOR, END, Commands
from .targets import GREETING, TcpService, greeting_echo

DATA = bytes(range(256)) * 300

#: Blocks of 512 bytes (POSIX). The log reaches this limit while data flows.
LIMITED = 'ulimit -f 1; exec "$@"'

#: A nearly full disk of one page, in its own namespaces.
SMALL_DISK = """
mount -t tmpfs -o size=4k tmpfs "$0" && head -c 3500 /dev/zero >"$0/log" && exec "$@"
"""


@contextlib.contextmanager
def unread_pipe(*, full: bool) -> Iterator[tuple[int, int]]:
    """A pipe that stays unread until the test reads it."""
    reader, writer = os.pipe()
    os.set_blocking(reader, False)
    if full:
        os.set_blocking(writer, False)
        with contextlib.suppress(BlockingIOError):
            while True:
                os.write(writer, b"x" * 4096)
        os.set_blocking(writer, True)
    try:
        yield reader, writer
    finally:
        os.close(reader)
        os.close(writer)


@pytest.mark.parametrize("full_stderr", [True, False])
@pytest.mark.parametrize("cause", ["device", "limit", "disk"])
def test_stream_and_signals_continue_when_the_log_is_full(
    commands: Commands, cloud: Cloud, tmp_path: Path, cause: str, full_stderr: bool
) -> None:
    disk = tmp_path / "disk"
    disk.mkdir()
    log = {"device": "/dev/full", "limit": str(tmp_path / "log"), "disk": str(disk / "log")}[cause]
    words = [*CONNECTOR, "proxy", "--log-file", log, cloud.host]
    if cause == "limit":
        words = ["/bin/sh", "-c", LIMITED, "sh", *words]
    elif cause == "disk":
        words = [*own_mounts(), "/bin/sh", "-c", SMALL_DISK, str(disk), *words]
    with (
        TcpService(greeting_echo) as service,
        unread_pipe(full=full_stderr) as (reader, writer),
    ):
        cloud.port = service.port
        process = commands.start(*words, stderr=writer)
        process.reader.until(GREETING)
        for _ in range(3):
            process.send(DATA)
            assert process.reader.exactly(len(DATA)) == DATA
        process.signal(signal.SIGTERM)
        assert process.wait(END) == 143
        said = os.read(reader, 1 << 20).strip(b"x").decode()
    assert said.count("\n") == (0 if full_stderr else 1), said
    assert full_stderr or f"The log file {log} cannot be written" in said


def own_mounts() -> list[str]:
    """Return the words that run a program which may mount file systems for itself alone."""
    words = ["unshare", "--user", "--map-root-user", "--mount"]
    try:
        able = subprocess.run(
            [*words, "mount", "-t", "tmpfs", "tmpfs", "/mnt"], capture_output=True, check=False
        )
    except FileNotFoundError:
        pytest.skip("unshare is not installed")
    if able.returncode:
        pytest.skip("this account may not mount a tmpfs")
    return words
