"""What holds for all tests."""

from __future__ import annotations

import gc
import os

# What the tests start finds its modules compiled, as it does where pip has put them.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)


def pytest_collection_finish() -> None:
    """Whatever there is now stays to the end: to look through it again and again is half the
    work of a test that collects garbage, as those do that look for what was left open."""
    gc.collect()
    gc.freeze()
