"""Forked programs of tests do what new ones do."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from .forks import AWS_CLI, CONNECTOR, is_forked, run, start


@pytest.mark.parametrize(
    "words",
    [("--version",), ("help", "cp"), ("start",), ("start", "a.ec2"), ("exec", "a", "--", "\udcff")],
    ids=" ".join,
)
def test_forked_connector_answers_like_a_new_one(tmp_path: Path, words: tuple[str, ...]) -> None:
    environ = {"PATH": os.environ["PATH"], "HOME": str(tmp_path), "AWS_CONFIG_FILE": "/none"}
    answers = [
        run([*CONNECTOR, *words], env=environ, cwd=tmp_path, timeout=60, anew=anew)
        for anew in (False, True)
    ]
    forked, new = ((each.returncode, each.stdout, each.stderr) for each in answers)
    assert forked == new


def test_signal_ends_a_forked_connector() -> None:
    pipe = subprocess.PIPE
    with start([*CONNECTOR, "emulator"], stdout=pipe, stderr=pipe) as process:
        assert process.stdout is not None
        assert process.stdout.readline().startswith(b"export ")
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=60)
    assert process.returncode == 0


def test_forks_of_several_servers_at_once_keep_their_exit_status(tmp_path: Path) -> None:
    environ = {"PATH": os.environ["PATH"], "HOME": str(tmp_path)}

    def status(program: Sequence[str]) -> int:
        return run([*program, "no-such-command"], env=environ).returncode

    with ThreadPoolExecutor(4) as threads:
        assert set(threads.map(status, (CONNECTOR, AWS_CLI) * 8)) == {2}


@pytest.mark.parametrize(
    "words", [("false",), (*CONNECTOR, "no-such-command")], ids=["new", "fork"]
)
def test_status_that_another_part_has_taken_is_not_0(words: tuple[str, ...]) -> None:
    process = start(words, stderr=subprocess.DEVNULL)
    assert os.waitpid(process.pid, 0)[1]
    with pytest.raises(ChildProcessError):
        process.wait()
    process.returncode = 1


def test_start_that_differs_takes_a_new_interpreter() -> None:
    here = sys.platform == "linux"
    for program in (CONNECTOR, AWS_CLI):
        assert is_forked([*program, "list"], {}) is here
        assert is_forked([*program, "list"], {"PYTHONWARNINGS": "error"}) is here
        assert not is_forked([*program, "list"], {"PYTHONOPTIMIZE": "1"})
        assert not is_forked([*program, "list"], {"LC_ALL": "de_DE"})
        assert not is_forked([*program, "list"], {"PYTHONPATH": "/"})
        assert is_forked([*program, "list"], {"PYTHONPATH": "/none"}) is here
    assert not is_forked(["ssh", "a.ec2"], {})
