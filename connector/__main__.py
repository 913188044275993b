"""``connector`` and ``python -m connector``."""

from __future__ import annotations

import atexit
import os
import sys

from . import __version__


def main() -> int:
    """Run the command line and return its exit code."""
    codes: list[int] = []
    atexit.register(_leave, codes)  # the first to register is the last to run
    codes.append(_run())
    return codes[0]


def _leave(codes: list[int]) -> None:
    """End the process here if threads still work, without the clean-up of Python and of C.

    That of OpenSSL frees what a thread inside it still uses, and the process crashes: so ended 25
    of 300 processes with two threads that open connections by TLS.

    :param codes: the exit code, once it is known.
    """
    threading = sys.modules.get("threading")
    if codes and threading and threading.active_count() > 1:
        for stream in filter(None, (sys.stdout, sys.stderr)):  # None if it was closed at the start
            stream.flush()
        os._exit(codes[0])


def _run() -> int:
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
