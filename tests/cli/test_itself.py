"""The connector, as other programs are told to run it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from connector.cli.itself import own_command


def test_the_script_beside_the_interpreter(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(sys, "argv", [str(tmp_path / "pytest")])
    command = own_command()
    assert command == [str(Path(sys.executable).with_name("connector"))]
    done = subprocess.run([*command, "--version"], capture_output=True, cwd=tmp_path, check=True)
    assert done.stdout.startswith(b"connector ")


def test_the_script_that_was_called(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A link to it, as pipx makes one, outlives what it leads to when that is made anew."""
    link = tmp_path / "connector"
    link.symlink_to(Path(sys.executable).with_name("connector"))
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "argv", ["./connector"])
    assert own_command() == [str(link)]


def test_without_a_script_there_is_the_module(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(sys, "argv", ["-c"])
    monkeypatch.setattr(sys, "executable", str(tmp_path / "python"))
    isolated = ["-P"] if sys.version_info >= (3, 11) else []
    assert own_command() == [str(tmp_path / "python"), *isolated, "-m", "connector"]


if sys.version_info >= (3, 11):  # before, Python has no -P

    def test_the_module_is_not_one_of_the_directory_that_it_is_started_in(
        monkeypatch: pytest.MonkeyPatch, tmp_path: Path
    ) -> None:
        (tmp_path / "connector.py").write_text("raise SystemExit('the wrong one')\n")
        python = sys.executable
        monkeypatch.setattr(sys, "argv", ["-c"])
        monkeypatch.setattr(sys, "executable", str(tmp_path / "python"))
        command = [python, *own_command()[1:], "--version"]
        done = subprocess.run(command, capture_output=True, cwd=tmp_path, check=True)

        assert done.stdout.startswith(b"connector ")
