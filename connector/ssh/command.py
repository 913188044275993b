"""The ProxyCommand for ssh_config, in words that every reader of the file splits the same way.

Many programs read ssh_config, each with rules of its own:

- OpenSSH replaces ``%n`` and the like, and passes the line to ``$SHELL -c``;
- OpenSSH on Windows starts the command without a shell;
- VS Code passes the line to one of these two;
- open-remote-ssh splits the line at blanks itself. It knows double quotes and the backslash, and
  replaces ``%n`` once in a word, but not ``%%``;
- asyncssh splits the line as sh does, and starts the command without a shell;
- paramiko leaves ``%n`` in place, and removes a ``"`` at both ends of the line;
- libssh passes the line to a shell, and rejects ``%n``.

So the line consists of plain words and of words in double quotes. A word with a character that a
shell or ssh would interpret is refused.
"""

from __future__ import annotations

import os
import re
import tempfile
from collections.abc import Sequence
from pathlib import Path

from ..errors import ConfigError

# Safe without quotes for every reader. "~" is safe unless it is the first character.
_PLAIN = re.compile(r"[A-Za-z0-9_./+,:@=-][A-Za-z0-9_./+,:@=~-]*")
# Characters with a meaning between double quotes: for sh, for csh (!) or for ssh (%).
_SPECIAL = re.compile(r"[\x00-\x1f\x7f\"$`\\%!\ud800-\udfff]")

#: Parts of paths where ``uvx`` and ``pipx run`` create environments that they delete later.
_SHORT_LIVED = (
    ("uv", "archive-v0"),
    ("uv", "environments-v2"),
    ("pipx", ".cache"),
    (".cache", "pipx"),
)


def is_temporary(program: str) -> bool:
    """Return whether a program is in a directory that is cleaned up after a while."""
    temporary = os.path.realpath(tempfile.gettempdir())
    parts = Path(program).parts
    return Path(os.path.realpath(program)).is_relative_to(temporary) or any(
        parts[start : start + 2] == short_lived
        for short_lived in _SHORT_LIVED
        for start in range(len(parts))
    )


def proxy_command(command: Sequence[str], profile: str | None, options: Sequence[str] = ()) -> str:
    """Return the value of ProxyCommand.

    :param command: the words that start the connector.
    :param profile: the AWS profile to use; ``None``: the environment variables decide.
    :param options: further words, in which ssh replaces ``%p`` and the like.
    :raises ConfigError: when a word means something else to one of the readers.
    """
    program = command[0].replace("\\", "/") if os.name == "nt" else command[0]
    words = [program, *command[1:], "proxy"]
    if profile is not None:
        if profile.startswith("-"):
            raise ConfigError(f"The profile name {profile!a} would be read as an option")
        words += ["--profile", profile]
    return " ".join([*(_quoted(word) for word in words), *options, "%n"])


def for_name(proxy_command: str, name: str) -> str:
    """Return the ProxyCommand for one host: the name replaces ``%n``.

    :param name: a name of letters, digits and ``._-``, which needs no quotes.
    """
    return proxy_command.removesuffix("%n") + name


def profile_of(proxy_command: str) -> str | None:
    """Return the profile in a value that :func:`proxy_command` made."""
    options = r"(?: --[a-z-]+[ =][^ ]+)*"
    found = re.search(rf' --profile (?:"([^"]+)"|([^ ]+)){options} %n$', proxy_command)
    return (found[1] or found[2]) if found else None


def quoted_path(path: Path) -> str:
    """Return a path as a word of ssh_config that is not a pattern.

    :raises ConfigError: when a reader would read another path.
    """
    text = path.as_posix()
    if set(text) & set("*?[],"):
        raise ConfigError(
            f"The path {text!a} cannot be used in an Include line",
            "Choose a path without any of *?[],",
        )
    return _quoted(text)


def _quoted(word: str) -> str:
    special = _SPECIAL.search(word)
    if special:
        raise ConfigError(
            f"{word!a} contains {special[0]!a}, which readers of ssh_config interpret differently",
            "Use a path or profile with only letters, digits, blanks and -_./",
        )
    return word if _PLAIN.fullmatch(word) else f'"{word}"'
