"""The arguments of a copy, as of scp: ``TARGET:path`` at the far end, anything else here.

A word is local if it has no colon, or a slash before its first colon. So ``./a:b`` is a local file.
A single ``-`` is stdin as the source, and stdout as the destination. Paths are bytes: a name need
not be text.
"""

from __future__ import annotations

import os
from typing import NamedTuple

from ..errors import ConfigError, quoted

#: stdin or stdout.
STREAM = b"-"

#: The home directory at the far end, where sessions begin.
_HOME = b"."


class Place(NamedTuple):
    """A file or directory, here or at the far end.

    :param host: the target's name; empty: this machine.
    :param user: the user to log in as; empty: as ssh's configuration says.
    """

    path: bytes
    host: str = ""
    user: str = ""

    @property
    def is_stream(self) -> bool:
        """Whether this is stdin or stdout."""
        return not self.host and self.path == STREAM

    @property
    def directory(self) -> bytes:
        """The directory that this file or directory is in."""
        return os.path.dirname(self.path.rstrip(b"/")) or (b"/" if self.path[:1] == b"/" else b".")

    def __str__(self) -> str:
        path = "" if self.host and self.path == _HOME else os.fsdecode(self.path)
        at = f"{self.user}@" if self.user else ""
        return f"{at}{self.host}:{path}" if self.host else path


class Wish(NamedTuple):
    """What a user wants to copy.

    :param far: the place that names the far end; its path does not count.
    :param downloads: whether the sources are at the far end.
    """

    sources: tuple[Place, ...]
    target: Place
    far: Place
    downloads: bool


def place_of(word: str) -> Place:
    """Return the place that a word names."""
    host, colon, path = word.partition(":")
    if not colon or "/" in host or not host:
        return Place(os.fsencode(word))
    user, _, name = host.rpartition("@")
    return Place(_in_home(os.fsencode(path)), name, user)


def _in_home(path: bytes) -> bytes:
    """Return a far path as sshd reads it: relative to the home directory, which has no "~"."""
    if path == b"~":
        path = b""
    return path.removeprefix(b"~/") or _HOME


def wish_of(words: list[str]) -> Wish:
    """Return the copy that the words ask for; the last one is the destination.

    :raises ConfigError: when both ends are here, both are far, or the sources are on different
        targets.
    """
    *sources, target = map(place_of, words)
    hosts = {(source.host, source.user) for source in sources}
    if len(hosts) > 1:
        raise ConfigError(
            "The sources are not all in the same place",
            "Copy from one target at a time",
        )
    downloads = bool(sources[0].host)
    if downloads and target.host:
        raise ConfigError(
            "Both ends of the copy are targets",
            "Copy to this machine first, and from here to the other target",
        )
    if not downloads and not target.host:
        raise ConfigError(
            f"{quoted(words[0])} and {quoted(words[-1])} are both on this machine",
            "Write TARGET:PATH for a file on a target",
        )
    streams = [place for place in (*sources, target) if place.is_stream]
    if streams and len(sources) > 1:
        raise ConfigError("`-` does not go with several sources", "Copy one file with `-`")
    return Wish(tuple(sources), target, sources[0] if downloads else target, downloads)
