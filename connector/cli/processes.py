"""Programs that a command runs to their end."""

from __future__ import annotations

import subprocess
from collections.abc import Sequence
from pathlib import Path

from ..errors import ConfigError
from ..ssh.check import Ran

#: Seconds for the connector to say its version, on a machine that is busy.
_START_TIMEOUT = 30.0


def run_program(command: Sequence[str], timeout: float, directory: str | None = None) -> Ran:
    """Run a program without input, from a directory or where we are.

    :param timeout: seconds.
    :raises TimeoutError: when it has not ended by then; it is ended.
    :raises OSError: when it cannot be started.
    """
    try:
        done = subprocess.run(
            command,
            cwd=directory,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=timeout,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise TimeoutError from None
    return Ran(done.returncode, done.stdout, done.stderr)


def require_runs(command: Sequence[str]) -> None:
    """Start the connector as ssh will: from anywhere, and with no terminal.

    :raises ConfigError: when it does not run.
    """
    why = ""
    try:
        ran = run_program([*command, "--version"], _START_TIMEOUT, Path(command[0]).anchor or None)
        if ran.status:
            why = f"exit status {ran.status}"
    except TimeoutError:
        why = f"no answer in {_START_TIMEOUT:.0f} s"
    except OSError as error:
        why = error.strerror or type(error).__name__
    if why:
        raise ConfigError(
            f"ssh could not start the connector as {' '.join(command)} ({why})",
            "Install it, with pipx or in a virtual environment, and run it from there",
        )
