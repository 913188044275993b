"""Try out the programs that a command relies on: the connector as ssh starts it, and ssh."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from pathlib import Path

from ..errors import ConfigError
from ..programs import run_program

#: Seconds for the connector to print its version on a busy machine.
_START_TIMEOUT = 30.0


def first_that_runs(commands: Iterable[Sequence[str]]) -> list[str]:
    """Return the first command that starts this version of the connector, as ssh will start it.

    :param commands: in order of preference. The last one may start another version.
    :raises ConfigError: when none of them runs. The message names the last one.
    """
    from importlib.metadata import version

    *better, last = commands
    for command in better:
        why, said = _start(command)
        if not why and said.split() == ["connector", version("devenv-connector")]:
            return list(command)
    require_runs(last)
    return list(last)


def require_runs(command: Sequence[str]) -> None:
    """Start the connector as ssh will: from another directory, and without a terminal.

    :raises ConfigError: when the command does not run.
    """
    why, _ = _start(command)
    if why:
        raise ConfigError(
            f"ssh could not start the connector as {' '.join(command)} ({why})",
            "Install it, with pipx or in a virtual environment, and run it from there",
        )


def _start(command: Sequence[str]) -> tuple[str, str]:
    """Return why the command does not run (empty if it runs), and the version that it prints."""
    try:
        directory = Path(command[0]).anchor or None
        ran = run_program([*command, "--version"], _START_TIMEOUT, directory=directory)
    except TimeoutError:
        return f"no answer in {_START_TIMEOUT:.0f} s", ""
    except OSError as error:
        return error.strerror or type(error).__name__, ""
    why = f"exit status {ran.status}" if ran.status else ""
    return why, ran.stdout_text


def ssh_passes_descriptors(ssh: str) -> bool:
    """Return whether ``ProxyUseFdpass yes`` works with the ssh at this path.

    The first call for a program takes some 0.1 s; the answer is remembered.
    """
    from ..ssh.fdpass import passes_descriptors
    from ..targets.memory import Memory, cache_file

    memory = Memory(cache_file(os.environ, "ssh-fdpass.json"), ssh)
    return passes_descriptors(ssh, run_program, memory)
