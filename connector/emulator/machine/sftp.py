"""The file system over SFTP, for scp and sftp."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar, cast

import paramiko
from paramiko.sftp import SFTP_FAILURE, SFTP_OK

if TYPE_CHECKING:
    from typing_extensions import Buffer  # of collections.abc only from Python 3.12 on

_logger = logging.getLogger(__name__)

Method = TypeVar("Method", bound=Callable[..., Any])


def _answers_errors(method: Method) -> Method:
    """Answer an ``OSError`` with SFTP's status for it, such as "no such file"."""

    @wraps(method)
    def call(*args: Any) -> Any:
        try:
            return method(*args)
        except OSError as error:
            return paramiko.SFTPServer.convert_errno(error.errno or 0)

    return cast(Method, call)


class SftpServer(paramiko.SFTPServer):
    """paramiko's server with an exit status, without which OpenSSH's scp fails."""

    def finish_subsystem(self) -> None:
        channel = cast(paramiko.Channel, self.sock)
        try:
            channel.send_exit_status(0)
        except (OSError, EOFError) as error:
            _logger.debug("an SFTP client left before the end: %r", error)
        super().finish_subsystem()


class LocalFiles(paramiko.SFTPServerInterface):
    """Local files. Relative paths start at ``home``, as with sshd."""

    def __init__(self, server: paramiko.ServerInterface, home: Path) -> None:
        super().__init__(server)
        self._home = home

    @_answers_errors
    def open(
        self, path: str, flags: int, attr: paramiko.SFTPAttributes
    ) -> paramiko.SFTPHandle | int:
        mode = 0o666 if attr.st_mode is None else attr.st_mode & 0o7777
        return _File(os.open(self._path(path), flags | os.O_CLOEXEC, mode), flags)

    @_answers_errors
    def list_folder(self, path: str) -> list[paramiko.SFTPAttributes] | int:
        with os.scandir(self._path(path)) as entries:
            return [
                paramiko.SFTPAttributes.from_stat(
                    entry.stat(follow_symlinks=False), _sendable(entry.name)
                )
                for entry in entries
            ]

    @_answers_errors
    def stat(self, path: str) -> paramiko.SFTPAttributes | int:
        return paramiko.SFTPAttributes.from_stat(os.stat(self._path(path)))

    @_answers_errors
    def lstat(self, path: str) -> paramiko.SFTPAttributes | int:
        return paramiko.SFTPAttributes.from_stat(os.lstat(self._path(path)))

    @_answers_errors
    def remove(self, path: str) -> int:
        os.remove(self._path(path))
        return SFTP_OK

    @_answers_errors
    def rename(self, oldpath: str, newpath: str) -> int:
        if os.path.lexists(self._path(newpath)):
            return SFTP_FAILURE  # unlike posix_rename, this request must not replace a file
        os.rename(self._path(oldpath), self._path(newpath))
        return SFTP_OK

    @_answers_errors
    def posix_rename(self, oldpath: str, newpath: str) -> int:
        os.replace(self._path(oldpath), self._path(newpath))
        return SFTP_OK

    @_answers_errors
    def mkdir(self, path: str, attr: paramiko.SFTPAttributes) -> int:
        os.mkdir(self._path(path), 0o777 if attr.st_mode is None else attr.st_mode & 0o7777)
        return SFTP_OK

    @_answers_errors
    def rmdir(self, path: str) -> int:
        os.rmdir(self._path(path))
        return SFTP_OK

    @_answers_errors
    def chattr(self, path: str, attr: paramiko.SFTPAttributes) -> int:
        _change(self._path(path), attr)
        return SFTP_OK

    def canonicalize(self, path: str) -> str:
        return os.path.realpath(self._path(path))

    @_answers_errors
    def readlink(self, path: str) -> str | int:
        return _sendable(os.readlink(self._path(path)))

    @_answers_errors
    def symlink(self, target_path: str, path: str) -> int:
        os.symlink(target_path, self._path(path))
        return SFTP_OK

    def _path(self, path: str) -> str:
        return os.path.join(self._home, path)


class _File(paramiko.SFTPHandle):
    def __init__(self, number: int, flags: int) -> None:
        super().__init__(flags)
        self._number = number

    def close(self) -> None:
        if self._number >= 0:
            os.close(self._number)
            self._number = -1

    @_answers_errors
    def read(self, offset: int, length: int) -> bytes | int:
        return os.pread(self._number, length, offset)

    @_answers_errors
    def write(self, offset: int, data: Buffer) -> int:
        rest = memoryview(data)
        while rest:
            written = os.pwrite(self._number, rest, offset)
            offset += written
            rest = rest[written:]
        return SFTP_OK

    @_answers_errors
    def stat(self) -> paramiko.SFTPAttributes | int:
        return paramiko.SFTPAttributes.from_stat(os.fstat(self._number))

    @_answers_errors
    def chattr(self, attr: paramiko.SFTPAttributes) -> int:
        _change(self._number, attr)
        return SFTP_OK


def _change(file: str | int, attr: paramiko.SFTPAttributes) -> None:
    """Change the attributes that the request names.

    :param file: a path or a descriptor.
    """
    if attr.st_size is not None:
        os.truncate(file, attr.st_size)
    if attr.st_uid is not None and attr.st_gid is not None:
        os.chown(file, attr.st_uid, attr.st_gid)
    if attr.st_mode is not None:
        os.chmod(file, attr.st_mode & 0o7777)
    if attr.st_atime is not None and attr.st_mtime is not None:
        os.utime(file, (attr.st_atime, attr.st_mtime))


def _sendable(name: str) -> str:
    """Return a name in UTF-8, as SFTP needs it, with replacements for other bytes."""
    return os.fsencode(name).decode(errors="replace")
