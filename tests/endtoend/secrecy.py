"""The search for secrets in everything that a run of the tests has written."""

from __future__ import annotations

import logging
import re
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

#: Files that tests write for the connector to read. They contain tokens.
_GIVEN = ("session*.json", "*.pem")

_LOGGERS = ("connector", "aiohttp")

#: Bytes. A larger file is transferred data, not output, as is one with a NUL.
_LARGEST = 32 << 20

#: What a secret consists of. The shortest is a part of a query.
_WORD = re.compile(rb"[\w+/=%.~-]{12,}")


@contextmanager
def logging_all_to(path: Path, names: Sequence[str] = _LOGGERS) -> Iterator[None]:
    """Write everything that this process logs at any level to a file, the emulator's lines too."""
    handler = logging.FileHandler(path)
    handler.setFormatter(logging.Formatter("%(name)s %(levelname)s %(message)s"))
    loggers = [logging.getLogger(name) for name in names]
    levels = [logger.level for logger in loggers]
    for logger in loggers:
        logger.addHandler(handler)
        logger.setLevel(logging.DEBUG)
    try:
        yield
    finally:
        for logger, level in zip(loggers, levels, strict=True):
            logger.removeHandler(handler)
            logger.setLevel(level)
        handler.close()


def holds(content: bytes, secrets: Iterable[str]) -> bool:
    """Return whether bytes hold one of the secrets, which have no characters but :data:`_WORD`'s.

    Thousands of secrets are looked for in megabytes: the words of a log that could be or hold one
    are few, and repeat.
    """
    wanted = [secret.encode() for secret in secrets]
    assert all(map(_WORD.fullmatch, wanted)), "a secret is no single word"
    words = b" ".join(set(_WORD.findall(content)))
    return any(secret in words for secret in wanted)


def leaks(directory: Path, secrets: Iterable[str]) -> list[str]:
    """Return the files below a directory that hold a secret, without naming the secret."""
    wanted = list(secrets)
    found = []
    for path in sorted(directory.rglob("*")):
        if path.is_symlink() or not path.is_file() or any(map(path.match, _GIVEN)):
            continue
        if path.stat().st_size <= _LARGEST:
            content = path.read_bytes()
            if b"\0" not in content and holds(content, wanted):
                found.append(str(path))
    return found


def command_lines(pid: int) -> str:
    """Return the readable command lines of a process and of its descendants."""
    children = [
        int(child)
        for path in Path("/proc", str(pid), "task").glob("*/children")
        for child in _read(path).split()
    ]
    own = _read(Path("/proc", str(pid), "cmdline")).replace("\0", " ")
    return "\n".join([own, *map(command_lines, children)])


def _read(path: Path) -> str:
    try:
        return path.read_bytes().decode("utf-8", "replace")
    except OSError:
        return ""  # the process has ended
