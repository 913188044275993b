"""The connector as a command that other programs are to run.

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
    """The words that start this very connector from anywhere, by absolute paths.

    The script that was called, else the one beside the interpreter; only where there is
    neither, ``python -m``, with ``-P`` for it not to look for modules where it is started.
    """
    script = _script()
    return [script] if script else [_interpreter(), *_no_own_directory(), "-m", "connector"]


def isolated_commands() -> Iterator[list[str]]:
    """Commands that start this connector, the one that ignores most of Python's variables first.

    Whether a command works depends on how the connector was installed: the caller tries each. The
    last is :func:`own_command`, which ignores none of them.
    """
    script = None if sys.platform == "win32" else _script()  # Windows has a connector.exe
    apart = _no_own_directory()
    python = _interpreter()
    if python:
        yield [python, "-I", *([script] if script else ["-m", "connector"])]
        if script:
            yield [python, "-E", *apart, script]
        elif apart:  # without -P, "-m" finds modules where ssh is called
            yield [python, "-E", *apart, "-m", "connector"]
    yield own_command()


def works_isolated(environ: Mapping[str, str]) -> bool:
    """Return whether the first of :func:`isolated_commands` is sure to work, untried.

    So it is when this process, which is not isolated, finds its modules in the same places.
    """
    script = _script()
    import __main__

    main_file = getattr(__main__, "__file__", None) or ""
    return (
        not any(environ.get(name) for name in _OF_MODULES)
        and site.USER_SITE not in sys.path
        and script is not None
        and os.path.abspath(main_file) == script  # another one may be no script of Python
    )


def _interpreter() -> str:
    """Return the path of this interpreter; empty when Python does not know it.

    In a virtual environment its name has no version: ``python3.12`` is gone when pipx or uv make
    the environment anew with another Python, and ``python`` is there again.
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
    """Options that keep the directory of the script, or the current one, out of sys.path."""
    return ["-P"] if sys.version_info >= (3, 11) else []


def as_proxy_command(words: Sequence[str]) -> str:
    """Words as ssh reads a ProxyCommand: the user's shell runs it, on Windows none does.

    Every ``%`` is doubled, or ssh would replace it.
    """
    join = subprocess.list2cmdline if sys.platform == "win32" else shlex.join
    return join(words).replace("%", "%%")
