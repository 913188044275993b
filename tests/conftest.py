"""Set-up for all tests: a clean environment, an empty home, and Hypothesis' profiles.

``HYPOTHESIS_PROFILE=soak`` searches for half an hour, with another seed each time. By default, a
run of Hypothesis is short and repeatable.
"""

from __future__ import annotations

import atexit
import gc
import os
import shutil
import signal
import tempfile
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

from .account import hide_real_home

#: Variables that a test process keeps. The others are the user's and may change the connector's
#: behaviour: credentials, proxies, settings, locale, Python's own switches.
_KEPT = (
    *("PATH", "USER", "LOGNAME", "TMPDIR", "TEMP", "TMP", "CI"),
    *("SYSTEMROOT", "COMSPEC", "PATHEXT", "PROGRAMDATA"),  # Windows starts no program without them
)


def _clean_environment() -> None:
    """Keep the variables that programs need to start, and make HOME an empty directory.

    ssh ignores HOME and reads the user database, so tests that run ssh name their own files.
    """
    for name in set(os.environ) - set(_KEPT):
        if not name.startswith("PYTEST_"):
            del os.environ[name]
    home = tempfile.mkdtemp(prefix="connector-tests-home-")
    atexit.register(shutil.rmtree, home, ignore_errors=True)
    os.environ |= {"HOME": home, "USERPROFILE": home, "LANG": "C.UTF-8", "TERM": "xterm-256color"}


def _default_signals() -> None:
    """Let signals end the programs that tests start.

    A shell starts a background job with SIGINT ignored, nohup ignores SIGHUP, and every program
    inherits that.
    """
    signal.signal(signal.SIGINT, signal.default_int_handler)
    for name in ("SIGHUP", "SIGQUIT"):
        if hasattr(signal, name):
            signal.signal(getattr(signal, name), signal.SIG_DFL)


# A busy machine is slow, which is no fault of a test.
_SLOW = [HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.filter_too_much]

settings.register_profile(
    "short",
    max_examples=40,
    stateful_step_count=50,
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=_SLOW,
)
settings.register_profile(
    "soak",
    max_examples=3400,  # 10,200 sessions of the simulation
    stateful_step_count=80,
    deadline=None,
    print_blob=True,
    suppress_health_check=_SLOW,
)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "short"))

_clean_environment()
hide_real_home(os.environ["HOME"])  # no test reads or writes the account's ~/.ssh
_default_signals()


#: The rooms whose tests wait for processes: seconds for a file instead of milliseconds.
_SLOW_ROOMS = ("endtoend", "hostile", "cli", "copy", "ssh", "emulator", "manual")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put slow rooms, and long files in them, first: no worker begins one at the end of the run."""
    rooms = Path(__file__).parent

    @cache
    def place(path: Path) -> tuple[int, int]:
        room = path.relative_to(rooms).parts[0] if rooms in path.parents else ""
        rank = _SLOW_ROOMS.index(room) if room in _SLOW_ROOMS else len(_SLOW_ROOMS)
        return rank, -path.stat().st_size

    items.sort(key=lambda item: place(item.path))  # stable: a file's tests stay together


def pytest_xdist_auto_num_workers() -> int:
    """Run four workers a core, up to 24: most tests wait for processes and sockets.

    A worker takes some 0.35 GB, and 2 CPU seconds to collect the tests.
    """
    return min(4 * (os.cpu_count() or 1), 24)


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Iterator[None]:
    """Collect the tests without the garbage collector, which takes 3 of the 9 CPU seconds.

    Every worker collects all tests. The objects are many, and all of them stay.
    """
    gc.disable()
    try:
        return (yield)
    finally:
        gc.enable()


def pytest_collection_finish() -> None:
    """Freeze all objects after the collection, so that the garbage collector skips them.

    Tests that look for open objects collect garbage, which otherwise takes half their time. The
    collector's own runs are rarer than by default: they would take 5 % of the CPU time.
    """
    gc.freeze()
    gc.set_threshold(20_000)
