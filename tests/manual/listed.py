"""Whether what a program said at its end is a message that the manual has."""

from __future__ import annotations

import re
from functools import cache

from manual.errors import ends_with, exit_codes, load
from manual.harvest import harvest, shape


def _pattern(template: str) -> re.Pattern[str]:
    """Any words may stand in a field; but in the first of a template without words, one."""
    first, *others = map(re.escape, template.split("{}"))
    if others and not re.search(r"[a-z]", template):
        others = [f"\\S+{others[0]}", *others[1:]]
        return re.compile(first + ".*".join(others), re.IGNORECASE)
    return re.compile(".*".join((first, *others)), re.IGNORECASE)


@cache
def _known() -> list[tuple[re.Pattern[str], set[int]]]:
    codes, handed_on = exit_codes(), harvest().handed_on
    return [
        (_pattern(shape(text)), ends_with(row, codes, handed_on))
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
