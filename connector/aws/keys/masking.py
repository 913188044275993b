"""What another program says, for messages: without what may be a secret."""

from __future__ import annotations

import re

from ...errors import one_line

#: Characters of a line that are shown.
_LENGTH = 160

#: Characters of a line that are searched for secrets. The search takes the square of their number.
_SEARCHED = 1000

#: What stands for a secret.
_MASK = "***"

#: A value that its name calls secret: ``password=x``, ``"SecretAccessKey": "x"``, ``--token x``.
_NAMED = re.compile(
    r"""(?ix) (?<![\w-]) (?P<name>
        [\w-]* (?: secret | passw | passphrase | pwd | token | key (?!error) | credential | auth
            | signature | otp | mfa ) [\w-]* ["']? \s* [:=] \s*
        | --? [\w-]* (?: secret | passw | passphrase | token | key ) [\w-]* \s+
        | bearer \s+ )
    (?: (?: bearer | basic ) \s+ \S+ | "[^"]*(?:"|$) | '[^']*(?:'|$) | \S+ )"""
)

#: The user and the password in a URL, such as that of a proxy.
_USER = re.compile(r"(?<=://)[^\s/@]+@")

#: A run of characters that keys, tokens and digests have, as long as the shortest of them.
_RUN = re.compile(r"[A-Za-z0-9+/=_-]{16,}")

#: A word of a run: of a path, of a name in camel case, of a constant.
_WORD = re.compile(r"[A-Z]?[a-z]{2,}|[A-Z]{2,}(?![a-z])|[+/=_-]")


def masked(text: str) -> str:
    """Return the last line of what a program has written, without secrets; empty if there is none.

    Better a harmless word too many is masked than a secret too few: what a program writes is its
    own choice.
    """
    lines = [line for line in map(one_line, text.splitlines()) if line]
    if not lines:
        return ""
    line = lines[-1]
    if len(line) > _SEARCHED:
        line = line[:_SEARCHED].rpartition(" ")[0] or _MASK  # a part of a secret shows none of it
    line = _USER.sub(f"{_MASK}@", line)
    line = _NAMED.sub(lambda found: found["name"] + _MASK, line)
    line = _RUN.sub(lambda found: _MASK if _WORD.sub("", found[0]) else found[0], line)
    return line if len(line) <= _LENGTH else line[: _LENGTH - 3] + "..."
