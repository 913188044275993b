"""Where ssh is, which configuration it reads, and where the connector's own file goes.

OpenSSH uses two home directories. It takes its configuration from the home in the user database,
and so does ``~`` in UserKnownHostsFile and IdentityFile; that home is ``ssh_home`` here. In an
Include line, glob(3) expands ``~`` and relative paths, and uses HOME (readconf.c; GLOB_TILDE of
glibc and of OpenSSH's own glob). The connector uses ssh's home. If HOME differs, the connector
writes whole paths, which mean the same to ssh and to every other program.
"""

from __future__ import annotations

import glob
import os
import shutil
import sys
from dataclasses import dataclass
from pathlib import Path

from ..errors import ConfigError
from .command import quoted_path
from .facts import SshFacts


@dataclass(frozen=True)
class Places:
    """The two files that the connector changes for one kind of target.

    :ivar config: the user's file.
    :ivar ours: the connector's file beside it, which it includes.
    :ivar is_default: whether ssh reads ``config`` without being told.
    """

    config: Path
    ours: Path
    is_default: bool
    _home: Path
    _glob_home: Path

    @property
    def include(self) -> str:
        """The line that includes the connector's file for all programs.

        In ``~/.ssh`` the line has the file's name only, because ssh and all other programs search
        there. So it survives a move of the home directory, and needs no backslashes. If HOME is
        not ssh's home, ssh would search in HOME, and the line has the whole path.

        :raises ConfigError: when the path cannot be used in an Include line.
        """
        ours = self.ours
        if ours.parent == self._home / ".ssh" == self._glob_home / ".ssh":
            ours = Path(ours.name)
        return f"Include {quoted_path(ours)}"

    def is_ours(self, word: str) -> bool:
        """Return whether a word of Include names our file, seen from ssh's home or from HOME."""
        ours = os.path.normcase(self.ours)
        paths = (self.named(word), self.setting(word))
        return any(os.path.normcase(path) == ours for path in paths)

    def finds_ours(self, word: str) -> bool:
        """Return whether ssh finds our file by a word of Include, with the HOME of this process."""
        return os.path.normcase(self.named(word)) == os.path.normcase(self.ours)

    def included(self, word: str) -> list[Path]:
        """Return the files that a word of Include names; the word may be a pattern."""
        return [Path(name) for name in sorted(glob.glob(self.named(word)))]

    def named(self, word: str) -> str:
        """Return the path that a word of Include names; a relative one is in HOME's ``.ssh``."""
        return _in(self._glob_home, word)

    def setting(self, word: str) -> str:
        """Return the path that a word of another setting names, such as UserKnownHostsFile."""
        return _in(self._home, word)


def _in(home: Path, word: str) -> str:
    if word == "~" or word.startswith("~/"):
        return os.path.normpath(os.path.join(home, word[2:]))
    return os.path.normpath(os.path.join(home, ".ssh", word))


def find_ssh(path: str | None = None) -> str:
    """Return the path of OpenSSH's client.

    :param path: the PATH to search; ``None``: the PATH of this process.
    :raises ConfigError: when there is no ssh.
    """
    program = shutil.which("ssh", path=path)
    if program is None:
        raise ConfigError("there is no ssh on the PATH", "Install OpenSSH's client")
    return program


def ssh_home() -> Path:
    """Return the home directory that ssh uses: the one in the user database, not HOME."""
    if sys.platform == "win32":
        return Path(os.path.expanduser("~"))
    import pwd

    try:
        return Path(pwd.getpwuid(os.getuid()).pw_dir)
    except KeyError:  # some containers run as an id without a name, where ssh itself does not run
        return Path(os.path.expanduser("~"))


def user_config(home: Path | None = None) -> str:
    """Return the path of the user's configuration as a word of an Include line.

    :param home: ssh's home; ``None``: that of the user database.
    :raises ConfigError: when HOME differs and the path cannot be used in an Include line.
    """
    home = ssh_home() if home is None else home
    if home == _glob_home(home):
        return "~/.ssh/config"
    return quoted_path(home / ".ssh" / "config")


def find_places(facts: SshFacts, config: str | None, home: Path | None = None) -> Places:
    """Return the files to change for a kind of target.

    :param config: the option ``--ssh-config``; ``None``: the file that ssh reads by default.
    :param home: both ssh's home and HOME; ``None``: that of the user database, and HOME.
    """
    glob_home = home
    if home is None:
        home = ssh_home()
        glob_home = _glob_home(home)
    default = home / ".ssh" / "config"
    path = Path(os.path.abspath(os.path.expanduser(config))) if config is not None else default
    ours = path.parent / f"{facts.file_prefix}{path.name}"
    return Places(path, ours, path == default, home, glob_home or home)


def _glob_home(home: Path) -> Path:
    """Return what ``~`` means in an Include line: HOME, unless it is empty."""
    return Path(os.environ.get("HOME") or home) if sys.platform != "win32" else home
