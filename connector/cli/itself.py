"""The connector as a command that other programs are to run."""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path


def own_command() -> list[str]:
    """The words that start this very connector from anywhere, by absolute paths.

    The script that was called, else the one beside the interpreter; only where there is
    neither, ``python -m``, which would also look for modules where it is started.
    """
    name = "connector.exe" if sys.platform == "win32" else "connector"
    for path in (Path(sys.argv[0]), Path(sys.executable).with_name(name)):
        if path.name.lower() == name and path.is_file() and os.access(path, os.X_OK):
            return [os.path.abspath(path)]
    return [sys.executable, "-m", "connector"]


def as_proxy_command(words: Sequence[str]) -> str:
    """Words as ssh reads a ProxyCommand: the user's shell runs it, on Windows none does.

    Every ``%`` is doubled, or ssh would replace it.
    """
    join = subprocess.list2cmdline if sys.platform == "win32" else shlex.join
    return join(words).replace("%", "%%")
