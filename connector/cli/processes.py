"""Programs that a command runs to their end."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterable, Sequence
from contextlib import suppress
from importlib.metadata import version
from pathlib import Path

from ..errors import ConfigError
from ..ssh.check import Ran

#: Seconds for the connector to say its version, on a machine that is busy.
_START_TIMEOUT = 30.0


def run_program(command: Sequence[str], timeout: float, directory: str | None = None) -> Ran:
    """Run a program without input and terminal, from a directory or where we are.

    A program that is given up is ended with all that it has started, unless that has left its
    session. On Windows, where there are no sessions, only the program itself is ended.

    :param timeout: seconds.
    :raises TimeoutError: when it has not ended by then; it is ended.
    :raises OSError: when it cannot be started.
    """
    process = subprocess.Popen(
        command,
        cwd=directory,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        start_new_session=True,
    )
    try:
        stdout, stderr = process.communicate(timeout=timeout)
    except subprocess.TimeoutExpired:
        raise TimeoutError from None
    finally:
        _end(process)
    return Ran(process.returncode, stdout, stderr)


def _end(process: subprocess.Popen[bytes]) -> None:
    """End a program that still runs, and what it has started."""
    if process.returncode is None:
        if sys.platform == "win32":
            process.kill()
        else:
            with suppress(ProcessLookupError, PermissionError):
                os.killpg(process.pid, signal.SIGKILL)
        process.wait()
    if sys.platform != "win32":  # where threads still read them
        for stream in (process.stdout, process.stderr):  # what has left the session may hold them
            if stream is not None:
                stream.close()


def first_that_runs(commands: Iterable[Sequence[str]]) -> list[str]:
    """Return the first command that starts this version of the connector, as ssh will start it.

    :param commands: the last may start another version.
    :raises ConfigError: when none runs; the message is about the last.
    """
    *better, last = commands
    for command in better:
        why, said = _start(command)
        if not why and said.split() == ["connector", version("devenv-connector")]:
            return list(command)
    require_runs(last)
    return list(last)


def require_runs(command: Sequence[str]) -> None:
    """Start the connector as ssh will: from anywhere, and with no terminal.

    :raises ConfigError: when it does not run.
    """
    why, _ = _start(command)
    if why:
        raise ConfigError(
            f"ssh could not start the connector as {' '.join(command)} ({why})",
            "Install it, with pipx or in a virtual environment, and run it from there",
        )


def _start(command: Sequence[str]) -> tuple[str, str]:
    """Return why the command does not run, empty when it does, and the version that it says."""
    try:
        ran = run_program([*command, "--version"], _START_TIMEOUT, Path(command[0]).anchor or None)
    except TimeoutError:
        return f"no answer in {_START_TIMEOUT:.0f} s", ""
    except OSError as error:
        return error.strerror or type(error).__name__, ""
    why = f"exit status {ran.status}" if ran.status else ""
    return why, ran.stdout.decode("utf-8", "replace")
