"""What a session is asked for: the API's ``sessionConfiguration`` of each request."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ...errors import ConfigError
from ..model import COMMAND, SSH, SessionRequest

#: Characters that the command and each argument may have, by the service's model (2022-09-28).
#: The model does not limit the number of arguments.
SHORTEST, LONGEST = 1, 255

_TOO_LONG = "Put it in a script at the far end, or use `connector shell` or ssh"
_ODD = "Have a shell make it at the far end (sh -c), or use `connector shell` or ssh"


def configuration_of(request: SessionRequest) -> dict[str, Any]:
    """Return the ``sessionConfiguration`` of a request.

    :raises ConfigError: when the service does not take a word of the command.
    """
    if request.form == SSH:
        return {"sessionType": "SSH"}
    if request.form != COMMAND:
        return {"sessionType": "SSM"}
    return {
        "sessionType": "SSM",
        "executeCommandSessionConfiguration": _execution(request.words),
    }


def _execution(words: Sequence[str]) -> dict[str, Any]:
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
    return {"command": command, "arguments": arguments} if arguments else {"command": command}


def _is_unicode(word: str) -> bool:
    """Return False for arguments that Python could not decode: they hold lone surrogates."""
    try:
        word.encode()
    except UnicodeEncodeError:
        return False
    return True
