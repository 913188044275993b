"""``python -m manual.words``: check the words of code, tests and pages.

It finds subjects that name no one, and "acknowledge" as a noun (write "ack").
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parent.parent

#: What is checked, as paths below ROOT.
PLACES = (
    *("connector", "tests", "manual", "benchmarks", "docs", "examples"),
    *("README.md", "CONTRIBUTING.md", "Makefile"),
)

_SUFFIXES = {".py", ".md", ".toml", ".sh", ""}

#: Pattern -> what to write instead.
RULES = {
    re.compile(r"\b(?:whoever|somebody|nobody|anybody)\b", re.IGNORECASE): "name the subject",
    re.compile(r"(?:^|[.:;] |\"\"\"|# )Who (?!\w+s\b.*\?)"): "name the subject",
    re.compile(r"[:;(] who \w"): "name the subject",
    re.compile(r"\b(?:an?|the|its|each|no|every) acknowledges?\b"): 'the noun is "ack"',
}

#: Files that contain the words because they check them.
_OWN = ("manual/words.py", "tests/manual/test_words.py")


def problems(text: str) -> Iterator[tuple[int, str, str]]:
    """Yield the number of each line with a problem, the words, and what to write instead."""
    for number, line in enumerate(text.splitlines(), 1):
        for pattern, advice in RULES.items():
            if found := pattern.search(line):
                yield number, found[0].strip(), advice


def files(root: Path = ROOT) -> Iterator[Path]:
    """Yield the files that are checked."""
    for place in PLACES:
        path = root / place
        inner = path.rglob("*") if path.is_dir() else [path]
        for file in sorted(inner):
            name = file.relative_to(root).as_posix()
            if file.is_file() and file.suffix in _SUFFIXES and name not in _OWN:
                yield file


def main() -> int:
    found = [
        f"{file.relative_to(ROOT)}:{number}: {words!r}: {advice}"
        for file in files()
        if "node_modules" not in file.parts
        for number, words, advice in problems(file.read_text(encoding="utf-8", errors="replace"))
    ]
    sys.stdout.writelines(f"{line}\n" for line in found)
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
