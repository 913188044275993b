"""The machine's programs start with default signals, even in a background emulator."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from connector.emulator.app import default_signals_for_children
from connector.emulator.harness import ConnectorEmulator

#: A shell starts a command with ``&`` in this way.
BACKGROUND = "trap '' INT QUIT HUP TERM; exec \"$@\""

IGNORED = "import signal; print([s.name for s in (signal.SIGINT, signal.SIGQUIT, signal.SIGHUP, "
IGNORED += "signal.SIGTERM) if signal.getsignal(s) is signal.SIG_IGN])"


def in_background(*command: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["/bin/sh", "-c", BACKGROUND, "sh", *command],
        cwd=cwd,
        env={**os.environ, "HOME": str(cwd)},
        capture_output=True,
        text=True,
        timeout=100,
        check=True,
    )


def test_programs_get_default_signals_from_a_background_process(tmp_path: Path) -> None:
    script = (
        "import subprocess, sys\n"
        "from connector.emulator.app import default_signals_for_children\n"
        f"show = [sys.executable, '-c', {IGNORED!r}]\n"
        "subprocess.run(show)\n"
        "with default_signals_for_children():\n"
        "    subprocess.run(show)\n"
        "subprocess.run(show)\n"
    )
    shown = in_background(sys.executable, "-uc", script, cwd=tmp_path).stdout.splitlines()
    assert len(shown) == 3
    assert shown[1] == "[]"
    assert shown[0] == shown[2] != "[]"


def test_existing_handlers_stay() -> None:
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    with default_signals_for_children():
        assert {number: signal.getsignal(number) for number in before} == before


CATCH = """trap 'echo caught' INT; kill -INT $$; echo done"""


@pytest.fixture
def ignored_interrupt() -> Iterator[None]:
    """This process ignores SIGINT, as if a shell had started it in the background."""
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.usefixtures("ignored_interrupt")
def test_shells_can_be_interrupted_if_the_emulator_ignores_interrupts(tmp_path: Path) -> None:
    """A shell cannot trap a signal that it ignored at its start."""
    with ConnectorEmulator(tmp_path) as emulator:
        commands = [
            [sys.executable, "-m", "connector", "exec", "demo", "--", "sh", "-c", CATCH],
            ["ssh", "-F", str(emulator.ssh_config), emulator.name, CATCH],
        ]
        for command in commands[: 2 if shutil.which("ssh") else 1]:
            done = subprocess.run(
                command, env=emulator.environ, capture_output=True, text=True, timeout=60
            )
            assert done.stdout.split() == ["caught", "done"], done.stderr
    assert signal.getsignal(signal.SIGINT) is signal.SIG_IGN
