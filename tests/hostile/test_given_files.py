"""Files that a user names and that are unusable: one line at once, never a hang."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from ..forks import CONNECTOR, start

PROXY = ("proxy", "codecatalyst-dev-env=ExampleCorp=web=01234567-89ab-cdef-0123-456789abcdef")
ATTACH = ("attach", "--session-file")

#: Use of a file -> the command, the variable that names the file (if none, the last argument
#: does), and the exit code if the file is unusable.
USES: dict[str, tuple[tuple[str, ...], str, int]] = {
    "session": (ATTACH, "", 78),
    "configuration": (PROXY, "AWS_CONFIG_FILE", 78),
    "CA bundle": (PROXY, "AWS_CA_BUNDLE", 78),
    "token": (PROXY, "BEARER_TOKEN_LOCATION", 77),
    "log": (PROXY, "CONNECTOR_LOG_FILE", 78),
}
KINDS = ("pipe", "directory", "endless", "garbage")

#: An endless device can be a log, and a log is appended to garbage.
CELLS = [
    (use, kind)
    for use in USES
    for kind in KINDS
    if (use, kind) not in (("log", "endless"), ("log", "garbage"))
]

pytestmark = pytest.mark.skipif(os.name != "posix", reason="there are no such files")


@pytest.fixture(scope="module")
def processes(
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[dict[tuple[str, str], subprocess.Popen[bytes]]]:
    """Start all commands at once, since each may wait for a while."""
    directory = tmp_path_factory.mktemp("given")
    started = {}
    for number, (use, kind) in enumerate(CELLS):
        command, variable, _ = USES[use]
        path = Path("/dev/zero") if kind == "endless" else directory / f"file-{number}"
        if kind == "pipe":
            os.mkfifo(path)
        elif kind == "directory":
            path.mkdir()
        elif kind == "garbage":
            path.write_bytes(b"[a\xff\x00\n" * 100)
        environ = {"HOME": str(directory), "PATH": os.defpath}
        started[use, kind] = start(
            [*CONNECTOR, *command, *([] if variable else [str(path)])],
            env={**environ, **({variable: str(path)} if variable else {})},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
    yield started
    for process in started.values():
        if process.stdout and not process.stdout.closed:
            process.kill()
            process.communicate()


@pytest.mark.parametrize(("use", "kind"), CELLS)
def test_hostile_file_is_refused_in_one_line(
    processes: dict[tuple[str, str], subprocess.Popen[bytes]], use: str, kind: str
) -> None:
    process = processes[use, kind]
    stdout, stderr = process.communicate(timeout=15)
    (line,) = stderr.decode().splitlines()
    assert process.returncode == USES[use][2], line
    assert line.startswith("connector: ")
    assert ("/dev/zero" if kind == "endless" else "file-") in line
    assert stdout == b""
