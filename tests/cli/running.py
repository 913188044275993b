"""The connector as a process that runs to its end."""

from __future__ import annotations

import os
import subprocess
import sys


def run(*words: str, **environ: str) -> subprocess.CompletedProcess[str]:
    """With these words, nothing on stdin, and these variables besides the test's own."""
    return subprocess.run(
        [sys.executable, "-m", "connector", *words],
        env={**os.environ, **environ},
        input="",
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
