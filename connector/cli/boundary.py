"""The error boundary of the command line: it turns exceptions into a line and an exit code."""

from __future__ import annotations

import errno
from collections.abc import Callable

from ..errors import ConnectorError, InternalError, ResourcesExhausted
from ..fast.logs import Logger
from .output.lines import say_in_place

INTERRUPTED = 130

#: Errors of a system that has run out of memory or of processes. A process that cannot fork gets
#: EAGAIN.
_NO_MEMORY = (errno.ENOMEM, errno.ENOBUFS, errno.EAGAIN)

logger = Logger(__name__)


def guarded(body: Callable[[], int], report: Callable[[str], None]) -> int:
    """Run a command, report an exception in one line, and return the exit code.

    :param report: prints the line: ``say``, or ``say_to_user`` for a ProxyCommand.
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
        internal = InternalError.of(error, "Run it again with --log-file PATH and report the log")
        report(str(internal))
        return internal.exit_code
    finally:
        say_in_place("")


def _exhausted(error: BaseException) -> ResourcesExhausted | None:
    """Return the resource that the system has run out of if that caused the error, else None."""
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, OSError) and cause.errno in (errno.EMFILE, errno.ENFILE):
            return ResourcesExhausted(
                f"The system allows no more open files ({cause.strerror})",
                "Raise the limit: `ulimit -n` shows it",
            )
        # CPython has no exception type for a thread that cannot start, only this text.
        no_thread = isinstance(cause, RuntimeError) and "can't start new thread" in str(cause)
        no_memory = isinstance(cause, OSError) and cause.errno in _NO_MEMORY
        if no_thread or no_memory or isinstance(cause, MemoryError):
            return ResourcesExhausted(
                "The system has no memory or no thread left for the connector",
                "End other programs, or raise the limits: `ulimit -a` shows them",
            )
        cause = cause.__cause__ or cause.__context__
    return None
