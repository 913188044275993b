"""The checksums of a stream that small programs of a target make too: sha256sum and cksum."""

from __future__ import annotations

import hashlib
import zlib

#: Programs, the best first.
PROGRAMS = ("sha256sum", "cksum")

#: What a target has that has neither.
NONE = "none"

#: Each byte with its bits in reverse order. POSIX's CRC reads bits from the other end than zlib's.
_REVERSED = bytes(int(f"{byte:08b}"[::-1], 2) for byte in range(256))

#: zlib's value of a CRC that starts from zero bits, as POSIX's does.
_ZEROS = 0xFFFFFFFF


class Checksum:
    """The checksum of what was fed to it.

    :param program: one of :data:`PROGRAMS`, or :data:`NONE`.
    """

    def __init__(self, program: str) -> None:
        self._program = program
        self._hash = hashlib.sha256()
        self._crc = _ZEROS
        self._size = 0

    def update(self, data: bytes) -> None:
        self._size += len(data)
        if self._program == "sha256sum":
            self._hash.update(data)
        elif self._program == "cksum":
            self._crc = zlib.crc32(data.translate(_REVERSED), self._crc)

    def text(self) -> str:
        """Return the first word that the program prints; "-" without a program."""
        if self._program == "sha256sum":
            return self._hash.hexdigest()
        return str(self._posix()) if self._program == "cksum" else "-"

    def _posix(self) -> int:
        """Return the CRC of POSIX's cksum, which ends with the number of bytes."""
        size = self._size.to_bytes((self._size.bit_length() + 7) // 8, "little")
        return int(f"{zlib.crc32(size.translate(_REVERSED), self._crc):032b}"[::-1], 2)
