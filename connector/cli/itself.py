"""The command with which other programs start this connector, and a check that it runs.

The variables of Python itself, such as PYTHONPATH and PYTHONHOME, hold for every Python program
that inherits them. One that is set for another program gives ours another ``json`` or no standard
library at all, before a line of ours runs. So the command asks the interpreter to ignore them:
``-I`` (https://docs.python.org/3/using/cmdline.html#cmdoption-I) leaves out the variables, the
user's own site-packages, and the directory of the script or the current one. A connector that
``pip install --user`` has put into those site-packages needs them: ``-E -P`` leaves out the rest.
"""

from __future__ import annotations

import os
import shlex
import site
import subprocess
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path

from ..errors import ConfigError
from ..programs import run_program

#: Variables that say where Python finds modules.
_OF_MODULES = ("PYTHONPATH", "PYTHONHOME", "PYTHONUSERBASE")


def own_command() -> list[str]:
    """Return the command that starts this connector from any directory, by absolute paths.

    It is the script that was called, else the script beside the interpreter. Without a script
    it is ``python -m``, with ``-P`` so that Python finds no modules in the current directory.
    """
    script = _script()
    return [script] if script else [_interpreter(), *_no_own_directory(), "-m", "connector"]


def isolated_commands() -> Iterator[list[str]]:
    """Yield commands that start this connector, the best isolated one first.

    Whether a command works depends on how the connector was installed: the caller tries each. The
    last is :func:`own_command`, which ignores none of Python's variables.
    """
    script = None if sys.platform == "win32" else _script()  # on Windows it is connector.exe
    apart = _no_own_directory()
    python = _interpreter()
    if python:
        yield [python, "-I", *([script] if script else ["-m", "connector"])]
        if script:
            yield [python, "-E", *apart, script]
        elif apart:  # without -P, "-m" finds modules in the directory where ssh was called
            yield [python, "-E", *apart, "-m", "connector"]
    yield own_command()


def works_isolated(environ: Mapping[str, str]) -> bool:
    """Return whether the first of :func:`isolated_commands` works without a try.

    It works if this process, which is not isolated, finds its modules in the same places.
    """
    script = _script()
    import __main__

    main_file = getattr(__main__, "__file__", None) or ""
    return (
        not any(environ.get(name) for name in _OF_MODULES)
        and site.USER_SITE not in sys.path
        and script is not None
        and os.path.abspath(main_file) == script  # another script may not be Python
    )


def _interpreter() -> str:
    """Return the path of this interpreter, or an empty text if Python does not know it.

    In a virtual environment the name has no version. When pipx or uv rebuild the environment
    with another Python, ``python3.12`` disappears and ``python`` stays.
    """
    path = Path(sys.executable)
    if sys.executable and sys.prefix != sys.base_prefix and sys.platform != "win32":
        plain = path.with_name("python")
        if plain.exists() and path.exists() and plain.samefile(path):
            return str(plain)
    return sys.executable


def _script() -> str | None:
    name = "connector.exe" if sys.platform == "win32" else "connector"
    for path in (Path(sys.argv[0]), Path(sys.executable).with_name(name)):
        if path.name.lower() == name and path.is_file() and os.access(path, os.X_OK):
            return os.path.abspath(path)
    return None


def _no_own_directory() -> list[str]:
    """Return the option that keeps the script's directory, or the current one, out of sys.path."""
    return ["-P"] if sys.version_info >= (3, 11) else []


def as_proxy_command(words: Sequence[str]) -> str:
    """Return a command as a ProxyCommand: quoted for the user's shell, or for Windows.

    ssh replaces ``%`` and a letter, so every ``%`` is doubled.
    """
    join = subprocess.list2cmdline if sys.platform == "win32" else shlex.join
    return join(words).replace("%", "%%")


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
