"""AWS keys from the program that a profile names: ``credential_process``.

The format of its output is that of the AWS CLI's user guide, "Sourcing credentials with an external
process".
"""

from __future__ import annotations

import atexit
import json
import os

from ...errors import CredentialsError, quoted
from ...fast import plain
from ...fast.typed import Any
from ...files import reason
from ...programs import HeldSignals, Program, Ran
from ..times import epoch_of
from .programwait import TIMEOUT, ProgramWait
from .source import AwsKeys

#: Seconds for the rest of its output. A browser or an agent that it has started may keep that open.
DRAIN = 0.5

#: Bytes of its output that are read.
MAX_OUTPUT = 1 << 20

#: What to do about a program that fails, and about a setting that names none.
HINT = "Run it in a terminal: it has to write JSON, and gets no input here"
_FIX = "Fix `credential_process` in the profile"


def keys_of_program(command: str, name: str, now: float, wait: ProgramWait) -> AwsKeys:
    """Run a program and return the keys that it writes.

    It gets neither stdin, which in a ProxyCommand carries the bytes of SSH, nor a terminal.

    :param command: as the profile has it.
    :param name: of the profile, for messages.
    :param now: seconds since the epoch.
    :param wait: gets a report about once a second.
    :raises CredentialsError: when the program fails, takes too long, or writes no usable keys.
    """
    with HeldSignals() as held:
        program = start_program(words_of(command, name), name)
        try:
            atexit.register(program.end)  # the thread that waits here may end with the process
            wait.runs = True
            held.release()
            ran = program.wait(TIMEOUT, DRAIN, wait.report)
        except TimeoutError:
            raise late(name, TIMEOUT) from None
        except BaseException:
            program.end()
            raise
        finally:
            wait.runs = False
            atexit.unregister(program.end)
    return keys_in_output(ran, name, now)


def words_of(command: str, name: str) -> list[str]:
    """Return the words of a command, as a POSIX shell splits it.

    :raises CredentialsError: when it has none, or its quotes do not match.
    """
    words = plain.words(command)
    if words is None:
        import shlex

        try:
            words = shlex.split(command)
        except ValueError:
            raise _failed(name, "its quotes do not match", _FIX) from None
    if not words:
        raise _failed(name, "it is empty", _FIX)
    return words


def start_program(words: list[str], name: str) -> Program:
    """Start a program.

    :raises CredentialsError: when it cannot be started.
    """
    try:
        return Program(words, limit=MAX_OUTPUT)
    except OSError as error:
        raise _not_started(words[0], name, error) from None
    except ValueError:  # a NUL
        raise _failed(name, "no program has such a name", _FIX) from None


def keys_in_output(ran: Ran, name: str, now: float) -> AwsKeys:
    """Return the keys that a program has written.

    :raises CredentialsError: when it has failed, or wrote no usable keys. The message quotes the
        program's last line on stderr, without what may be a secret; stdout is never quoted.
    """
    try:
        keys = _keys(ran)
    except _Unusable as why:
        from .masking import masked

        said = masked(ran.stderr_text)
        raise _failed(name, f'{why}. It says "{said}"' if said else str(why), HINT) from None
    if keys.expires_at is not None and keys.expires_at <= now:
        raise _failed(name, "its keys have expired", HINT)
    return keys


def late(name: str, waited: float) -> CredentialsError:
    """Return the error of a program that did not end within some seconds."""
    return CredentialsError(
        f"The credential_process of the profile {name} did not end within {waited:.0f} s", HINT
    )


def _failed(name: str, why: str, hint: str) -> CredentialsError:
    return CredentialsError(f"The credential_process of the profile {name} failed: {why}", hint)


def _not_started(word: str, name: str, error: OSError) -> CredentialsError:
    """Return the error of a program that the system cannot start.

    :param word: the first of the command.
    """
    shown = quoted(word)
    if isinstance(error, FileNotFoundError):
        if os.path.exists(word):
            why = f"the interpreter in the first line of {shown} does not exist"
            return _failed(name, why, "Fix that line of the script")
        where = "" if os.sep in word else " in PATH"
        hint = "No shell expands ~ and variables: write the whole path" if word[0] in "~$" else _FIX
        return _failed(name, f"there is no program {shown}{where}", hint)
    if os.path.isdir(word):
        return _failed(name, f"{shown} is a directory", _FIX)
    if isinstance(error, PermissionError):
        return _failed(name, f"{shown} is not executable", "Check its permissions: `chmod +x`")
    return _failed(name, f"{shown} cannot be run ({reason(error)})", _FIX)


class _Unusable(Exception):
    """Why there are no keys, without secrets."""


def _keys(ran: Ran) -> AwsKeys:
    if ran.status < 0:
        raise _Unusable(f"signal {-ran.status} ended it")
    if ran.status:
        raise _Unusable(f"it ended with status {ran.status}")
    if not ran.stdout.strip():
        raise _Unusable("it wrote nothing to stdout")
    try:
        document: Any = json.loads(ran.stdout)
    except (ValueError, RecursionError):
        raise _Unusable("it wrote no JSON") from None
    if not isinstance(document, dict):
        raise _Unusable("it wrote no JSON object")
    if document.get("Version") != 1:
        raise _Unusable("the Version in its JSON is not 1")
    names = ("AccessKeyId", "SecretAccessKey", "SessionToken", "Expiration")
    values: list[Any] = [document.get(name) for name in names]
    key, secret, token, end = values
    for member, value in (("AccessKeyId", key), ("SecretAccessKey", secret)):
        if not (isinstance(value, str) and value):
            raise _Unusable(f"its JSON has no {member}")
    for member, value in (("SessionToken", token), ("Expiration", end)):
        if value is not None and not isinstance(value, str):
            raise _Unusable(f"the {member} in its JSON is no text")
    expires_at = epoch_of(end) if end else None
    if end and expires_at is None:
        raise _Unusable("the Expiration in its JSON is no time")
    return AwsKeys(key, secret, token or None, expires_at)
