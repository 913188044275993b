"""Starts of Python programs by a fork of a process that has imported their modules.

A new interpreter spends 0.1 to 0.5 s of CPU time on the imports of a command, and a fork 0.02 s.
A forked program is a process of its own, with its test's directory, variables and descriptors. It
runs the script that a user calls. Its start alone differs, so tests of the start itself, and
programs that other programs start, take a new interpreter.
"""

from __future__ import annotations

import atexit
import ctypes
import gc
import importlib
import json
import os
import pkgutil
import runpy
import socket
import subprocess
import sys
import threading
import time
import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from .account import hide_real_home

#: The words that start the connector that runs the tests, without a search of PATH. The script is
#: what a user calls, and what the connector itself starts.
_SCRIPT = Path(sys.executable).with_name("connector")
CONNECTOR = (sys.executable, *((str(_SCRIPT),) if _SCRIPT.exists() else ("-m", "connector")))

#: The words that start AWS's own CLI.
AWS_CLI = (sys.executable, "-m", "awscli")

#: What ends the lines that an own program of a test begins with (``endtoend/ownprogram.py``). The
#: server of such programs runs the lines before it imports what depends on them.
_OWN = "from connector.__main__"

#: Commands that import more than the others. The server imports it when they first run, since each
#: MiB of it makes all later forks slower.
_MORE = {
    **dict.fromkeys(("demo", "emulator"), ("connector.emulator.app", "paramiko")),
    **dict.fromkeys(("doctor", "login", "logout", "whoami"), ("botocore.session",)),
}

#: Beginnings of variables that the interpreter reads when it starts.
_READ_AT_START = ("PYTHON", "LANG", "LC_")
_WARNINGS = "PYTHONWARNINGS"  # a fork obeys it

#: A variable that names a file. A forked program writes there the most memory that it took
#: besides what it shares with its server, in KiB.
PEAK_FILE = "TESTS_PEAK_FILE"

#: prctl(2): orphans become children of this process.
_PR_SET_CHILD_SUBREAPER = 36

_ROOT = Path(__file__).parents[1]


def start(words: Sequence[str], *, anew: bool = False, **options: Any) -> subprocess.Popen[Any]:
    """Start a program as ``Popen`` does: CONNECTOR and AWS_CLI by a fork, as far as that is equal.

    :param anew: start a new interpreter: for what a program reads while it is imported, and for
        words and variables that the system shows of a process.
    :param options: those of ``Popen``, without the ones that change the new process before it runs.
    """
    server = None if anew else _server_for(words, options.get("env"))
    if server is None:
        return _Child(words, **options)
    return _Forked(words, server=server, **options)


def is_forked(words: Sequence[str], environ: Mapping[str, str] | None) -> bool:
    """Return whether :func:`start` forks. A forked program takes the terminal of a new session."""
    return _server_for(words, environ) is not None


def _server_for(words: Sequence[str], environ: Mapping[str, str] | None) -> _Server | None:
    """Return the server that forks a program, or None if it needs a new interpreter."""
    program = tuple(words[: 3 if "-m" in words[1:2] else 2])
    if sys.platform != "linux" or not _SCRIPT.exists():
        return None
    if program not in (CONNECTOR, AWS_CLI):
        if program[0] != sys.executable or Path(program[-1]).name != _SCRIPT.name:
            return None
        program = (*CONNECTOR, Path(program[-1]).read_text().partition(_OWN)[0])
    if program not in _servers:
        _servers[program] = _Server(program)
    server = _servers[program]
    return server if server.suits(os.environ if environ is None else environ) else None


def run(
    words: Sequence[str], *, input: Any = None, timeout: float | None = None, **options: Any
) -> subprocess.CompletedProcess[Any]:
    """Run a program to its end as :func:`start` does, and return its output.

    :raises subprocess.TimeoutExpired: when it takes more than ``timeout`` seconds.
    """
    pipe = subprocess.PIPE
    with start(words, stdin=pipe, stdout=pipe, stderr=pipe, **options) as process:
        try:
            out, errors = process.communicate(input, timeout)
        except BaseException:
            process.kill()
            raise
    return subprocess.CompletedProcess(words, process.returncode, out, errors)


