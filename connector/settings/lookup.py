"""Where the value of a setting comes from: a variable, the user's file, or nowhere."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping, MutableMapping
from typing import TYPE_CHECKING

from ..errors import ConfigError
from ..fast.records import NamedTuple
from .table import SETTINGS, BadValue, Setting, Value

if TYPE_CHECKING:
    from .file import SettingsFile


class Found(NamedTuple):
    """A value, and where it was found.

    :param variable: of the environment; ``file``: the user's. None of them: it is the default.
    """

    value: Value | None
    variable: str | None = None
    file: SettingsFile | None = None


class Lookup:
    """The user's variables and file; ``path`` is where it is looked for.

    :param environ: also says where the file is.
    :raises ConfigError: when the file is there and is not usable.
    """

    def __init__(self, environ: MutableMapping[str, str]) -> None:
        self._environ = environ
        self.path = settings_path(environ)
        self._file = _open(self.path)

    def find(self, setting: Setting) -> Found:
        """:raises ConfigError: when a variable of ours is not usable."""
        for name in setting.variables:
            if text := self._environ.get(name):
                return Found(_parsed(setting, name, text), variable=name)
        if self._file is not None and (value := self._file.get(setting)) is not None:
            return Found(value, file=self._file)
        return Found(setting.default)

    def stand_in(self) -> None:
        """Set the variables of others to what the file says, where they are not set.

        They are read in many places, by botocore for one, and stay the only ones to be read.
        """
        if self._file is None:
            return
        for setting in SETTINGS.values():
            if setting.theirs and not any(self._environ.get(name) for name in setting.variables):
                value = self._file.get(setting)
                if value is not None:
                    self._environ[setting.variables[0]] = str(value)


def settings_path(environ: Mapping[str, str]) -> str:
    """The file in the platform's place for what a user has settled."""
    if sys.platform == "win32":
        base = environ.get("APPDATA") or os.path.expanduser("~/AppData/Roaming")
    elif sys.platform == "darwin":
        base = os.path.expanduser("~/Library/Application Support")
    else:
        base = environ.get("XDG_CONFIG_HOME") or os.path.expanduser("~/.config")
    return os.path.join(base, "connector", "config.toml")


def _open(path: str) -> SettingsFile | None:
    try:
        os.stat(path)
    except (FileNotFoundError, NotADirectoryError):
        return None  # which is what most users pay for: one call of the system
    except OSError as error:
        raise ConfigError(f"the settings file {path} cannot be read ({error.strerror})") from None
    from .file import SettingsFile

    return SettingsFile(path)


def _parsed(setting: Setting, name: str, text: str) -> Value:
    if setting.theirs:
        return text
    try:
        return setting.kind.parse(text)
    except BadValue as error:
        raise ConfigError(f"{name}: {error}") from None
