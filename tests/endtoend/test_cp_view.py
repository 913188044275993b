"""What ``connector cp`` shows, and the ways that its ssh connects."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import pytest

from connector.emulator.agent.behaviour import REAL

from .cloud import START, Cloud
from .copies import LARGE, Copies, content, events
from .terminals import Terminal


def test_terminal_shows_a_bar_and_a_last_line(copies: Copies, cloud: Cloud) -> None:
    cloud.behave(REAL)
    (copies.far / "file").write_bytes(content(LARGE))
    words = copies.words("-j", "3", copies.at("file"), copies.here)
    with Terminal(24, 100) as terminal:
        process = terminal.start(copies.commands, "/bin/sh", "-c", 'exec "$@" 2>&1', "sh", *words)
        shown = terminal.reader.rest().decode()
        assert process.wait() == 0
    plain = re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]", "", shown)
    assert re.search(r"of 2\.2 MB .*MB/s, 0:\d\d left, \d connections", plain)
    assert re.search(r"Copied 1 of 1 files: 2\.2 MB in \d+\.\d s \(\d+\.\d [kM]B/s\)\s*$", plain)


def test_events_tell_how_far_the_copy_is(copies: Copies, cloud: Cloud) -> None:
    cloud.behave(REAL)
    (copies.far / "file").write_bytes(content(LARGE))
    answer = copies.run("-j", "2", "--json", copies.at("file"), copies.here)
    assert (answer.returncode, answer.stderr) == (0, b"")
    *progress, end = events(answer.stdout)
    assert len(progress) > 1
    assert {each["event"] for each in progress} == {"progress"}
    copied = [each["bytes"] for each in progress]
    assert copied == sorted(copied)
    assert (end["event"], end["bytes"], end["files"]) == ("end", LARGE, 1)
    assert (end["notCompared"], end["notCopied"], end["exitCode"]) == (0, 0, 0)


def test_json_and_stdout_are_refused_together(copies: Copies, cloud: Cloud) -> None:
    answer = copies.run("--json", copies.at("file"), "-")
    assert answer.returncode == 78
    assert b"--json does not go with stdout" in answer.stderr
    assert cloud.count(START) == 0


@pytest.fixture
def old_ssh(copies: Copies, tmp_path: Path) -> None:
    """Put an ssh on the PATH that does not take descriptors."""
    real = shutil.which("ssh")
    directory = tmp_path / "old ssh"
    directory.mkdir()
    script = f'case "$*" in *UseFdpass=yes*) echo no >&2; exit 255;; esac; exec {real} "$@"'
    (directory / "ssh").write_text(f"#!/bin/sh\n{script}\n")
    (directory / "ssh").chmod(0o755)
    environ = copies.commands.environ
    environ["PATH"] = f"{directory}:{environ['PATH']}"


def test_ssh_without_descriptors_starts_connector_proxy(
    copies: Copies, cloud: Cloud, old_ssh: None
) -> None:
    (copies.far / "file").write_bytes(content(LARGE))
    answer = copies.run("-j", "2", "--json", copies.at("file"), copies.here)
    assert answer.returncode == 0, answer.stderr
    assert (copies.here / "file").read_bytes() == content(LARGE)
    assert events(answer.stdout)[-1]["notCompared"] == 0
    assert cloud.count(START) == 2