class _Child(subprocess.Popen[Any]):
    """A process whose exit status is its own. ``Popen`` reports 0 where it cannot have it."""

    def _try_wait(self, flags: int) -> tuple[int, int]:
        """Ask for the status in place of ``Popen``'s own method.

        :raises ChildProcessError: when the process is no child of this one, or was waited for
            by another part of the tests.
        """
        return os.waitpid(self.pid, flags)


class _Forked(_Child):
    """A process that a server has forked. It is a child of this process all the same."""

    def __init__(self, words: Sequence[str], *, server: _Server, **options: Any) -> None:
        self._server = server
        super().__init__(words, **options)

    def _execute_child(self, *given: Any) -> None:
        """Start the process in place of ``Popen``'s own method, which every Python from 3.10 has.

        https://github.com/python/cpython/blob/v3.14.0/Lib/subprocess.py
        """
        words, _, _, _, _, directory, environ, _, _, _, *pipes = given
        start_new_session = given[21]
        ends = [end if end >= 0 else own for own, end in enumerate((pipes[0], pipes[3], pipes[5]))]
        environ = dict(os.environ if environ is None else environ)
        order = (list(words[1:]), environ, os.fspath(directory or os.getcwd()), start_new_session)
        try:
            self.pid = self._server.fork(order, ends)
            self._child_created = True
        finally:
            self._close_pipe_fds(*pipes[:6])  # type: ignore[attr-defined]


class _Server:
    """A process that has imported a program, and that forks itself on demand."""

    def __init__(self, program: Sequence[str]) -> None:
        self._libc = ctypes.CDLL(None)
        self._socket, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self._environ = dict(os.environ)
        code = f"import sys; sys.path[0] = {str(_ROOT)!r}; from tests import forks; forks.serve()"
        with theirs:
            self._process = subprocess.Popen(
                [sys.executable, "-c", code, *program], env=self._environ, stdin=theirs.fileno()
            )
        atexit.register(self._close)

    def suits(self, environ: Mapping[str, str]) -> bool:
        """Return whether a program with these variables would start as the server has."""
        return all(
            self._environ.get(name) == value
            for name, value in environ.items()
            if name.startswith(_READ_AT_START)
            and name != _WARNINGS
            and not (name == "PYTHONPATH" and not Path(value).exists())  # it changes no import
        )

    def fork(self, order: tuple[object, ...], ends: Sequence[int]) -> int:
        """Return the process id of a new program.

        :param order: the first arguments of :func:`_become`.
        :param ends: the descriptors of its standard streams.
        """
        # For this moment alone: this process would have to reap the orphans of all tests. All
        # servers share that state: without the lock, the end of one fork would leave the orphan
        # of another one to process 1.
        with _forking:
            self._libc.prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
            try:
                socket.send_fds(self._socket, [json.dumps(order).encode()], list(ends))
                return int(self._socket.recv(32))
            finally:
                self._libc.prctl(_PR_SET_CHILD_SUBREAPER, 0, 0, 0, 0)

    def _close(self) -> None:
        self._socket.close()
        self._process.wait()


_servers: dict[tuple[str, ...], _Server] = {}

_forking = threading.Lock()


# The server's process


