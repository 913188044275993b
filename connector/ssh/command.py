"""The connector's ProxyCommand, in words that every reader of ssh_config splits alike.

There are many of them, and none knows what the others do:

- OpenSSH hands the line to ``$SHELL -c``, after it has replaced ``%n`` and its like;
- OpenSSH on Windows starts it without a shell;
- VS Code hands it to one of these two;
- open-remote-ssh splits it at blanks by itself, knows double quotes and the backslash, and
  replaces ``%n`` once in a word, but no ``%%``;
- asyncssh splits it as sh does, and starts it without a shell;
- paramiko hands on ``%n`` as it stands, and takes a ``"`` at both ends of the line off;
- libssh hands it to a shell, and refuses ``%n``.

So there is nothing but words: plain ones, and ones in double quotes; and what a shell would
see in those, or ssh, is refused.
"""

from __future__ import annotations

import os
import re
import tempfile
from collections.abc import Sequence
from pathlib import Path

from ..errors import ConfigError

# Safe without quotes, everywhere. "~" is so in the middle of a word.
_PLAIN = re.compile(r"[A-Za-z0-9_./+,:@=-][A-Za-z0-9_./+,:@=~-]*")
# What means something between double quotes: to sh, to csh (!), to ssh (%).
_SPECIAL = re.compile(r"[\x00-\x1f\x7f\"$`\\%!\ud800-\udfff]")

#: Where ``uvx`` and ``pipx run`` make the environments that they throw away again.
_PASSING = (("uv", "archive-v0"), ("uv", "environments-v2"), ("pipx", ".cache"), (".cache", "pipx"))


def is_temporary(program: str) -> bool:
    """Whether a program lies where such are thrown away after a while."""
    temporary = os.path.realpath(tempfile.gettempdir())
    parts = Path(program).parts
    return Path(os.path.realpath(program)).is_relative_to(temporary) or any(
        parts[start : start + 2] == passing for passing in _PASSING for start in range(len(parts))
    )


def proxy_command(command: Sequence[str], profile: str | None) -> str:
    """The value of ProxyCommand.

    :param command: what starts the connector.
    :param profile: the profile that it is to use; ``None``: what its environment says.
    :raises ConfigError: when a word cannot be carried to the connector by every reader.
    """
    program = command[0].replace("\\", "/") if os.name == "nt" else command[0]
    words = [program, *command[1:], "proxy"]
    if profile is not None:
        if profile.startswith("-"):
            raise ConfigError(f"The profile's name {profile!a} would be taken for an option")
        words += ["--profile", profile]
    return " ".join([*(_quoted(word) for word in words), "%n"])


def for_name(proxy_command: str, name: str) -> str:
    """Return the value for one host name: what :func:`proxy_command` made, without ``%n``.

    :param name: a name of letters, digits and ``._-``, which needs no quotes.
    """
    return proxy_command.removesuffix("%n") + name


def profile_of(proxy_command: str) -> str | None:
    """The profile of a value that :func:`proxy_command` made."""
    found = re.search(r' --profile (?:"([^"]+)"|([^ ]+)) %n$', proxy_command)
    return (found[1] or found[2]) if found else None


def quoted_path(path: Path) -> str:
    """A path as a word of ssh_config that is no pattern.

    :raises ConfigError: when it would be read as something else than this path.
    """
    text = path.as_posix()
    if set(text) & set("*?[],"):
        raise ConfigError(
            f"The path {text!a} cannot stand in an Include line",
            "Choose one without any of *?[],",
        )
    return _quoted(text)


def _quoted(word: str) -> str:
    special = _SPECIAL.search(word)
    if special:
        raise ConfigError(
            f"{word!a} cannot stand in an ssh_config that every program reads alike, "
            f"for its {special[0]!a}",
            "Install the connector, or name the file or profile, where the path has only "
            "letters, digits, blanks and -_./",
        )
    return word if _PLAIN.fullmatch(word) else f'"{word}"'
