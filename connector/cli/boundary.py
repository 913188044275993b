"""Where errors become words and exit codes, and log records become lines."""

from __future__ import annotations

import errno
import logging
import os
import select
import stat
import sys
import threading
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING

from ..errors import ConnectorError, LinkLost, ResourcesExhausted
from .settings import add_setting

if TYPE_CHECKING:
    import argparse

INTERNAL_ERROR = 70  # EX_SOFTWARE of sysexits(3)
INTERRUPTED = 130

#: A write of at most this much to a pipe that polls writable does not block (pipe(7)).
_PIPE_BUF = 4096

_LEVELS = (logging.WARNING, logging.INFO, logging.DEBUG)

logger = logging.getLogger(__name__)

#: For the log file: what was said. With ControlPersist, ssh throws stderr away.
_said = logging.getLogger("connector.said")

_shown_in_place = False

_writing = threading.Lock()


def say(*lines: str) -> None:
    """Print a line, or some, on stderr, if somebody reads it there.

    ssh's owner may have left our stderr unread (some IDEs do): a line that does not fit
    in the pipe any more is dropped rather than waited for. The log file, if there is one,
    has it in any case.
    """
    for line in lines:
        _said.info("%s", printable(line))
    _write_lines(*lines)


def say_to_user(*lines: str) -> None:
    """Print lines as :func:`say` does, also where ssh throws stderr away.

    With ControlPersist, ssh gives its ProxyCommand the null device for stderr; the lines go to the
    user's terminal then. This is for what a user has to know, and not for progress.
    """
    say(*lines)
    if sys.stderr is None or not is_null(2):
        return
    with suppress(OSError, ImportError):  # no terminal to write to, or no file can be opened
        from .output.terminal import write_past_ssh

        write_past_ssh(_encoded(lines))


def is_null(file: int | str) -> bool:
    """Return whether a descriptor, or what a path leads to, is the null device."""
    try:
        status, null = os.stat(file), os.stat(os.devnull)
    except OSError:
        return False
    return stat.S_ISCHR(status.st_mode) and status.st_rdev == null.st_rdev


def is_raw(descriptor: int) -> bool:
    """Return whether it is a terminal on which a newline does not lead to the start of a line.

    ssh or we have made it so.
    """
    if sys.platform == "win32" or not os.isatty(descriptor):
        return False
    import termios

    try:
        output_flags = termios.tcgetattr(descriptor)[1]
    except termios.error:
        return False
    return not output_flags & termios.OPOST


def _encoded(lines: Sequence[str]) -> bytes:
    text = "\n".join(f"connector: {printable(line)}" for line in lines)
    return text.encode("utf-8", "replace")[: _PIPE_BUF - 1] + b"\n"


def _write_lines(*lines: str) -> None:
    if sys.stderr is None:  # its descriptor was closed, and is a file or a socket by now
        return
    say_in_place("")
    data = _encoded(lines)
    try:
        # Two threads that find the same room in a pipe would fill it, and one of them wait.
        with _writing:
            if _would_block():
                return
            if is_raw(2):
                data = b"\r\n" + data.replace(b"\n", b"\r\n")
            os.write(2, data)
    except OSError:
        return  # nobody is there to be told


def say_in_place(line: str) -> None:
    """Show a line on the terminal that stderr is, in place of the last such line.

    :param line: empty to show none any more, which :func:`say` does by itself.
    """
    global _shown_in_place
    if sys.stderr is None or (not line and not _shown_in_place):
        return
    try:
        width = os.get_terminal_size(2).columns - 1  # a line that wraps could not be replaced
        shown = f"connector: {printable(line)}"[: max(width, 0)] if line else ""
        os.write(2, f"\r\x1b[K{shown}".encode("utf-8", "replace"))
    except OSError:
        return  # no terminal, or it is gone
    _shown_in_place = bool(line)


def tell(*lines: str) -> None:
    """Print a line on stdout, or some, which is only for commands that carry no stream.

    :raises LinkLost: when it cannot be written.
    """
    if sys.stdout is None:  # its descriptor was closed, and is something else's by now
        raise LinkLost("stdout cannot be written: it is closed")
    text = "".join(f"{printable(line)}\n" for line in lines)
    rest = memoryview(text.encode("utf-8", "replace"))
    try:
        while rest:
            rest = rest[os.write(1, rest) :]
    except OSError as error:
        raise LinkLost(f"stdout cannot be written: {error.strerror}") from None


