"""Sentences of the documentation: where they stand, and how many words they have."""

from __future__ import annotations

import re
from collections.abc import Iterator

#: Words of the longest sentence that a page may have.
LONGEST = 30

_CODE = re.compile(r"`[^`]*`")
_LINK = re.compile(r"\[([^\]]*)\]\([^)]*\)")
_END = re.compile(r"(?<=[.!?:])[\"')*_]*\s+")


def paragraphs(page: str) -> Iterator[tuple[int, str]]:
    """Yield the first line's number and the text of each paragraph and list item of a page.

    Code blocks, headings, tables and comments are left out.
    """
    start, lines = 0, list[str]()
    fenced = False
    for number, line in enumerate([*page.split("\n"), ""], 1):
        fenced ^= line.startswith("```")
        item = re.match(r" {0,3}([-*]|\d+\.) ", line)
        code = line.startswith("    ") and not lines and not item
        if fenced or code or not line.strip() or line[0] in "#|<" or item:
            if lines:
                yield start, " ".join(lines)
            lines = []
            if not item:
                continue
            line = line[item.end() :]
        if not lines:
            start = number
        lines.append(line.strip())


def sentences(page: str) -> Iterator[tuple[int, str]]:
    """Yield the line of each sentence's paragraph, and the sentence; code counts as one word."""
    for number, text in paragraphs(page):
        for sentence in _END.split(_LINK.sub(r"\1", _CODE.sub("CODE", text))):
            yield number, sentence


def too_long(page: str) -> list[tuple[int, int, str]]:
    """Return line, number of words and text of each sentence above :data:`LONGEST` words."""
    found = [(number, len(text.split()), text) for number, text in sentences(page)]
    return [each for each in found if each[1] > LONGEST]
