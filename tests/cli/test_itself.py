"""The connector, as other programs are told to run it."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from connector.cli.itself import isolated_commands, own_command


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


def test_isolated_commands_end_with_the_plain_one(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    script = str(Path(sys.executable).with_name("connector"))
    python = str(Path(sys.executable).with_name("python"))
    apart = ["-P"] if sys.version_info >= (3, 11) else []
    monkeypatch.setattr(sys, "argv", [script])
    assert list(isolated_commands()) == [
        [python, "-I", script],
        [python, "-E", *apart, script],
        [script],
    ]

    python = str(tmp_path / "python")
    monkeypatch.setattr(sys, "argv", ["-c"])
    monkeypatch.setattr(sys, "executable", python)
    module = ["-m", "connector"]
    for_the_user = [[python, "-E", "-P", *module]] if apart else []
    assert list(isolated_commands()) == [
        [python, "-I", *module],
        *for_the_user,
        [python, *apart, *module],
    ]


@pytest.mark.parametrize("version", ["3.10", "3.13"])
def test_interpreter_of_an_environment_is_named_without_its_version(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, version: str
) -> None:
    """pipx and uv make an environment anew with another Python, at the same path."""
    versioned = tmp_path / f"python{version}"
    versioned.symlink_to(sys.executable)
    monkeypatch.setattr(sys, "argv", ["-c"])
    monkeypatch.setattr(sys, "executable", str(versioned))
    monkeypatch.setattr(sys, "prefix", str(tmp_path))
    assert next(isolated_commands())[0] == str(versioned)  # there is no other

    (tmp_path / "python").symlink_to("/bin/sh")
    assert next(isolated_commands())[0] == str(versioned)  # another one
    (tmp_path / "python").unlink()
    (tmp_path / "python").symlink_to(versioned.name)
    assert next(isolated_commands())[0] == str(tmp_path / "python")
    monkeypatch.setattr(sys, "prefix", sys.base_prefix)
    assert next(isolated_commands())[0] == str(versioned)


WORKS_ISOLATED = """
import os, sys
from connector.cli.itself import works_isolated
print(works_isolated(os.environ))
"""


@pytest.mark.parametrize(
    ("name", "variables", "expected"),
    [
        ("connector", {}, "True"),
        ("connector", {"PYTHONPATH": "/x"}, "False"),
        ("connector", {"PYTHONUSERBASE": "/x"}, "False"),
        ("another", {}, "False"),
    ],
)
def test_command_is_tried_where_isolation_may_hide_modules(
    tmp_path: Path, name: str, variables: dict[str, str], expected: str
) -> None:
    script = tmp_path / name
    script.write_text(WORKS_ISOLATED)
    script.chmod(0o700)
    environ = {name: value for name, value in os.environ.items() if "PYTHON" not in name}
    command = [sys.executable, str(script)]
    done = subprocess.run(
        command, capture_output=True, text=True, check=True, env={**environ, **variables}
    )
    assert done.stdout.strip() == expected
