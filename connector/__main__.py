"""``connector`` and ``python -m connector``."""

from __future__ import annotations

import os
import sys

from . import __version__


def main() -> int:
    """Run the command line. Ctrl-C during the imports ends it without a traceback."""
    try:
        if sys.argv[1:] == ["--version"] and _told_version():
            return 0
        if sys.argv[1:2] == ["proxy"]:
            from .cli.dialer import split

            split()
        from .fast import collector

        collector.pause()  # the command line resumes it
        from .cli.main import main as run

        return run()
    except KeyboardInterrupt:
        return 130


def _told_version() -> bool:
    """Print the version, for scripts and prompts that ask often. All imports would take 40 ms.

    :returns: False when stdout cannot be written: the command line reports it.
    """
    try:
        os.write(1, f"connector {__version__}{os.linesep}".encode())
    except OSError:
        return False
    return True


if __name__ == "__main__":
    raise SystemExit(main())
