"""Two processes for an ssh with ``ProxyUseFdpass``: ssh waits for one, the other is the stream.

Such an ssh waits without a limit for a socket and then for the exit of its ProxyCommand. So the
process that ssh has started, the *dialer*, forks at once. The child does the work. The dialer
exits when the child has handed the socket over, or with the child's exit code.
"""

from __future__ import annotations

import os
import stat
import sys

from ..fast.typed import TYPE_CHECKING

if TYPE_CHECKING:
    from typing import NoReturn


class Dialer:
    """What the child knows of the dialer and of the program that started it.

    :ivar life: a pipe that ends when the dialer ends.
    :ivar caller: the process id of the program that started the dialer, usually ssh.
    :ivar group: the process group of both.
    """

    def __init__(self, word: int, life: int, caller: int, group: int) -> None:
        self._word = word  # writing a byte into this pipe lets the dialer exit with 0
        self.life = life
        self.caller = caller
        self.group = group

    def leave(self) -> None:
        """Let the dialer exit, and leave the terminal and the stderr of ssh.

        A process group of its own keeps the Ctrl-C for ssh away from the stream: ssh ends in
        order, and the end of its socket ends the stream. Programs that read the stderr of ssh to
        its end need not wait for this process. A file has no such readers, so it is kept.
        """
        from contextlib import suppress  # the first packet leaves before such imports

        with suppress(OSError):  # the dialer was killed: then ssh does not wait for it
            os.write(self._word, b"\n")
        os.close(self._word)
        os.close(self.life)
        # ssh has its stream by now: no failure of these may end it.
        with suppress(OSError):
            os.setpgid(0, 0)
        with suppress(OSError):
            if not stat.S_ISREG(os.fstat(2).st_mode):
                null = os.open(os.devnull, os.O_RDWR)
                os.dup2(null, 1)  # it is a copy of stderr
                os.dup2(null, 2)
                os.close(null)


#: The dialer of this process, if it is a dialer's child.
_dialer: Dialer | None = None


def get_dialer() -> Dialer | None:
    """Return the dialer of this process; ``None`` if ssh has started this process itself."""
    return _dialer


def split() -> None:
    """Fork if stdin and stdout are one socket. Only the child returns then.

    Call it before there is any thread: a child has only the thread that forks. The fork costs
    some 2 ms, and less the fewer modules are loaded.

    :raises SystemExit: after a message, when the system allows no further process.
    """
    global _dialer
    if sys.platform == "win32" or not _one_socket():
        return
    caller, group = os.getppid(), os.getpgrp()
    try:
        heard, word = os.pipe()
        life, living = os.pipe()
        child = os.fork()
    except OSError as error:
        _fail(error)
    if child:
        os.close(word)
        _wait_for(child, heard)
    os.close(heard)
    os.close(living)
    _dialer = Dialer(word, life, caller, group)


def _fail(error: OSError) -> NoReturn:
    from .boundary import guarded
    from .output.lines import say_to_user

    def fail() -> int:
        raise error

    raise SystemExit(guarded(fail, say_to_user))


def _one_socket() -> bool:
    """Return whether stdin and stdout are the same socket."""
    try:
        stdin, stdout = os.fstat(0), os.fstat(1)
    except OSError:  # one is closed, which is reported later
        return False
    return stat.S_ISSOCK(stdin.st_mode) and os.path.samestat(stdin, stdout)


def _wait_for(child: int, word: int) -> NoReturn:
    """Exit with 0 at the child's word, else with its exit code.

    A signal ends this process at once. The child sees that by its pipe, and ends in order.
    """
    if os.read(word, 1):
        os._exit(0)  # without clean-up: ssh waits for this exit
    try:
        code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    except ChildProcessError:  # SIGCHLD was ignored at our start, so the system forgets the code
        code = 1
    os._exit(code if code >= 0 else 128 - code)
