"""A fixture: an empty directory in the role of ``~/.ssh``."""

from __future__ import annotations

from pathlib import Path

import pytest

from ..endtoend.sshd import program
from .setups import Setup


@pytest.fixture
def setup(tmp_path: Path) -> Setup:
    program("ssh")
    directory = tmp_path / "dot ssh"
    directory.mkdir(mode=0o700)
    setup = Setup(directory)
    setup.include = f'Include "{setup.ours}"'.encode()
    return setup
