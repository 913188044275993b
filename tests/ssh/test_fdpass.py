"""Whether an ssh takes its connection as a descriptor: a real ssh, and scripts in its place."""

from __future__ import annotations

import os
import shlex
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

from connector.programs import Ran, run_program
from connector.ssh.fdpass import passes_descriptors
from connector.targets.memory import Memory

from ..endtoend.sshd import program

#: Starts the ProxyCommand with two pipes, as a program does that ignores ProxyUseFdpass.
CLASSIC = """\
import subprocess, sys
(line,) = [word for word in sys.argv if word.startswith("ProxyCommand=")]
command = ["/bin/sh", "-c", line.partition("=")[2]]
done = subprocess.run(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE)
sys.exit(255 if done.stdout == b"" else 0)
"""

pytestmark = pytest.mark.skipif("os.name == 'nt'")


class Tries:
    """Asks whether an ssh passes descriptors, and counts how often it is called for that."""

    def __init__(self, directory: Path) -> None:
        self.file = directory / "ssh-fdpass.json"
        self.calls: list[Sequence[str]] = []
        self.timeout = False

    def ask(self, ssh: Path | str) -> bool:
        return passes_descriptors(str(ssh), self._run, Memory(self.file, str(ssh)))

    def _run(self, command: Sequence[str], timeout: float) -> Ran:
        self.calls.append(command)
        return run_program(command, 0.0 if self.timeout else timeout)


@pytest.fixture
def tries(tmp_path: Path) -> Tries:
    return Tries(tmp_path)


def script(path: Path, text: str, interpreter: str = "/bin/sh") -> Path:
    path.write_text(f"#!{interpreter}\n{text}")
    path.chmod(0o755)
    return path


def test_openssh_passes_descriptors_and_is_tried_once(tries: Tries) -> None:
    ssh = program("ssh")
    assert [tries.ask(ssh), tries.ask(ssh)] == [True, True]
    assert len(tries.calls) == 1


def test_try_ignores_the_configuration_of_the_user(tries: Tries, tmp_path: Path) -> None:
    """ssh -F none reads neither the user's file nor the system's."""
    ssh = script(tmp_path / "ssh", f'echo "$@" > {tmp_path}/words\nexec {program("ssh")} "$@"')
    assert tries.ask(ssh)
    assert (tmp_path / "words").read_text().startswith("-F none ")


def test_changed_program_is_tried_again(tries: Tries, tmp_path: Path) -> None:
    ssh = script(tmp_path / "ssh", f'exec {program("ssh")} "$@"')
    assert tries.ask(ssh)
    script(ssh, CLASSIC, sys.executable)
    assert [tries.ask(ssh), tries.ask(ssh)] == [False, False]
    assert len(tries.calls) == 2
    os.utime(ssh, ns=(1, 1))
    assert not tries.ask(ssh)
    assert len(tries.calls) == 3


@pytest.mark.parametrize(
    "text", ['echo "Bad configuration option: proxyusefdpass" >&2; exit 255', "exit 0"]
)
def test_program_that_does_not_run_the_command_is_tried_again(
    tries: Tries, tmp_path: Path, text: str
) -> None:
    ssh = script(tmp_path / "ssh", text)
    assert [tries.ask(ssh), tries.ask(ssh)] == [False, False]
    assert len(tries.calls) == 2


def test_slow_try_is_not_remembered(tries: Tries) -> None:
    tries.timeout = True
    assert not tries.ask(program("ssh"))
    tries.timeout = False
    assert tries.ask(program("ssh"))


@pytest.mark.parametrize("name", ["missing", "."])
def test_file_that_is_no_program_passes_nothing(tries: Tries, tmp_path: Path, name: str) -> None:
    assert not tries.ask(tmp_path / name)


def test_damaged_memory_is_replaced(tries: Tries) -> None:
    ssh = program("ssh")
    for damaged in ("", "[]", f'{{"{ssh}": [1, 2, true]}}', f'{{"{ssh}": true}}'):
        tries.file.write_text(damaged)
        assert tries.ask(ssh)
    assert len(tries.calls) == 4


def test_python_in_a_directory_with_special_characters_is_found(
    tries: Tries, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    directory = tmp_path / "it's 50%h $HOME"
    directory.mkdir()
    python = script(directory / "python", f'exec {shlex.quote(sys.executable)} "$@"')
    monkeypatch.setattr(sys, "executable", str(python))
    assert tries.ask(program("ssh"))


def test_windows_has_no_descriptors_to_pass(tries: Tries, monkeypatch: pytest.MonkeyPatch) -> None:
    ssh = program("ssh")
    monkeypatch.setattr(sys, "platform", "win32")
    assert not tries.ask(ssh)
    assert tries.calls == []
