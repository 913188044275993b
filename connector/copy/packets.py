"""The packets of SFTP: the bytes of requests, and what answers hold.

The numbers are those of draft-ietf-secsh-filexfer-02. A far end that breaks the protocol costs
neither time nor memory: no count is believed that its packet cannot hold.
"""

from __future__ import annotations

import struct
from typing import NamedTuple

from ..errors import RemoteProtocolError

#: Types of requests (section 3).
INIT, OPEN, CLOSE, READ, WRITE, LSTAT, FSTAT, SETSTAT = 1, 3, 4, 5, 6, 7, 8, 9
OPENDIR, READDIR, REMOVE, MKDIR, REALPATH, STAT, RENAME = 11, 12, 13, 14, 16, 17, 18
EXTENDED = 200

#: Types of answers that are told from the others (section 3).
VERSION, STATUS = 2, 101

#: The version of the protocol that is spoken (section 4).
_SPOKEN = 3

#: How a file is opened: to be read, to be written, and made anew (section 6.3).
READS, WRITES, CREATES, ONLY_NEW = 0x01, 0x02, 0x08, 0x20

#: Codes of the answer ``STATUS`` (section 7).
OK, END_OF_FILE, NO_SUCH_FILE, PERMISSION_DENIED, FAILURE, UNSUPPORTED = 0, 1, 2, 3, 4, 8

#: Flags that say which attributes a packet has (section 5).
_SIZE, _OWNER, _PERMISSIONS, _TIMES, _EXTENSIONS = 0x1, 0x2, 0x4, 0x8, 0x8000_0000

#: Bytes of the smallest name in a list: a name, a line and attributes, all of them empty.
_LEAST_NAME = 12

#: Bytes of the smallest extension of attributes: a name and a value, both empty.
_LEAST_EXTENSION = 8

#: Bytes of the longest name that is taken. File systems allow 255 characters.
_LONGEST_NAME = 1024

#: Bytes of the largest file that a system can have (off_t), and the bits of a mode.
_MOST_SIZE, _MODE = (1 << 63) - 1, 0xFFFF

_HEAD = struct.Struct(">IBI")
_INT, _LONG, _TIMES_OF = struct.Struct(">I"), struct.Struct(">Q"), struct.Struct(">II")


class ConnectionLost(Exception):
    """The connection to the SFTP server has ended."""


def broken(why: str) -> RemoteProtocolError:
    """Return the error of a far end that breaks the protocol."""
    return RemoteProtocolError(f"the far end breaks the SFTP protocol: {why}")


class Attributes(NamedTuple):
    """What a server says of a file; 0 for what it leaves out."""

    size: int
    mode: int
    mtime: int
    atime: int


class Entry(NamedTuple):
    """A file in a directory."""

    name: bytes
    attributes: Attributes


# What requests hold.


def request(kind: int, number: int, content: bytes) -> bytes:
    """Return a packet. That of ``INIT`` has the version in the place of the number."""
    return _HEAD.pack(len(content) + 5, kind, number) + content


def hello() -> bytes:
    """Return the first packet of a session."""
    return request(INIT, _SPOKEN, b"")


def integer(number: int) -> bytes:
    return _INT.pack(number)


def long(number: int) -> bytes:
    return _LONG.pack(number)


def string(content: bytes) -> bytes:
    return _INT.pack(len(content)) + content


def attributes_of(mode: int | None = None, times: tuple[int, int] | None = None) -> bytes:
    """Return the attributes that a file is to have.

    :param times: of the last access and the last change.
    """
    flags, content = 0, b""
    if mode is not None:
        flags, content = _PERMISSIONS, _INT.pack(mode)
    if times is not None:
        # SFTP holds the years from 1970 to 2106.
        flags |= _TIMES
        content += _TIMES_OF.pack(*(min(max(0, each), 0xFFFF_FFFF) for each in times))
    return _INT.pack(flags) + content


# What answers hold.


class Packet:
    """An answer, which is read member by member.

    :ivar kind: its type.
    :raises RemoteProtocolError: from every method, when the packet holds less.
    """

    def __init__(self, packet: bytes) -> None:
        if not packet:
            raise broken("a packet is empty")
        self.kind = packet[0]
        self._packet = packet
        self._at = 1

    @property
    def left(self) -> int:
        """The bytes that are not read yet."""
        return len(self._packet) - self._at

    def integer(self) -> int:
        return int.from_bytes(self._take(4), "big")

    def long(self) -> int:
        return int.from_bytes(self._take(8), "big")

    def string(self) -> bytes:
        return self._take(self.integer())

    def count(self, least: int) -> int:
        """Return the number of members that follow, each of which takes so many bytes at least."""
        count = self.integer()
        if count * least > self.left:
            raise broken(f"a packet cannot hold {count} members")
        return count

    def _take(self, size: int) -> bytes:
        start, self._at = self._at, self._at + size
        if self.left < 0:
            raise broken("a packet is cut off")
        return self._packet[start : self._at]


def attributes(packet: Packet) -> Attributes:
    flags = packet.integer()
    size = mode = mtime = atime = 0
    if flags & _SIZE:
        size = packet.long()
        if size > _MOST_SIZE:
            raise broken(f"a file has {size} bytes")
    if flags & _OWNER:
        packet.long()
    if flags & _PERMISSIONS:
        mode = packet.integer() & _MODE
    if flags & _TIMES:
        atime, mtime = packet.integer(), packet.integer()
    if flags & _EXTENSIONS:
        for _ in range(2 * packet.count(_LEAST_EXTENSION)):
            packet.string()
    return Attributes(size, mode, mtime, atime)


def binary(packet: Packet) -> bytes:
    """Return a handle or data. The status "end of file" stands for no data."""
    return b"" if packet.kind == STATUS else packet.string()


def nothing(packet: Packet) -> None:
    """Take the status "OK", which holds nothing."""
    if packet.kind != STATUS:
        raise broken("the far end answers a change with something else than a status")


def names(packet: Packet) -> list[Entry]:
    """Return the files. The status "end of file" stands for none."""
    entries = []
    for _ in range(0 if packet.kind == STATUS else packet.count(_LEAST_NAME)):
        name = packet.string()
        if len(name) > _LONGEST_NAME:
            raise broken(f"a name has {len(name)} bytes")
        packet.string()  # the line of "ls -l", in no fixed form
        entries.append(Entry(name, attributes(packet)))
    return entries


def first_name(packet: Packet) -> bytes:
    found = names(packet)
    if not found:
        raise broken("a path has no name")
    return found[0].name
