"""Where ssh is, the configuration that it reads, and where our own file goes."""

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

    @property
    def include(self) -> str:
        """The line that includes our file, which all programs find in it.

        In ``~/.ssh`` it is named by its name alone, for it is there that ssh and all others
        look for it: that holds for a home directory that moves, and for backslashes.

        :raises ConfigError: when the path cannot stand in an Include line.
        """
        ours = self.ours
        if ours.parent == self._home / ".ssh":
            ours = Path(ours.name)
        return f"Include {quoted_path(ours)}"

    def is_ours(self, word: str) -> bool:
        """Whether an argument of Include names our file."""
        return os.path.normcase(self.named(word)) == os.path.normcase(self.ours)

    def included(self, word: str) -> list[Path]:
        """The files that an argument of Include names, which may be a pattern."""
        return [Path(name) for name in sorted(glob.glob(self.named(word)))]

    def named(self, word: str) -> str:
        """A file that a word of the configuration names: relative ones are in ``~/.ssh``."""
        if word == "~" or word.startswith("~/"):
            return os.path.normpath(os.path.join(self._home, word[2:]))
        return os.path.normpath(os.path.join(self._home, ".ssh", word))


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


def find_places(config: str | None, home: Path | None = None) -> Places:
    """:param config: the option ``--ssh-config``; ``None``: the file that ssh reads.
    :param home: what ``~`` is for ssh.
    """
    home = ssh_home() if home is None else home
    default = home / ".ssh" / "config"
    path = Path(os.path.abspath(os.path.expanduser(config))) if config is not None else default
    return Places(path, path.parent / f"codecatalyst_{path.name}", path == default, home)
