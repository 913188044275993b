"""Where ssh is, the configuration that it reads, and where our own file goes.

OpenSSH has two homes. The configuration that it reads, and ``~`` in UserKnownHostsFile and
IdentityFile, are in the home that the user database names: that is ``ssh_home`` here. ``~`` and
a relative path in an Include line are in HOME, for glob(3) expands them (readconf.c; GLOB_TILDE of
glibc, and of OpenSSH's own glob). We go by ssh's home; where HOME is another one, what we write is
named by its whole path, which means the same to ssh and to every other program.
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


@dataclass(frozen=True)
class Places:
    """:ivar config: the user's file. :ivar ours: our own, beside it.
    :ivar is_default: whether ``config`` is what ssh reads by itself.
    """

    config: Path
    ours: Path
    is_default: bool
    _home: Path
    _glob_home: Path

    @property
    def include(self) -> str:
        """The line that includes our file, which all programs find in it.

        In ``~/.ssh`` it is named by its name alone, for it is there that ssh and all others
        look for it: that holds for a home directory that moves, and for backslashes. Where HOME
        is not ssh's home, ssh looks in HOME, and the line has the whole path.

        :raises ConfigError: when the path cannot stand in an Include line.
        """
        ours = self.ours
        if ours.parent == self._home / ".ssh" == self._glob_home / ".ssh":
            ours = Path(ours.name)
        return f"Include {quoted_path(ours)}"

    def is_ours(self, word: str) -> bool:
        """Whether an argument of Include names our file, from ssh's home or from HOME."""
        ours = os.path.normcase(self.ours)
        paths = (self.named(word), self.setting(word))
        return any(os.path.normcase(path) == ours for path in paths)

    def finds_ours(self, word: str) -> bool:
        """Whether ssh, called from here, finds our file by an argument of Include."""
        return os.path.normcase(self.named(word)) == os.path.normcase(self.ours)

    def included(self, word: str) -> list[Path]:
        """The files that an argument of Include names, which may be a pattern."""
        return [Path(name) for name in sorted(glob.glob(self.named(word)))]

    def named(self, word: str) -> str:
        """The file that an argument of Include names: relative ones are in ``~/.ssh`` of HOME."""
        return _in(self._glob_home, word)

    def setting(self, word: str) -> str:
        """The file that any other setting names, such as UserKnownHostsFile."""
        return _in(self._home, word)


def _in(home: Path, word: str) -> str:
    if word == "~" or word.startswith("~/"):
        return os.path.normpath(os.path.join(home, word[2:]))
    return os.path.normpath(os.path.join(home, ".ssh", word))


def find_ssh(path: str | None = None) -> str:
    """OpenSSH's client.

    :param path: the PATH to look in; ``None``: that of this process.
    :raises ConfigError: when it is not there.
    """
    program = shutil.which("ssh", path=path)
    if program is None:
        raise ConfigError("there is no ssh on the PATH", "Install OpenSSH's client")
    return program


def ssh_home() -> Path:
    """What ``~`` is for ssh: not HOME, but what the system knows of its user."""
    if sys.platform == "win32":
        return Path(os.path.expanduser("~"))
    import pwd

    try:
        return Path(pwd.getpwuid(os.getuid()).pw_dir)
    except KeyError:  # an id without a name, as in some containers: ssh would not run at all
        return Path(os.path.expanduser("~"))


def user_config(home: Path | None = None) -> str:
    """The user's configuration, as a word of an Include line.

    :param home: what ``~`` is for ssh.
    :raises ConfigError: when HOME is another one, and the path cannot stand in an Include line.
    """
    home = ssh_home() if home is None else home
    if home == _glob_home(home):
        return "~/.ssh/config"
    return quoted_path(home / ".ssh" / "config")


def find_places(config: str | None, home: Path | None = None) -> Places:
    """:param config: the option ``--ssh-config``; ``None``: the file that ssh reads.
    :param home: what ``~`` is for ssh, and in an Include line; ``None``: what the user database
        says, and HOME.
    """
    glob_home = home
    if home is None:
        home = ssh_home()
        glob_home = _glob_home(home)
    default = home / ".ssh" / "config"
    path = Path(os.path.abspath(os.path.expanduser(config))) if config is not None else default
    ours = path.parent / f"codecatalyst_{path.name}"
    return Places(path, ours, path == default, home, glob_home or home)


def _glob_home(home: Path) -> Path:
    """What ``~`` is in an Include line: HOME, unless it is empty."""
    return Path(os.environ.get("HOME") or home) if sys.platform != "win32" else home
