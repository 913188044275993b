"""The look-up of a setting in variables and in the user's file."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping, MutableMapping

from ..errors import ConfigError
from ..fast.records import NamedTuple
from ..fast.typed import TYPE_CHECKING
from .table import SETTINGS, BadValue, Setting, Value

if TYPE_CHECKING:
    from .file import SettingsFile


class Found(NamedTuple):
    """A value, and the variable or the file that has it. Neither of them: it is the default."""

    value: Value | None
    variable: str | None = None
    file: SettingsFile | None = None


class Lookup:
    """The user's variables and file.

    :ivar path: of the file, which may not exist.
    :param environ: also says where the file is.
    :raises ConfigError: when the file exists and is not usable.
    """

    def __init__(self, environ: MutableMapping[str, str]) -> None:
        self._environ = environ
        self.path = settings_path(environ)
        self._file = _open(self.path)

    def find(self, setting: Setting) -> Found:
        """Return the value of a setting.

        :raises ConfigError: when a variable of the connector is not usable.
        """
        for name in setting.variables:
            if text := self._environ.get(name):
                return Found(_parsed(setting, name, text), variable=name)
        if self._file is not None and (value := self._file.get(setting)) is not None:
            return Found(value, file=self._file)
        return Found(setting.default)

    def stand_in(self) -> None:
        """Put the file's values into the variables of others, where these are not set.

        Several libraries read these variables, such as botocore, and know nothing of the file.
        """
        if self._file is None:
            return
        for setting in SETTINGS.values():
            if setting.theirs and not any(self._environ.get(name) for name in setting.variables):
                value = self._file.get(setting)
                if value is not None:
                    self._environ[setting.variables[0]] = str(value)


def settings_path(environ: Mapping[str, str]) -> str:
    """Return the path of the file in the platform's directory for settings."""
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
        return None  # the usual case, for one system call
    except OSError as error:
        raise ConfigError(f"the settings file {path} cannot be read ({error.strerror})") from None
    from .file import SettingsFile

    return SettingsFile(path)


def _parsed(setting: Setting, name: str, text: str) -> Value:
    if setting.theirs:
        return text
    try:
        return setting.type.parse(text)
    except BadValue as error:
        raise ConfigError(f"{name}: {error}") from None
