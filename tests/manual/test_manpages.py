"""The man pages, rendered by groff."""

from __future__ import annotations

import shutil
import subprocess

import pytest

from connector.cli.commands import COMMANDS
from manual.manpages import pages

PAGES = pages()


def test_every_command_has_a_man_page() -> None:
    assert set(PAGES) == {"connector.1", *(f"connector-{command}.1" for command in COMMANDS)}


@pytest.mark.skipif(shutil.which("groff") is None, reason="needs groff")
@pytest.mark.parametrize("name", PAGES)
def test_man_page_renders_without_warnings(name: str) -> None:
    command = ["groff", "-man", "-ww", "-Tascii", "-P-cbu"]
    done = subprocess.run(command, input=PAGES[name], capture_output=True, text=True, check=True)

    assert done.stderr == ""
    assert "NAME" in done.stdout
    assert "\\" not in done.stdout.replace("\\(", "")
