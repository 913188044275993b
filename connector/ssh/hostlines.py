"""The Host lines of a user's configuration, also of the files that it includes."""

from __future__ import annotations

from collections.abc import Iterable
from fnmatch import fnmatchcase
from pathlib import Path

from ..files import FileProblem, read_bytes
from . import config
from .places import Places

#: Includes in includes, as for OpenSSH (READCONF_MAX_DEPTH of readconf.c).
_MAX_DEPTH = 16

#: Files that are read at most, the user's own not counted; 14 that include the next one twice
#: each are 14 here, and 16,384 for ssh.
MOST_FILES = 1000

#: Bytes of them that are read at most.
MOST_BYTES = 16 << 20


class HostLines:
    """What stands in Host lines, each word once.

    Each file is read once, however often it is included, the ones that are nearest first.

    :ivar patterns: in the order in which they were found.
    :ivar unread: whether there are more files, or larger ones, than are read.
    """

    def __init__(self, text: bytes, places: Places) -> None:
        self.unread = False
        self._places = places
        self._seen = {places.ours, places.config}
        self._bytes_left = MOST_BYTES
        self._found: dict[str, None] = {}
        texts = [text]
        for _ in range(_MAX_DEPTH + 1):
            included = [path for each in texts for path in self._read(each)]
            texts = [content for path in included if (content := self._content(path))]
        self.patterns = tuple(self._found)

    def literal_in(self, patterns: Iterable[str]) -> list[str]:
        """Return the words that name one host each, and match one of the patterns of ours."""
        return [
            word
            for word in self.patterns
            if config.is_literal(word) and any(fnmatchcase(word, each) for each in patterns)
        ]

    def _read(self, text: bytes) -> list[Path]:
        """Note what the Host lines of a text have; return the files that it includes anew."""
        included = []
        for line in config.parse(text, ("host", "include")):
            if line.keyword == "host":
                self._found.update(dict.fromkeys(line.words))
            elif not self.unread:
                for path in (path for word in line.words for path in self._places.included(word)):
                    if path in self._seen:
                        continue
                    if len(self._seen) >= MOST_FILES + 2:
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
            return None  # ssh judges whether that is bad
        self._bytes_left -= len(content)
        return content
