"""The fixture ``connector_emulator`` in a separate pytest, as in another project."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from importlib.metadata import entry_points
from pathlib import Path

import pytest

from manual.__main__ import ROOT

PAGE = (ROOT / "docs" / "emulator-for-tests.md").read_text(encoding="utf-8")

#: Loads the plugin if the package was installed before it had the entry point.
INSTALLED = bool(entry_points(group="pytest11", name="connector"))
PLUGIN = [] if INSTALLED else ["-p", "connector.emulator.pytestplugin"]


def run_pytest(directory: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    (directory / "pytest.ini").write_text("[pytest]\nfilterwarnings = error\n")
    return subprocess.run(
        [
            sys.executable,
            "-m",
            "pytest",
            "-q",
            "-p",
            "no:asyncio",
            "-p",
            "no:cacheprovider",
            *arguments,
        ],
        cwd=directory,
        capture_output=True,
        text=True,
        timeout=200,
        check=False,
    )


@pytest.mark.skipif(shutil.which("ssh") is None, reason="the page's tests run ssh")
def test_programs_of_the_documentation_pass(tmp_path: Path) -> None:
    programs = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
    for number, program in enumerate(programs):
        (tmp_path / f"test_page_{number}.py").write_text(program)
    done = run_pytest(tmp_path, *PLUGIN)
    tests = sum(program.count("\ndef test_") for program in programs)
    assert done.returncode == 0, done.stdout + done.stderr
    assert tests >= 6
    assert f"{tests} passed" in done.stdout


def test_page_names_every_attribute_of_the_fixture() -> None:
    from connector.emulator.harness import ConnectorEmulator

    public = {name for name in dir(ConnectorEmulator) if not name.startswith("_")}
    public |= ConnectorEmulator.__annotations__.keys() | {"home"}
    assert {name for name in public if f"`{name}" not in PAGE} == set()


def test_plugin_imports_nothing_but_pytest() -> None:
    done = subprocess.run(
        [
            sys.executable,
            "-c",
            "import sys, pytest; before = set(sys.modules); "
            "import connector.emulator.pytestplugin; print(*sorted(set(sys.modules) - before))",
        ],
        capture_output=True,
        text=True,
        check=True,
    )
    added = "connector connector.emulator connector.emulator.pytestplugin"
    assert done.stdout.split() == added.split()


def test_fixture_names_the_packages_that_are_missing(tmp_path: Path) -> None:
    (tmp_path / "conftest.py").write_text(
        "import connector.emulator\nconnector.emulator.missing_packages = lambda: ['trustme']\n"
    )
    (tmp_path / "test_it.py").write_text("def test_it(connector_emulator): pass\n")
    done = run_pytest(tmp_path, *PLUGIN)
    assert done.returncode == 1
    assert "connector_emulator needs trustme: install the extra 'emulator'" in done.stdout


def test_option_of_pytest_switches_the_plugin_off(tmp_path: Path) -> None:
    (tmp_path / "test_it.py").write_text("def test_it(connector_emulator): pass\n")
    done = run_pytest(tmp_path, "-p", "no:connector")
    assert "fixture 'connector_emulator' not found" in done.stdout
