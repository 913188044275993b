"""SHA-256 digests of files at both ends.

The far end makes them by a script for sh, which needs ``sha256sum`` or ``shasum`` there.
"""

from __future__ import annotations

import hashlib
import logging
import os
import re
from collections.abc import Callable, Iterator, Sequence

from ..programs import Ran
from .ranges import Range

#: Runs a command of the far end: the command, its stdin, and seconds.
Run = Callable[[str, bytes, float], Ran]

#: Bytes of names in one command of the script. Linux and macOS take more.
_NAMES = 60_000

#: Bytes that the far end digests in a second at least, and seconds for everything else.
_SPEED = 20e6
_TIMEOUT = 60.0

#: Bytes that are read at once for a digest.
_CHUNK = 1 << 20

_NO_TOOL = 127

_HEAD = b"""\
LC_ALL=C; export LC_ALL
if command -v sha256sum >/dev/null 2>&1; then d() { sha256sum "$@"; }
elif command -v shasum >/dev/null 2>&1; then d() { shasum -a 256 "$@"; }
else exit 127; fi
"""

#: ``b`` is a function of sh: whether path $1 is below a directory that may not be entered.
LOCKED = """\
b(){ q=$1;while [ ! -d "$q" ]&&[ "$q" != "${q%/*}" ];do q=${q%/*};done;[ -d "$q" ]&&[ ! -x "$q" ];}
"""

#: A line of sha256sum. The backslash at its start says that the name has escapes.
_LINE = re.compile(rb"(\\?)([0-9a-f]{64}) [ *](.*)")
_ESCAPE = re.compile(rb"\\(.)")

logger = logging.getLogger(__name__)


class NoDigests(Exception):
    """The far end cannot make digests. The text says why."""


def far_digests(run: Run, files: Sequence[tuple[bytes, int]]) -> dict[bytes, str]:
    """Return the digests of files of the far end. One that cannot be read is left out.

    :param files: paths and sizes.
    :raises NoDigests: when the far end has no program for it, or does not answer.
    """
    named = {plain(path): path for path, _ in files}
    script = _HEAD + b"".join(b"d -- %s\n" % names for names in _groups(named))
    output = _run(run, script, sum(size for _, size in files))
    return {named[name]: digest for name, digest in _parse(output) if name in named}


def far_range_digests(run: Run, path: bytes, ranges: Sequence[Range], block: int) -> list[str]:
    """Return the digests of parts of a file of the far end.

    :param block: divides the start of each range, and all but the last one's size.
    :raises NoDigests: as :func:`far_digests`, and when the file cannot be read.
    """
    lines = [
        b"dd if=%s bs=%d skip=%d count=%d 2>/dev/null | d\n"
        % (quoted(plain(path)), block, each.start // block, -(-each.size // block))
        for each in ranges
    ]
    output = _run(run, _HEAD + b"".join(lines), sum(each.size for each in ranges))
    digests = [digest for _, digest in _parse(output)]
    if len(digests) != len(ranges):
        raise NoDigests("the far end did not digest all ranges")
    return digests


def far_prefix_digest(run: Run, path: bytes, size: int) -> str:
    """Return the digest of the first bytes of a file of the far end, which may grow meanwhile.

    :raises NoDigests: as :func:`far_digests`, and when the file cannot be read.
    """
    script = _HEAD + b"head -c %d < %s | d\n" % (size, quoted(plain(path)))
    for _, digest in _parse(_run(run, script, size)):
        return digest
    raise NoDigests("the far end cannot read the file")


def here_digest(path: bytes, wanted: Range | None = None) -> str:
    """Return the digest of a file of this machine, or of a part of it.

    :raises OSError: when it cannot be read.
    """
    found = hashlib.sha256()
    with open(path, "rb", buffering=0) as file:
        left = file.seek(0, os.SEEK_END) if wanted is None else wanted.size
        file.seek(wanted.start if wanted else 0)
        while left > 0 and (data := file.read(min(_CHUNK, left))):
            found.update(data)
            left -= len(data)
    return found.hexdigest()


def _run(run: Run, script: bytes, size: int) -> bytes:
    try:
        ran = run("sh", script, _TIMEOUT + size / _SPEED)
    except OSError as error:  # which includes TimeoutError
        raise NoDigests(f"the far end did not make digests ({type(error).__name__})") from None
    if ran.status == _NO_TOOL:
        raise NoDigests("the far end has neither sha256sum nor shasum")
    if ran.status == 255:
        raise NoDigests("the far end cannot run commands")
    if ran.stderr:
        logger.info("the far end said: %s", ran.stderr_text.strip()[-500:])
    return ran.stdout


def _groups(names: dict[bytes, bytes]) -> Iterator[bytes]:
    """Yield the words of the names, in groups that fit into one command."""
    words: list[bytes] = []
    size = 0
    for name in names:
        word = quoted(name)
        if size + len(word) > _NAMES and words:
            yield b" ".join(words)
            words, size = [], 0
        words.append(word)
        size += len(word)
    if words:
        yield b" ".join(words)


def _parse(output: bytes) -> Iterator[tuple[bytes, str]]:
    for line in output.split(b"\n"):
        found = _LINE.fullmatch(line)
        if found:
            name = _ESCAPE.sub(_unescaped, found[3]) if found[1] else found[3]
            yield name, found[2].decode()


def _unescaped(found: re.Match[bytes]) -> bytes:
    return {b"n": b"\n", b"r": b"\r"}.get(found[1], found[1])


def plain(path: bytes) -> bytes:
    """Return a path that no program takes for stdin or an option."""
    return path if path.startswith(b"/") else b"./" + path


def quoted(name: bytes) -> bytes:
    """Return a name as one word of a script."""
    return b"'" + name.replace(b"'", b"'\\''") + b"'"
