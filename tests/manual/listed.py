"""Whether what a program said at its end is a message that the manual has."""

from __future__ import annotations

import re
from functools import cache

from manual.errors import ends_with, exit_codes, load
from manual.harvest import harvest, shape


@cache
def _known() -> list[tuple[re.Pattern[str], set[int]]]:
    codes, handed_on = exit_codes(), harvest().handed_on
    return [
        (
            re.compile(".*".join(map(re.escape, shape(text).split("{}"))), re.IGNORECASE),
            ends_with(row, codes, handed_on),
        )
        for section in load()
        for row in section.rows
        for text in row.messages
    ]


def is_listed(said: str, exit_code: int) -> bool:
    """:param said: the message and, behind a full stop, its hint."""
    ends = [match.start() for match in re.finditer(r"\. |$", said)]
    return any(
        exit_code in codes and pattern.fullmatch(said[:end])
        for pattern, codes in _known()
        for end in ends
    )
