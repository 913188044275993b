"""AWS keys from the program that a profile names: ``credential_process``.

The format of its output is that of the AWS CLI's user guide, "Sourcing credentials with an external
process".
"""

from __future__ import annotations

import atexit
import json

from ...errors import CredentialsError
from ...fast import plain
from ...fast.typed import Any
from ...programs import Program
from ..times import epoch_of
from .programwait import TIMEOUT, ProgramWait
from .source import AwsKeys

#: Seconds for the rest of its output. A browser or an agent that it has started may keep that open.
_DRAIN = 0.5

#: Bytes of its output that are read.
MAX_OUTPUT = 1 << 20

#: What to do about a program that fails.
HINT = "Run it in a terminal: it has to write JSON, and gets no input here"


def keys_of_program(command: str, name: str, now: float, wait: ProgramWait) -> AwsKeys:
    """Run a program and return the keys that it writes.

    It gets neither stdin, which in a ProxyCommand carries the bytes of SSH, nor a terminal. What
    it writes to stderr is not shown, since that may hold secrets.

    :param command: as the profile has it.
    :param name: of the profile, for messages.
    :param now: seconds since the epoch.
    :param wait: gets a report about once a second.
    :raises CredentialsError: when the program fails, takes too long, or writes no usable keys.
    """
    try:
        output = _output(_words(command), wait)
        document = json.loads(output)
        keys = _keys(document)
    except TimeoutError:
        raise late(name, TIMEOUT) from None
    except _Failed as error:
        raise failed(name, str(error)) from None
    except OSError as error:
        raise failed(name, type(error).__name__) from None
    except (ValueError, RecursionError):
        raise failed(name, "no JSON") from None
    if keys.expires_at is not None and keys.expires_at <= now:
        raise failed(name, "its keys have expired")
    return keys


def failed(name: str, why: str) -> CredentialsError:
    """Return the error of a program that fails."""
    return CredentialsError(f"The credential_process of the profile {name} failed ({why})", HINT)


def late(name: str, waited: float) -> CredentialsError:
    """Return the error of a program that did not end within some seconds."""
    return CredentialsError(
        f"The credential_process of the profile {name} did not end within {waited:.0f} s", HINT
    )


class _Failed(Exception):
    """Why there are no keys, without secrets."""


def _words(command: str) -> list[str]:
    words = plain.words(command)
    if words == []:
        raise _Failed("it is empty")
    if words is not None:
        return words
    import shlex

    try:
        return shlex.split(command)
    except ValueError:
        raise _Failed("its quotes do not match") from None


def _output(words: list[str], wait: ProgramWait) -> bytes:
    program = Program(words, limit=MAX_OUTPUT)
    wait.runs = True
    atexit.register(program.end)  # the thread that waits here may end with the process
    try:
        ran = program.wait(TIMEOUT, _DRAIN, wait.report)
    except BaseException:
        program.end()
        raise
    finally:
        wait.runs = False
        atexit.unregister(program.end)
    if ran.status:
        raise _Failed(f"status {ran.status}")
    return ran.stdout


def _keys(document: Any) -> AwsKeys:
    if not isinstance(document, dict):
        raise _Failed("no JSON object")
    if document.get("Version") != 1:
        raise _Failed("its Version is not 1")
    key, secret = document.get("AccessKeyId"), document.get("SecretAccessKey")
    token, end = document.get("SessionToken"), document.get("Expiration")
    if not (isinstance(key, str) and key and isinstance(secret, str) and secret):
        raise _Failed("AccessKeyId or SecretAccessKey is missing")
    if not all(value is None or isinstance(value, str) for value in (token, end)):
        raise _Failed("SessionToken or Expiration is no text")
    expires_at = epoch_of(end) if end else None
    if end and expires_at is None:
        raise _Failed("Expiration is no time")
    return AwsKeys(key, secret, token or None, expires_at)
