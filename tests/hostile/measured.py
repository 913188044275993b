"""Runs the connector as its users do, and leaves the memory that it took at its peak.

    python measured.py FILE attach --session-file …

Inside the process, since a parent is told the child's peak as a copy of itself too.
"""

from __future__ import annotations

import sys
from pathlib import Path

from connector.__main__ import main


def peak_kib() -> int:
    """0 where the system does not tell."""
    status = Path("/proc/self/status")
    lines = status.read_text().splitlines() if status.exists() else []
    return next((int(line.split()[1]) for line in lines if line.startswith("VmHWM:")), 0)


if __name__ == "__main__":
    file = Path(sys.argv.pop(1))
    try:
        exit_code = main()
    finally:
        file.write_text(str(peak_kib()))
    raise SystemExit(exit_code)
