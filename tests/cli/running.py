"""The connector as a process that runs to its end."""

from __future__ import annotations

import os
import subprocess

from ..forks import CONNECTOR
from ..forks import run as run_program


def run(*words: str, **environ: str) -> subprocess.CompletedProcess[str]:
    """With these words, nothing on stdin, and these variables besides the test's own."""
    environ = {**os.environ, **environ}
    return run_program([*CONNECTOR, *words], input="", timeout=60, env=environ, text=True)
