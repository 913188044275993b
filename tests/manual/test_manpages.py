"""The man pages, rendered by groff."""

from __future__ import annotations

import shutil
import subprocess
from functools import cache

import pytest

from connector.cli.commands import COMMANDS
from manual.manpages import pages

NAMES = ("connector.1", *(f"connector-{command}.1" for command in COMMANDS))

made = cache(pages)


def test_every_command_has_a_man_page() -> None:
    assert set(made()) == set(NAMES)


@pytest.mark.skipif(shutil.which("groff") is None, reason="needs groff")
@pytest.mark.parametrize("name", NAMES)
def test_man_page_renders_without_warnings(name: str) -> None:
    command = ["groff", "-man", "-ww", "-Tascii", "-P-cbu"]
    done = subprocess.run(command, input=made()[name], capture_output=True, text=True, check=True)

    assert done.stderr == ""
    assert "NAME" in done.stdout
    assert "\\" not in done.stdout.replace("\\(", "")
