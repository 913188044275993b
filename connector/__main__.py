"""``connector`` and ``python -m connector``."""

from __future__ import annotations

import gc


def main() -> int:
    """Run the command line; a Ctrl-C while it is still being imported is no traceback."""
    # What is imported stays: to look through it again and again finds nothing, and takes 4 ms.
    # The command line lets the collector work again.
    gc.disable()
    try:
        from .fast.lean import import_lightly

        import_lightly("dataclasses", "logging")
        from .cli.main import main as run

        return run()
    except KeyboardInterrupt:
        return 130


if __name__ == "__main__":
    raise SystemExit(main())
