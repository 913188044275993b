"""The Host lines of a user's configuration and of the files that it includes."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from fnmatch import fnmatchcase
from pathlib import Path

from ..files import FileProblem, read_bytes
from . import config
from .places import Places

#: How deeply included files may include others, as for OpenSSH (READCONF_MAX_DEPTH, readconf.c).
_MAX_DEPTH = 16

#: The most files that are read beside the user's own. ssh reads a file once for each Include that
#: names it: 14 files that each include the next one twice are 14 reads here, and 16,384 for ssh.
MOST_FILES = 1000

#: The most bytes of included files that are read.
MOST_BYTES = 16 << 20


class HostLines:
    """The words of all Host lines, each word once.

    Each file is read once, however often it is included. Files with the smallest depth come first.

    :param text: the content of the user's file.
    :param places: of each kind of target. They have this file in common.
    :ivar patterns: the words, in the order in which they were found.
    :ivar unread: whether some included files were not read because of a limit.
    """

    def __init__(self, text: bytes, places: Sequence[Places]) -> None:
        self.unread = False
        self._places = places[0]
        known = {self._places.config, *(each.ours for each in places)}
        self._seen = set(known)
        self._most = MOST_FILES + len(known)
        self._bytes_left = MOST_BYTES
        self._found: dict[str, None] = {}
        texts = [text]
        for _ in range(_MAX_DEPTH + 1):
            included = [path for each in texts for path in self._read(each)]
            texts = [content for path in included if (content := self._content(path))]
        self.patterns = tuple(self._found)

    def literal_in(self, patterns: Iterable[str]) -> list[str]:
        """Return the words that name exactly one host and match one of the patterns."""
        return [
            word
            for word in self.patterns
            if config.is_literal(word) and any(fnmatchcase(word, each) for each in patterns)
        ]

    def _read(self, text: bytes) -> list[Path]:
        """Note the words of the text's Host lines; return the files that it includes first."""
        included = []
        for line in config.parse(text, ("host", "include")):
            if line.keyword == "host":
                self._found.update(dict.fromkeys(line.words))
            elif not self.unread:
                for path in (path for word in line.words for path in self._places.included(word)):
                    if path in self._seen:
                        continue
                    if len(self._seen) >= self._most:
                        self.unread = True
                        break
                    self._seen.add(path)
                    included.append(path)
        return included

    def _content(self, path: Path) -> bytes | None:
        if self._bytes_left <= 0:
            self.unread = True
            return None
        try:
            content = read_bytes(path)
        except (OSError, FileProblem):
            return None  # ssh itself reports a file that it cannot read
        self._bytes_left -= len(content)
        return content
