"""The command that starts this connector, for other programs to run.

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
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

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
