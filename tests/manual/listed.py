"""Whether the manual lists a message that a program has printed at its end."""

from __future__ import annotations

import hashlib
import json
import re
from functools import cache
from pathlib import Path

from connector.files import file_lock
from manual.errors import ends_with, exit_codes, load
from manual.harvest import harvest, shape

ROOT = Path(__file__).parents[2]

#: The messages and exit codes of the last run, for all test processes: a harvest takes 3 s.
CACHE = ROOT / ".pytest_cache" / "messages.json"


def _pattern(template: str) -> re.Pattern[str]:
    """Match any words in a field, but one word in the first field of a template without words."""
    first, *others = map(re.escape, template.split("{}"))
    if others and not re.search(r"[a-z]", template):
        others = [f"\\S+{others[0]}", *others[1:]]
        return re.compile(first + ".*".join(others), re.IGNORECASE)
    return re.compile(".*".join((first, *others)), re.IGNORECASE)


def _harvested() -> list[tuple[str, list[int]]]:
    """Return the shape of each message in the manual, with its exit codes."""
    codes, handed_on = exit_codes(), harvest().handed_on
    return [
        (shape(text), sorted(ends_with(row, codes, handed_on)))
        for section in load()
        for row in section.rows
        for text in row.messages
    ]


def _stamp() -> str:
    """Return a digest of all files that a harvest depends on."""
    digest = hashlib.sha256()
    for path in sorted((*ROOT.glob("connector/**/*.py"), *ROOT.glob("manual/*.*"))):
        digest.update(f"{path} ".encode() + path.read_bytes())
    return digest.hexdigest()


@cache
def _known() -> list[tuple[re.Pattern[str], set[int]]]:
    stamp = _stamp()
    CACHE.parent.mkdir(exist_ok=True)
    with file_lock(CACHE.with_suffix(".lock"), 120.0):
        try:
            last, messages = json.loads(CACHE.read_text())
        except (OSError, ValueError):
            last, messages = "", []
        if last != stamp:
            messages = _harvested()
            CACHE.write_text(json.dumps([stamp, messages]))
    return [(_pattern(template), set(codes)) for template, codes in messages]


def is_listed(said: str, exit_code: int) -> bool:
    """Return whether the manual lists a message with this exit code.

    :param said: the message and, after a full stop, its hint.
    """
    ends = [match.start() for match in re.finditer(r"\. |$", said)]
    return any(
        exit_code in codes and pattern.fullmatch(said[:end])
        for pattern, codes in _known()
        for end in ends
    )
