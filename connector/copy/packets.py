"""What the packets of SFTP hold. A far end that breaks the protocol costs neither time nor memory.

paramiko's own decoders believe every count that they read, so a packet of a few bytes could keep
them busy for an hour.
"""

from __future__ import annotations

from typing import NamedTuple

import paramiko
from paramiko import sftp as wire

#: Bytes of the smallest name in a list: a name, a line and attributes, all of them empty.
_LEAST_NAME = 12

#: Bytes of the longest name that is taken. File systems allow 255 characters.
_LONGEST_NAME = 1024


class ConnectionLost(Exception):
    """The connection to the SFTP server has ended."""


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


def attributes_of(
    mode: int | None = None, times: tuple[int, int] | None = None
) -> paramiko.SFTPAttributes:
    attributes = paramiko.SFTPAttributes()
    attributes.st_mode = mode
    if times is not None:
        # SFTP holds the years from 1970 to 2106.
        attributes.st_atime, attributes.st_mtime = (
            min(max(0, each), 0xFFFF_FFFF) for each in times
        )
    return attributes


def attributes(kind: int, message: paramiko.Message) -> Attributes:
    flags = message.get_int()
    size = mode = mtime = atime = 0
    if flags & paramiko.SFTPAttributes.FLAG_SIZE:
        size = message.get_int64()
    if flags & paramiko.SFTPAttributes.FLAG_UIDGID:
        message.get_int64()
    if flags & paramiko.SFTPAttributes.FLAG_PERMISSIONS:
        mode = message.get_int()
    if flags & paramiko.SFTPAttributes.FLAG_AMTIME:
        atime, mtime = message.get_int(), message.get_int()
    if flags & paramiko.SFTPAttributes.FLAG_EXTENDED:
        for _ in range(_count(message, 8)):
            message.get_binary()
            message.get_binary()
    return Attributes(size, mode, mtime, atime)


def _count(message: paramiko.Message, least: int) -> int:
    """Return the number of members that follow, each of which takes so many bytes at least.

    :raises ConnectionLost: when the packet cannot hold them.
    """
    count = message.get_int()
    if count * least > len(message.get_remainder()):
        raise ConnectionLost(f"a packet cannot hold {count} members")
    return count


def binary(kind: int, message: paramiko.Message) -> bytes:
    """Return a handle or data. The status "end of file" stands for no data."""
    return b"" if kind == wire.CMD_STATUS else message.get_binary()


def nothing(kind: int, message: paramiko.Message) -> None:
    """Take the status "OK", which holds nothing."""


def names(kind: int, message: paramiko.Message) -> list[Entry]:
    """Return the files. The status "end of file" stands for none."""
    entries = []
    for _ in range(0 if kind == wire.CMD_STATUS else _count(message, _LEAST_NAME)):
        name = message.get_binary()
        if len(name) > _LONGEST_NAME:
            raise ConnectionLost(f"a name has {len(name)} bytes")
        message.get_binary()  # the line of "ls -l", in no fixed form
        entries.append(Entry(name, attributes(kind, message)))
    return entries


def first_name(kind: int, message: paramiko.Message) -> bytes:
    found = names(kind, message)
    if not found:
        raise ConnectionLost("a path has no name")
    return found[0].name
