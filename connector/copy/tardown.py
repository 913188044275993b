"""The download half of a copy by tar: the target's archives become a tree of received files."""

from __future__ import annotations

import base64
import os
import re
import stat
import tarfile
from collections.abc import Callable, Iterator
from typing import IO, cast

from ..errors import RemoteProtocolError
from .checks import DIFFERENT
from .checksums import PROGRAMS, Checksum
from .command import Command, CommandLost
from .downscript import words_for
from .jobs import CHANGED, PERMISSIONS
from .names import Place
from .packets import NO_SUCH_FILE, PERMISSION_DENIED, Attributes, Entry
from .plan import LOOP, NO_NAME, UNSIZED
from .sftp import MOST_FILES, Job, SftpError
from .sides import Here
from .storing import Store

#: Bytes of the longest header of a member: the names, times and holes of one file.
_LONGEST_HEADER = 1 << 20

#: What :mod:`tarfile` raises for malformed headers, besides its own errors.
_MALFORMED = (tarfile.TarError, ValueError, ArithmeticError, LookupError, RecursionError)

#: Seconds from 1970 that every system takes as the time of a file.
_LATEST = 1 << 40

#: Bytes of zeros at the end of an archive, at most. GNU tar fills 10 KiB.
_LONGEST_PADDING = 1 << 20

_CHUNK = 64 * 1024

#: How names become text, as Python does it for file names.
_ENCODING = ("utf-8", "surrogateescape")

_NO_EXCLUDE = "tar at the target has no --exclude, which symbolic links in circles need"

#: Why something is left out of an archive.
_LEFT_OUT = {
    "loop": LOOP,
    "gone": str(SftpError(NO_SUCH_FILE, "")),
    "denied": str(SftpError(PERMISSION_DENIED, "")),
}

#: What GNU tar says of a file that has grown, such as a log. It has sent what there was at first.
_GREW = "file changed as we read it"

#: What it says of one that has shrunk meanwhile, with escapes for all but the characters of ASCII.
_SHRANK = re.compile(r"tar: (.*): File shrank by [0-9]+ bytes?; padding with zeros$")
_ESCAPE = re.compile(rb"\\([0-3][0-7]{2}|.)")


class _Refusal(SftpError):
    """A source is not received. The text ends a sentence that begins with its name."""

    def __init__(self, why: str) -> None:
        Exception.__init__(self, why)
        self.code = NO_SUCH_FILE


class Received(Here):
    """The files that have arrived, under the names that the user has for them.

    :param directory: a private directory of this machine, which holds the content of the files.
    :ivar numbers: the number of each file in that directory.
    """

    def __init__(self, directory: bytes) -> None:
        super().__init__()
        self.numbers: dict[bytes, int] = {}
        self._directory = directory
        self._known: dict[bytes, Attributes] = {}
        self._children: dict[bytes, list[bytes]] = {}
        self._refused: dict[bytes, str] = {}

    def add(self, path: bytes, attributes: Attributes) -> None:
        """Add a file of any kind; later ones of the same name replace it."""
        if path not in self._known:
            if len(self._known) == MOST_FILES:
                raise RemoteProtocolError("tar at the target sends too many files")
            self._children.setdefault(os.path.dirname(path), []).append(os.path.basename(path))
        self._known[path] = attributes
        if stat.S_ISREG(attributes.mode):
            self.numbers.setdefault(path, len(self.numbers))

    def refuse(self, path: bytes, why: str) -> None:
        """Take note of why a source is not received."""
        self._refused[path] = why

    def attributes(self, path: bytes) -> Attributes | None:
        return self._known.get(os.path.normpath(path))

    def content(self, path: bytes) -> bytes:
        """Return the path of the received content of a file."""
        return os.path.join(self._directory, b"%d" % self.numbers[os.path.normpath(path)])

    def stat(self, path: bytes) -> Job[Attributes]:
        yield from ()
        found, why = self.attributes(path), self._refused.get(os.path.normpath(path), "")
        if why or found is None:
            raise _Refusal(why or _LEFT_OUT["gone"])
        return found

    def list_directory(self, path: bytes) -> Job[list[Entry]]:
        yield from ()
        path = os.path.normpath(path)
        place = b"" if path == b"." else path
        names = [name for name in self._children.get(place, []) if name not in (b"", b".")]
        return [Entry(name, self._known[os.path.join(place, name)]) for name in names]

    def real_path(self, path: bytes) -> Job[bytes]:
        yield from ()
        return os.path.normpath(path)


