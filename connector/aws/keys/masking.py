"""What another program says, for messages: without what may be a secret."""

from __future__ import annotations

import re

from ...errors import one_line

#: Characters of a line that are shown.
_LENGTH = 160

#: What stands for a secret.
_MASK = "***"

#: A value that its name calls secret: ``password=x``, ``"SecretAccessKey": "x"``, ``--token x``.
_NAMED = re.compile(
    r"""(?ix) (?P<name>
        [\w-]* (?: secret | passw | token | key (?!error) | credential | auth ) [\w-]* ["']?
            \s* [:=] \s*
        | --? [\w-]* (?: secret | passw | token | key ) [\w-]* \s+
        | bearer \s+ )
    (?: (?: bearer | basic ) \s+ \S+ | "[^"]*" | '[^']*' | \S+ )"""
)

#: A run of characters that keys, tokens and digests have, as long as the shortest of them.
_RUN = re.compile(r"[A-Za-z0-9+/=_-]{16,}")

#: Runs that are words: of a path, of a name in camel case, of a constant.
_WORDS = re.compile(r"(?:[A-Z]?[a-z]{2,}|[A-Z]{2,}(?![a-z])|[+/=_-])+")


def masked(text: str) -> str:
    """Return the last line of what a program has written, without secrets; empty if there is none.

    Better a harmless word too many is masked than a secret too few: what a program writes is its
    own choice.
    """
    lines = [line for line in map(one_line, text.splitlines()) if line]
    if not lines:
        return ""
    line = _NAMED.sub(lambda found: found["name"] + _MASK, lines[-1])
    line = _RUN.sub(lambda found: found[0] if _WORDS.fullmatch(found[0]) else _MASK, line)
    return line if len(line) <= _LENGTH else line[: _LENGTH - 3] + "..."