def tell_json(document: object) -> None:
    """Print a document on stdout, in the one form that all commands have for JSON.

    :raises LinkLost: when it cannot be written.
    """
    import json

    tell(*json.dumps(document, indent=2).splitlines())


def _would_block() -> bool:
    mode = os.fstat(2).st_mode
    if sys.platform == "win32" or not (stat.S_ISFIFO(mode) or stat.S_ISSOCK(mode)):
        return False  # files never do; terminals seldom, and macOS cannot poll them
    poll = select.poll()
    poll.register(2, select.POLLOUT)
    return not any(events & select.POLLOUT for _, events in poll.poll(0))


def guarded(body: Callable[[], int], report: Callable[[str], None] = say) -> int:
    """Run a command's body; what it raises is said once, and gives the exit code.

    :param report: says it: :func:`say`, or for a ProxyCommand :func:`say_to_user`.
    """
    try:
        return body()
    except ConnectorError as error:
        logger.debug("why", exc_info=True)
        report(str(error))
        return error.exit_code
    except KeyboardInterrupt:
        return INTERRUPTED
    except Exception as error:
        lacking = _exhausted(error)
        if lacking is not None:
            logger.debug("why", exc_info=True)
            report(str(lacking))
            return lacking.exit_code
        logger.debug("a bug", exc_info=True)
        report(
            f"Internal error ({type(error).__name__}): a bug of the connector. "
            "Run it again with --log-file PATH and report what that holds"
        )
        return INTERNAL_ERROR
    finally:
        say_in_place("")


def _exhausted(error: BaseException) -> ResourcesExhausted | None:
    """Return what the system lacks, if that is behind an error that no code of ours expects."""
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, OSError) and cause.errno in (errno.EMFILE, errno.ENFILE):
            return ResourcesExhausted(
                f"The system allows no more open files ({cause.strerror})",
                "Raise the limit: `ulimit -n` shows it",
            )
        # CPython's only word for a thread that cannot be had is the text.
        no_thread = isinstance(cause, RuntimeError) and "can't start new thread" in str(cause)
        no_memory = isinstance(cause, OSError) and cause.errno in (errno.ENOMEM, errno.ENOBUFS)
        if no_thread or no_memory or isinstance(cause, MemoryError):
            return ResourcesExhausted(
                "The system has no memory or no thread left for the connector",
                "End other programs, or raise the limits: `ulimit -a` shows them",
            )
        cause = cause.__cause__ or cause.__context__
    return None


def add_logging_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "-v",
        "--verbose",
        action="count",
        default=0,
        help="say what happens on stderr; -vv says more",
    )
    add_setting(parser, "log-file")


def set_up_logging(options: argparse.Namespace) -> None:
    """Send log records to stderr and to the log file, as far as they are asked for.

    :raises ConfigError: when the log file cannot be opened.
    """
    root = logging.getLogger("connector")
    root.propagate = False
    root.setLevel(logging.DEBUG if options.log_file else _LEVELS[min(options.verbose, 2)])
    stderr = _StderrHandler(_LEVELS[min(options.verbose, 2)])
    root.addHandler(stderr)
    # For warnings of libraries. Python's own last resort writes to stderr and may block there.
    logging.lastResort = stderr
    if options.log_file:
        from .output.logfile import LogFile

        name = options.log_file

        def give_up(reason: str) -> None:
            say(f"The log file {name} cannot be written ({reason}): the log ends there")

        root.addHandler(LogFile(name, give_up, printable))


class _StderrHandler(logging.Handler):
    """Prints records on stderr, as :func:`say` does."""

    def emit(self, record: logging.LogRecord) -> None:
        if record.name == _said.name:
            return  # it stands there already
        try:
            lines = [record.getMessage()]  # on one line, whatever text of the service it holds
            if record.exc_info:
                lines += logging.Formatter().formatException(record.exc_info).splitlines()
        except Exception as error:  # noqa: BLE001 - a caller of a logger expects none
            lines = [f"a record of {record.name} cannot be shown ({type(error).__name__})"]
        for line in lines:
            _write_lines(line)


def printable(line: str) -> str:
    """What the service says may hold anything; a terminal obeys some of it."""
    return "".join(char if char.isprintable() or char == "\t" else " " for char in line)