class Receiver:
    """Reads what the script sends.

    :param answer: returns the words of the script's next line.
    :param store: keeps the content of files.
    :ivar problems: names of what was not received, and why.
    """

    def __init__(
        self,
        command: Command,
        answer: Callable[[], list[str]],
        program: str,
        received: Received,
        store: Store,
    ) -> None:
        self.problems: list[tuple[bytes, str]] = []
        self._command = command
        self._answer = answer
        self._program = program
        self._received = received
        self._store = store
        self._failed: list[bytes] = []
        self._arrived: set[bytes] = set()  # places of files in one archive
        self._damaged: set[bytes] = set()  # whose last archive had a wrong checksum
        self._shrunk: set[bytes] = set()  # which end with zeros that the source does not have
        self._same: dict[bytes, bytes] = {}  # files of which tar has found another name before
        self._unstored: dict[bytes, str] = {}  # files that this machine could not write, and why

    def receive(self, source: Place, *, recursive: bool) -> None:
        """Receive one source, or take note of the problem.

        :raises CommandLost: when the command has ended before.
        """
        kind, *words = self._answer()
        while words and kind in _LEFT_OUT:
            self._leave_out(source, kind, words)
            kind, *words = self._answer()
        path = os.path.normpath(source.path)
        if kind == "special" or (kind == "directory" and not recursive):
            mode = stat.S_IFDIR if kind == "directory" else _SPECIAL.get("".join(words), 0)
            self._received.add(path, Attributes(0, mode, 0, 0))
        elif kind == "circles":
            self._received.refuse(path, _NO_EXCLUDE)
        elif kind == "unsized":
            self._received.refuse(path, UNSIZED)
        elif kind == "denied":
            self._received.refuse(path, _LEFT_OUT[kind])
        elif kind in ("file", "directory"):
            archive = _Archive(self._command, self._program)
            self._arrived.clear()
            name = os.fsencode(words_for((source,))[1])
            for member in archive.members():
                self._member(source.path, name, member, archive)
            archive.skip_padding()
            self._end(source.path, archive)
            if kind == "file" and source.path.endswith(b"/"):
                self._received.refuse(path, _LEFT_OUT["gone"])

    def _leave_out(self, source: Place, kind: str, words: list[str]) -> None:
        """Take note of what is not in the archive."""
        if len(self.problems) >= MOST_FILES:
            raise RemoteProtocolError("tar at the target sends too many files")
        try:
            member = base64.b64decode("".join(words), validate=True).decode(*_ENCODING)
        except ValueError:
            raise CommandLost from None
        place = _place(source.path, os.fsencode(words_for((source,))[1]), member)
        if place is None:
            raise CommandLost
        self.problems.append((place, _LEFT_OUT[kind]))

    def end(self) -> None:
        """Wait for the end of the command, and take note of what tar has said.

        No file of a source is good if a file of it has shrunk, and is not known.
        """
        self._command.status()
        said, others = self._command.said(), []
        are_known = not self._command.has_forgotten
        for line in said:
            if found := _SHRANK.search(line):
                are_known = self._note_shrunk(found[1]) and are_known
            elif _GREW not in line:
                others.append(line)
        if others or not said or not are_known:
            words = f"tar at the target: {(others or said or ['it has failed'])[-1]}"
            for source in self._failed:
                if self._received.attributes(source) is None or not are_known:
                    self._received.refuse(os.path.normpath(source), words)
                else:
                    self.problems.append((source, words))

    def _note_shrunk(self, escaped: str) -> bool:
        """Take note of a file that has shrunk; return whether it is known."""
        path = _ESCAPE.sub(_unescaped, escaped.encode(*_ENCODING))
        places = [
            _place(source, os.fsencode(words_for((Place(source),))[1]), path.decode(*_ENCODING))
            for source in self._failed
        ]
        known = {place for place in places if place and place in self._received.numbers}
        self._shrunk |= known
        return bool(known)

    def unstored(self, path: bytes) -> str:
        """Return why a file could not be written here; nothing if it could."""
        return self._unstored.get(os.path.normpath(path), "")

    def problem(self, path: bytes) -> str:
        """Return why a file is not good that has arrived; nothing if it is good."""
        path = os.path.normpath(path)
        if self._same.get(path, path) in self._shrunk:
            return CHANGED
        return DIFFERENT if path in self._damaged else ""

    def _end(self, source: bytes, archive: _Archive) -> None:
        words = self._answer()
        self._failed += [source] * ("s0" not in words)
        if self._program in PROGRAMS and archive.sum.text() not in words:
            self._damaged |= self._arrived
        else:
            self._damaged -= self._arrived

    def _member(
        self, source: bytes, name: bytes, member: tarfile.TarInfo, archive: _Archive
    ) -> None:
        place = _place(source, name, member.name)
        if place is None:
            self.problems.append((source, NO_NAME))
            return
        if member.islnk():
            self._link(_place(source, name, member.linkname), place)
        elif member.isreg() and not member.issparse():
            self._begin(place, _attributes(member, stat.S_IFREG))
            self._same.pop(place, None)
            left = member.size
            while left:
                data = archive.content(min(left, _CHUNK))
                left -= len(data)
                self._store.write(data)
            self._stored(place)
        else:
            self._received.add(place, _attributes(member, _TYPES.get(member.type, 0)))

    def _begin(self, place: bytes, attributes: Attributes) -> None:
        self._received.add(place, attributes)
        self._arrived.add(place)
        self._store.begin(self._received.content(place), attributes.mode & PERMISSIONS)

    def _link(self, other: bytes | None, place: bytes) -> None:
        """Give a file the content of another one, of which tar has found a second name."""
        found = self._received.attributes(other) if other is not None else None
        if found is None or other is None or other not in self._received.numbers:
            self.problems.append((place, "tar at the target has not sent its content"))
            return
        self._begin(place, found)
        self._same[place] = self._same.get(other, other)
        if why := self._unstored.get(other):
            self._unstored[place] = why
            return
        with open(self._received.content(other), "rb") as file:
            while data := file.read(_CHUNK):
                self._store.write(data)
        self._stored(place)

    def _stored(self, place: bytes) -> None:
        """Take note of whether the file that was begun last is whole."""
        self._unstored.pop(place, None)
        if why := self._store.end():
            self._unstored[place] = why


