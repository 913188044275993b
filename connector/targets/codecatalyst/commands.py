"""Sessions that run a command instead of SSH."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ...errors import ConfigError

#: Characters that the command and each of its arguments may have, of the service's model
#: (2022-09-28). How many arguments there may be, it does not say.
SHORTEST, LONGEST = 1, 255

_TOO_LONG = "Put it in a script at the far end, or use `connector shell` or ssh"
_ODD = "Have a shell make it at the far end (sh -c), or use `connector shell` or ssh"


def shell_session() -> dict[str, Any]:
    """The ``sessionConfiguration`` of a login shell."""
    return {"sessionType": "SSM"}


def command_session(words: Sequence[str]) -> dict[str, Any]:
    """The ``sessionConfiguration`` of a command: its name and its arguments.

    :raises ConfigError: when one of them is not what the service takes.
    """
    for number, word in enumerate(words):
        what = f"argument {number} of the command" if number else "the command"
        if not SHORTEST <= len(word) <= LONGEST:
            size = f"{len(word):,} characters long" if word else "empty"
            raise ConfigError(
                f"{what} is {size}; the service takes {SHORTEST} to {LONGEST} characters",
                _TOO_LONG if word else _ODD,
            )
        if not _is_unicode(word):
            raise ConfigError(f"{what} is not UTF-8", _ODD)
    command, *arguments = words
    execution: dict[str, Any] = {"command": command}
    if arguments:
        execution["arguments"] = arguments
    return {**shell_session(), "executeCommandSessionConfiguration": execution}


def _is_unicode(word: str) -> bool:
    """What Python could not decode of its arguments, it holds as lone surrogates."""
    try:
        word.encode()
    except UnicodeEncodeError:
        return False
    return True
