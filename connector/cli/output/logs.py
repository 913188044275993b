"""Log to stderr and to the log file."""

from __future__ import annotations

import logging

from ...fast.typed import TYPE_CHECKING
from .lines import SAID, say, show_past_ssh, write_lines

if TYPE_CHECKING:
    import argparse

_LEVELS = (logging.WARNING, logging.INFO, logging.DEBUG)


def set_up_logging(options: argparse.Namespace, *, past_ssh: bool = False) -> None:
    """Log to stderr at the level of ``-v``, and to the file of ``--log-file``.

    :param past_ssh: whether warnings go to the user's terminal if ssh discards stderr.
    :raises ConfigError: when the log file cannot be opened.
    """
    root = logging.getLogger("connector")
    root.propagate = False
    level = _level(options.verbose)
    root.setLevel(min(level, logging.DEBUG) if options.log_file else level)
    stderr = _StderrHandler(level, past_ssh)
    root.addHandler(stderr)
    # Libraries' warnings end up here. Python's own last resort could block on stderr.
    logging.lastResort = stderr
    if options.log_file:
        from .logfile import LogFile

        name = options.log_file

        def give_up(reason: str) -> None:
            say(f"The log file {name} cannot be written ({reason}): the log ends there")

        root.addHandler(LogFile(name, give_up))


def _level(verbose: int) -> int:
    """Return the level of so many ``-v``."""
    if verbose < len(_LEVELS):
        return _LEVELS[verbose]
    from ...transport.connection import DIALOGUE

    logging.addLevelName(DIALOGUE, "DIALOGUE")
    return DIALOGUE


class _StderrHandler(logging.Handler):
    """Prints records on stderr without blocking, as :func:`say` does."""

    def __init__(self, level: int, past_ssh: bool) -> None:
        super().__init__(level)
        self._past_ssh = past_ssh

    def emit(self, record: logging.LogRecord) -> None:
        if record.name == SAID.name:
            return  # the line is on stderr already
        try:
            lines = [record.getMessage()]  # one line, even if a service put line breaks into it
            if record.exc_info:
                lines += logging.Formatter().formatException(record.exc_info).splitlines()
        except Exception as error:  # noqa: BLE001 - logging must never raise
            lines = [f"a record of {record.name} cannot be shown ({type(error).__name__})"]
        for line in lines:
            write_lines(line)
        if self._past_ssh and record.levelno >= logging.WARNING:
            show_past_ssh(*lines)