def serve() -> None:
    """Fork a program for each message on stdin, until its end. Run by :class:`_Server`."""
    gc.disable()  # nothing that a module makes is garbage
    before = dict(os.environ)
    program = tuple(sys.argv[1:])
    if program[:2] == CONNECTOR:
        exec("".join(program[2:]), {})  # the lines of a test's own program
    for name in _modules_of(program):
        importlib.import_module(name)
    imported = dict(os.environ.items() - before.items())  # awscli sets AWS_DATA_PATH
    gc.freeze()  # a collection would copy the memory that a fork shares
    gc.enable()
    with socket.socket(fileno=os.dup(0)) as orders:
        while True:
            message, ends, _, _ = socket.recv_fds(orders, 1 << 20, 3)
            if not message:
                return
            words, environ, directory, new_session = json.loads(message)
            if words[1:] and words[1] in _MORE:
                for name in _MORE[words[1]]:
                    importlib.import_module(name)
                gc.freeze()
            read, write = os.pipe()
            between = os.fork()
            if not between:
                # The parent of an orphan is the process of the tests.
                child = os.fork()
                if not child:
                    orders.detach()
                    _become(words, {**environ, **imported}, directory, new_session, ends)
                os.write(write, b"%d" % child)
                os._exit(0)
            os.close(write)  # so that the read ends even if nothing was forked
            os.waitpid(between, 0)
            orders.send(os.read(read, 32) or b"no fork")
            for descriptor in (read, *ends):
                os.close(descriptor)


def _modules_of(program: tuple[str, ...]) -> list[str]:
    """Return the modules that most runs of a program import before or during their work."""
    if program == AWS_CLI:
        return ["awscli.clidriver", "awscli.handlers"]
    import connector

    own = [each.name for each in pkgutil.walk_packages(connector.__path__, "connector.")]
    apart = ("connector.emulator", "connector.copy.fetch")
    return ["encodings.idna", *(name for name in own if not name.startswith(apart))]


def _become(
    words: list[str], environ: dict[str, str], directory: str, new_session: bool, ends: list[int]
) -> None:
    """Run a script or a module with these words as a new interpreter would, and exit."""
    import fcntl
    import termios

    for descriptor, end in enumerate(ends):
        os.dup2(end, descriptor)  # the ends are above 2, where the server's own streams are
    os.closerange(3, os.sysconf("SC_OPEN_MAX"))
    if new_session:
        os.setsid()
        if os.isatty(0):
            fcntl.ioctl(0, termios.TIOCSCTTY, 0)
    os.chdir(directory)
    os.environ.clear()
    os.environ.update(environ)
    time.tzset()
    if _WARNINGS in environ:
        warnings.simplefilter(environ[_WARNINGS])  # type: ignore[arg-type]
    if "NSS_WRAPPER_PASSWD" in environ:  # the linker reads LD_PRELOAD at the start alone
        hide_real_home(environ["HOME"])
    for descriptor, name in enumerate(("stdin", "stdout", "stderr")):
        errors = "backslashreplace" if name == "stderr" else "surrogateescape"
        mode = "w" if descriptor else "r"
        stream = os.fdopen(descriptor, mode, encoding="utf-8", errors=errors, closefd=False)
        setattr(sys, name, stream)
        setattr(sys, f"__{name}__", stream)
    sys.argv = words
    shared = 0
    if PEAK_FILE in environ:
        Path("/proc/self/clear_refs").write_text("5")  # VmHWM, the peak of VmRSS, begins anew
        shared = _read_kib("VmRSS")
    code: object = 0
    try:
        if words[0] == "-m":
            sys.argv = words[1:]
            runpy.run_module(words[1], run_name="__main__", alter_sys=True)
        else:
            sys.path[0] = str(Path(words[0]).parent)
            runpy.run_path(words[0], run_name="__main__")
    except SystemExit as end:
        code = end.code
    if PEAK_FILE in environ:
        Path(environ[PEAK_FILE]).write_text(str(_read_kib("VmHWM") - shared))
    # The interpreter's end without the destruction of all modules, which would copy their memory.
    threading._shutdown()  # type: ignore[attr-defined]
    atexit._run_exitfuncs()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code if isinstance(code, int) else int(code is not None))


def _read_kib(name: str) -> int:
    """Return a size in KiB that the system reports of this process."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(f"{name}:"))
