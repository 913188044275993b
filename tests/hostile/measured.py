"""Run the connector as a user does, and write its peak memory to a file.

    python measured.py FILE attach --session-file …

The process measures itself. Its parent would also count the copy of itself before exec.
"""

from __future__ import annotations

import sys
from pathlib import Path

from connector.__main__ import main


def peak_kib() -> int:
    """Return the peak memory in KiB; 0 if the system does not report it."""
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
