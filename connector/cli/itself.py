"""The connector as a command that other programs are to run."""

from __future__ import annotations

import os
import sys
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