class _Archive:
    """An archive in the output of the command, as a file for :mod:`tarfile`.

    Unlike that module's own streams it reads nothing beyond the archive.

    :ivar sum: the checksum of what was read.
    """

    def __init__(self, command: Command, program: str) -> None:
        self.sum = Checksum(program)
        self._command = command
        self._position = 0
        self._header_left = _LONGEST_HEADER

    def members(self) -> Iterator[tarfile.TarInfo]:
        """Yield the members. The caller has to read the content of each file.

        :raises RemoteProtocolError: when this is no archive.
        """
        try:
            archive = tarfile.TarFile(
                fileobj=cast(IO[bytes], self), encoding=_ENCODING[0], errors=_ENCODING[1]
            )
            while (member := archive.next()) is not None:
                if member.size < 0:
                    raise tarfile.HeaderError
                archive.members = []  # type: ignore[attr-defined]  # or all would stay in memory
                yield member
                self._header_left = _LONGEST_HEADER
        except _MALFORMED:
            raise RemoteProtocolError("tar at the target has sent no archive") from None

    def read(self, size: int) -> bytes:
        """Read so many bytes of a header, as :mod:`tarfile` does.

        :raises CommandLost: when the output ends before.
        :raises RemoteProtocolError: when the headers of one member do not end.
        """
        self._header_left -= size
        if self._header_left < 0:
            raise RemoteProtocolError("tar at the target has sent too long a header")
        return self.content(size)

    def content(self, size: int) -> bytes:
        """Read so many bytes.

        :raises CommandLost: when the output ends before.
        """
        data = bytearray()
        while len(data) < size:
            more = self._command.read(size - len(data))
            if not more:
                raise CommandLost
            data += more
        self._position += size
        whole = bytes(data)
        self.sum.update(whole)
        return whole

    def tell(self) -> int:
        return self._position

    def seek(self, position: int) -> int:
        """Skip everything before a position."""
        while self._position < position:
            self.content(min(position - self._position, _CHUNK))
        return self._position

    def skip_padding(self) -> None:
        """Read the zeros at the end of the archive."""
        end = self._position + _LONGEST_PADDING
        while self._position < end:
            data = self._command.read(_CHUNK)
            rest = data.lstrip(b"\0")
            zeros = data[: len(data) - len(rest)]
            self._position += len(zeros)
            self.sum.update(zeros)
            if rest or not data:
                self._command.unread(rest)
                return


def _unescaped(found: re.Match[bytes]) -> bytes:
    letters = dict(zip(b"abfnrtv", b"\a\b\f\n\r\t\v", strict=True))
    escape = found[1]
    return bytes([int(escape, 8) if len(escape) == 3 else letters.get(escape[0], escape[0])])


def _place(source: bytes, name: bytes, member: str) -> bytes | None:
    """Return the user's name of a member; None for a member that is not of this source.

    :param name: of the source in the archive; a full stop stands for the content of a directory.
    """
    path = member.encode(*_ENCODING)
    parts = [part for part in path.split(b"/") if part not in (b"", b".")]
    if name != b".":
        if parts[:1] != [name]:
            return None
        del parts[0]
    if b".." in parts or b"\0" in path:
        return None
    return os.path.normpath(os.path.join(source, *parts))


def _attributes(member: tarfile.TarInfo, kind: int) -> Attributes:
    # Headers of PAX may tell any number, or none. Every comparison with a "nan" is false.
    time = int(member.mtime) if abs(member.mtime) < _LATEST else 0
    return Attributes(member.size, kind | member.mode & 0o7777, time, time)


_SPECIAL = {"p": stat.S_IFIFO, "S": stat.S_IFSOCK, "b": stat.S_IFBLK, "c": stat.S_IFCHR}

_TYPES = {
    tarfile.DIRTYPE: stat.S_IFDIR,
    tarfile.FIFOTYPE: stat.S_IFIFO,
    tarfile.CHRTYPE: stat.S_IFCHR,
    tarfile.BLKTYPE: stat.S_IFBLK,
}
