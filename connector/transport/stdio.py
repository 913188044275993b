"""stdin and stdout: reserved for the stream, and opened as an Input and an Output.

They are reserved before the first connection is made, so this module imports little by itself.
"""

from __future__ import annotations

import os
import stat
import sys

from ..errors import ConfigError
from ..fast.typed import TYPE_CHECKING

if TYPE_CHECKING:
    from .loop import Loop
    from .roles import Input, Output


def take_standard_streams() -> tuple[int, int]:
    """Reserve stdin and stdout for the stream.

    Afterwards file descriptor 0 reads nothing and 1 is stderr, so that no ``print``, library
    or child process can write a byte into the stream.

    :returns: the descriptors of the stream: input, output.
    :raises ConfigError: when stdin or stdout is closed.
    """
    # Check before opening anything: the next open would take the number of a closed one.
    if not _is_open(0) or not _is_open(1):
        raise ConfigError("stdin or stdout is closed", "Start it with both open, as ssh does")
    null = os.open(os.devnull, os.O_RDWR)
    if null == 2:  # stderr was closed: what is written there is dropped from now on
        null = os.dup(null)
        os.set_inheritable(2, True)
    stream_in, stream_out = os.dup(0), os.dup(1)
    os.dup2(null, 0)
    os.dup2(2, 1)
    os.close(null)
    if sys.platform == "win32":
        import msvcrt

        msvcrt.setmode(stream_in, os.O_BINARY)
        msvcrt.setmode(stream_out, os.O_BINARY)
    return stream_in, stream_out


def _is_open(fd: int) -> bool:
    try:
        os.fstat(fd)
    except OSError:
        return False
    return True


def open_input(loop: Loop, fd: int) -> Input:
    """Return an input of this descriptor, polled if possible."""
    if _pollable(fd):
        from .pumps import PolledInput

        return PolledInput(loop, fd)
    from .threaded import ThreadedInput

    return ThreadedInput(loop, fd)


def open_output(loop: Loop, fd: int) -> Output:
    """Return an output of this descriptor, polled if possible."""
    if _pollable(fd):
        from .pumps import PolledOutput

        return PolledOutput(loop, fd)
    return open_shared_output(loop, fd)


def open_shared_output(loop: Loop, fd: int) -> Output:
    """Return an output that leaves the descriptor's mode as other writers need it."""
    from .threaded import ThreadedOutput

    return ThreadedOutput(loop, fd)


def bytes_waiting(fd: int) -> int:
    """Return how many bytes can be read without waiting; 0 if the system does not say."""
    if sys.platform == "win32":
        return 0
    import fcntl
    import termios

    count = bytearray(4)
    try:
        fcntl.ioctl(fd, termios.FIONREAD, count)
    except OSError:
        return 0
    return int.from_bytes(count, sys.byteorder)


def _pollable(fd: int) -> bool:
    mode = os.fstat(fd).st_mode
    return sys.platform != "win32" and (stat.S_ISFIFO(mode) or stat.S_ISSOCK(mode))
