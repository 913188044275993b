"""Ask the user of an interactive command for a secret."""

from __future__ import annotations

import atexit
import contextlib
import os
import threading
import warnings
from collections.abc import Callable

from ...errors import CredentialsError

#: Two sources of keys may have a question at once; there is one terminal.
_asking = threading.Lock()


def ask_secret(question: str) -> str | None:
    """Return what the user types, which the terminal does not show; None without a terminal.

    The terminal gets its settings back even if the program ends meanwhile: the question may be
    asked in a thread, which Ctrl-C does not reach.

    :raises CredentialsError: when the user types nothing, or the terminal is closed.
    """
    import getpass

    with _asking:
        restore = _restorer()
        atexit.register(restore)
        try:
            with warnings.catch_warnings():
                # getpass warns before it reads a stdin that may be data for another command.
                warnings.simplefilter("error", getpass.GetPassWarning)
                answer = getpass.getpass(question)
        except getpass.GetPassWarning:
            return None
        except EOFError:
            answer = ""
        finally:
            restore()
            atexit.unregister(restore)
    if not answer.strip():
        raise CredentialsError("No MFA code was entered", "Try again")
    return answer.strip()


def _restorer() -> Callable[[], None]:
    """Return a function that gives the terminal the settings that it has now."""
    try:
        import termios

        with open(os.ctermid(), "rb", 0) as terminal:
            settings = termios.tcgetattr(terminal)
    except (ImportError, OSError):  # on Windows, or without a terminal
        return lambda: None

    def restore() -> None:
        with contextlib.suppress(OSError, termios.error), open(os.ctermid(), "rb", 0) as terminal:
            termios.tcsetattr(terminal, termios.TCSADRAIN, settings)

    return restore
