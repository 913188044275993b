"""``connector`` and ``python -m connector``."""

from __future__ import annotations

import sys


def main() -> int:
    """Run the command line. Ctrl-C during the imports ends it without a traceback."""
    try:
        if sys.argv[1:2] == ["proxy"]:
            from .cli.dialer import split

            split()
        from .fast import collector

        collector.pause()  # the command line resumes it
        from .fast.lean import import_lightly

        import_lightly("dataclasses", "logging")
        from .cli.main import main as run

        return run()
    except KeyboardInterrupt:
        return 130


if __name__ == "__main__":
    raise SystemExit(main())
