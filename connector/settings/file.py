"""The user's file of settings, in TOML: its values, and where each of them stands."""

from __future__ import annotations

import os
import re
import stat
import sys

from ..errors import ConfigError, quoted
from ..files import AnyPath, FileProblem, read_text, reason
from .table import PATH, SETTINGS, BadValue, Setting, Value

_SECRET = re.compile("token|secret|password|passwd|credential|access.?key", re.IGNORECASE)

_AT = re.compile(r"(.*?)\s*\(at (?:line (\d+), column (\d+)|end of document)\)", re.DOTALL)

#: The words for a value of each type.
_WORDS = {
    bool: "true or false",
    int: "a number",
    float: "a number",
    str: "a string",
    list: "an array",
    dict: "a table",
}


class SettingsFile:
    """The settings of a file. All of them are checked when the file is read.

    :raises ConfigError: when the file cannot be read, or a line of it is no setting.
    """

    def __init__(self, path: AnyPath) -> None:
        self.path = path
        self._text = _read(path)
        self._values = {name: self._value(name, raw) for name, raw in self._document().items()}

    def get(self, setting: Setting) -> Value | None:
        """Return the value of a setting, or None when the file has none."""
        return self._values.get(setting.name)

    def line(self, key: str) -> int | None:
        """Return the line, from 1, in which a key stands, or None when its spelling hides it."""
        key_of_line = re.compile(rf"[ \t\[]*([\"']?){re.escape(key)}\1[ \t]*[=.\]]")
        lines = self._text.split("\n")
        found = [number for number, line in enumerate(lines, 1) if key_of_line.match(line)]
        if len(found) > 1:  # the others are lines of a string
            found = [number for number in found if _is_toml("\n".join(lines[: number - 1]))]
        return found[0] if found else None

    def place(self, key: str) -> str:
        """Return file and line of a key, for messages."""
        line = self.line(key)
        return f"{self.path}, line {line}" if line else str(self.path)

    def _document(self) -> dict[str, object]:
        try:
            return _parse(self._text)
        except (ValueError, RecursionError) as error:
            at = _AT.fullmatch(str(error))
            if isinstance(error, RecursionError):
                words = "it is nested too deeply"
            elif at is None:
                words = "a number in it has too many digits"  # Python's own limit
            elif at[2]:
                words = f"line {at[2]}, column {at[3]}: {at[1]}"
            else:
                words = f"at its end: {at[1]}"
            raise ConfigError(f"the settings file {self.path} is not TOML: {words}") from None

    def _value(self, key: str, raw: object) -> Value:
        setting = SETTINGS.get(key)
        if setting is None:
            raise _unknown(self._where(key), key, raw)
        wanted = setting.type
        if type(raw) not in wanted.types:  # not isinstance: a bool is an int
            is_a = _WORDS.get(type(raw), "a date or a time")
            raise ConfigError(f"{self._where(key)}: {key} has to be {wanted.wanted}, not {is_a}")
        if isinstance(raw, str):
            if not raw or not raw.isprintable():
                raise ConfigError(
                    f"{self._where(key)}: {key} has to be text of one line, not {quoted(raw)}"
                )
            if wanted is PATH:
                raw = os.path.expanduser(raw)
                if not os.path.isabs(raw):  # ssh runs the connector in any directory
                    raise ConfigError(
                        f"{self._where(key)}: {key} has to be an absolute path, or begin with ~"
                    )
        try:
            return wanted.parse(_as_text(raw))
        except BadValue as error:
            raise ConfigError(f"{self._where(key)}: {key}: {error}") from None

    def _where(self, key: str) -> str:
        """Return how an error about a key begins."""
        return f"the settings file {self.place(key)}"


def _read(path: AnyPath) -> str:
    try:
        if not stat.S_ISREG(os.stat(path).st_mode):  # reading a pipe would block
            raise FileProblem("is a directory" if os.path.isdir(path) else "is no regular file")
        return read_text(path)
    except FileProblem as problem:
        raise ConfigError(f"the settings file {path} {problem}") from None
    except OSError as error:
        raise ConfigError(f"the settings file {path} cannot be read ({reason(error)})") from None


def _parse(text: str) -> dict[str, object]:
    """:raises ValueError: when it is no TOML."""
    if sys.version_info >= (3, 11):
        import tomllib
    else:
        import tomli as tomllib
    return tomllib.loads(text)


def _is_toml(text: str) -> bool:
    try:
        _parse(text)
    except ValueError:
        return False
    return True


def _as_text(raw: object) -> str:
    try:
        return str(raw)
    except ValueError:  # a number of more digits than Python writes
        return "a number of thousands of digits"


def _unknown(where: str, key: str, raw: object) -> ConfigError:
    """Return why a key is no setting. The value may be a secret and is not quoted."""
    if _SECRET.search(key):
        return ConfigError(
            f"{where}: {quoted(key)} is refused, since this file is not for secrets",
            "A token comes from `connector login`, or from a variable of the service",
        )
    if isinstance(raw, dict):
        return ConfigError(
            f"{where}: there is no table {quoted(key)}",
            "Settings stand at the top of the file, without a table",
        )
    from difflib import get_close_matches

    near = get_close_matches(key.lower().replace("_", "-"), SETTINGS, 1)
    hint = f"Did you mean {near[0]}?" if near else f"There are: {', '.join(SETTINGS)}"
    return ConfigError(f"{where}: there is no setting {quoted(key)}", hint)
