"""The dialer when the system has no process left for it."""

from __future__ import annotations

import subprocess
import sys

#: Run ``connector proxy`` with one socket for stdin and stdout, on a system that cannot fork.
NO_FORK = """\
import os, socket, sys
ours, theirs = socket.socketpair()
os.dup2(theirs.fileno(), 0)
os.dup2(theirs.fileno(), 1)
def fork():
    raise BlockingIOError(11, "Resource temporarily unavailable")
os.fork = fork
sys.argv[1:] = ["proxy", "my-env"]
from connector.__main__ import main
sys.exit(main())
"""


def test_system_without_free_processes_is_reported() -> None:
    done = subprocess.run(
        [sys.executable, "-c", NO_FORK], capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 71
    assert done.stderr.startswith("connector: The system has no memory or no thread left")
