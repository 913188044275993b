"""The table of all settings, and their look-up in variables and in the user's file.

Options, the keys of the file and ``config show`` come from the table.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Mapping, MutableMapping

from ..datachannel.limits import DEFAULT_PAYLOAD_SIZE, MAX_PAYLOAD_SIZE
from ..errors import ConfigError, quoted
from ..fast.records import NamedTuple
from ..fast.typed import TYPE_CHECKING
from ..targets.registry import KINDS, KindOption, started_if_asked
from ..transport.liveness import PING_INTERVAL

if TYPE_CHECKING:
    from .file import SettingsFile

Value = str | float | int | bool

#: The beginning of the variables that name the API of one service.
_OF_A_SERVICE = "AWS_ENDPOINT_URL_"


class BadValue(ValueError):
    """A text is no value of a setting. The message quotes the text and says why."""


class Type(NamedTuple):
    """The values that a setting can have.

    :param parse: converts the text of an option or a variable; raises :class:`BadValue`.
    :param types: the types that TOML has for such a value.
    :param wanted: names those types, after "has to be".
    """

    parse: Callable[[str], Value]
    types: tuple[type, ...]
    wanted: str
    metavar: str | None = None


class Setting(NamedTuple):
    """One setting. As the default of an option it means that the option was not given.

    :param name: its key in the file, and its option without the dashes.
    :param help: describes it in a few words.
    :param variables: of the environment; the first one that is set counts.
    :param default: ``None``: there is none.
    :param varies: says when a flag is on by default, where that depends on the kind of target.
    :param theirs: the variables belong to AWS or to a kind of target, whose own code reads them.
        A value of the file is put into the first of them.
    """

    name: str
    type: Type
    help: str
    variables: tuple[str, ...]
    default: Value | None = None
    theirs: bool = False
    varies: str = ""

    @property
    def dest(self) -> str:
        """The name of the option's value, as argparse makes it."""
        return self.name.replace("-", "_")

    @property
    def explained(self) -> str:
        """The help, with the default and the variables."""
        known = f"the default {self.varies}; " if self.varies else ""
        if self.default is not None:
            known = f"{self.default:g}; "
        variables = [name for name in self.variables if not name.startswith(_OF_A_SERVICE)]
        if len(variables) < len(self.variables):
            variables.insert(0, f"{_OF_A_SERVICE}<SERVICE>")
        return f"{self.help} ({known}also: {', '.join(variables)})"


def _text(text: str) -> str:
    return text


def _seconds(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = 0
    if not 1 <= value <= 3600:
        raise BadValue(f"{quoted(text)} is no number of seconds from 1 to 3600")
    return value


def _payload_size(text: str) -> int:
    size = int(text) if text.isascii() and text.isdigit() and len(text) < 10 else 0
    if not 1 <= size <= MAX_PAYLOAD_SIZE:
        raise BadValue(f"{quoted(text)} is no number of bytes from 1 to {MAX_PAYLOAD_SIZE}")
    return size


def _port(text: str) -> str:
    port = int(text) if text.isascii() and text.isdigit() and len(text) < 6 else 0
    if not 1 <= port <= 65535:
        raise BadValue(f"{quoted(text)} is no port from 1 to 65535")
    return str(port)


def _flag(text: str) -> bool:
    known = {"1": True, "true": True, "yes": True, "0": False, "false": False, "no": False}
    if text.lower() not in known:
        raise BadValue(f"{quoted(text)} is none of 1, true, yes, 0, false, no")
    return known[text.lower()]


def _region(text: str) -> str:
    if "," in text or text.lower() == "all":
        raise BadValue(f"{quoted(text)} stands for several Regions: give the one of the target")
    return text


TEXT = Type(_text, (str,), "a string")
ONE_REGION = TEXT._replace(parse=_region)
UUID = TEXT._replace(metavar="UUID")
URL = TEXT._replace(metavar="URL")
PATH = TEXT._replace(metavar="PATH")
PORT = Type(_port, (int,), "a whole number", "PORT")
SECONDS = Type(_seconds, (int, float), "a number", "SECONDS")
BYTES = Type(_payload_size, (int,), "a whole number", "BYTES")
FLAG = Type(_flag, (bool,), "true or false")

#: What a registry row calls the type of an option.
_TYPES = {"text": TEXT, "region": TEXT, "uuid": UUID, "port": PORT, "flag": FLAG}


def type_of(option: KindOption) -> Type:
    """Return the type of an option that belongs to a kind of target."""
    if option.type != "choice":
        return _TYPES[option.type]

    def choice(text: str) -> str:
        if text not in option.choices:
            raise BadValue(f"{quoted(text)} is none of {', '.join(option.choices)}")
        return text

    return Type(choice, (str,), "a string", "|".join(option.choices))


_TABLE = (
    *(
        Setting(option.name, type_of(option), option.help, option.variables, theirs=True)
        for kind in KINDS
        for option in kind.options
        if option.variables
    ),
    Setting(
        "profile",
        TEXT,
        "the profile of ~/.aws/config",
        ("AWS_PROFILE", "AWS_DEFAULT_PROFILE"),
        theirs=True,
    ),
    Setting(
        "endpoint-url",
        URL,
        "the URL of another API than the service's own",
        (
            *dict.fromkeys(
                name
                for kind in KINDS
                for name in kind.endpoint_variables
                if name != "AWS_ENDPOINT_URL"
            ),
            "AWS_ENDPOINT_URL",
        ),
        theirs=True,
    ),
    Setting(
        "start",
        FLAG,
        "start a target that is stopped",
        ("CONNECTOR_START",),
        varies=f"except for {started_if_asked()}",
    ),
    Setting(
        "wait",
        SECONDS,
        "how long to wait until the target runs",
        ("CONNECTOR_WAIT",),
        600.0,
    ),
    Setting(
        "ping-interval",
        SECONDS,
        "how often to ping the gateway; after 2.25 times that without an answer, reconnect",
        ("CONNECTOR_PING_INTERVAL",),
        PING_INTERVAL,
    ),
    Setting(
        "payload-size",
        BYTES,
        "the largest messages to send; the default is that of the published clients. Larger "
        "messages upload faster, and are used where the gateway accepts them",
        ("CONNECTOR_PAYLOAD_SIZE",),
        DEFAULT_PAYLOAD_SIZE,
    ),
    Setting(
        "log-file",
        PATH,
        "append the log to this file",
        ("CONNECTOR_LOG_FILE", "LOG_FILE_LOCATION"),
    ),
)

SETTINGS = {setting.name: setting for setting in _TABLE}


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
            value = self._file.get(setting) if setting.theirs else None
            if value is not None:
                self._environ.update(dict.fromkeys(self._unset(setting), str(value)))

    def _unset(self, setting: Setting) -> list[str]:
        """Return the variables into which the value of a setting goes."""
        if setting.name != "endpoint-url":
            sets = [setting.variables[:1]] if self._none_of(setting.variables) else []
        else:  # a kind whose API a variable names keeps that
            sets = [
                tuple(name for name in kind.endpoint_variables if name.startswith(_OF_A_SERVICE))
                for kind in KINDS
                if self._none_of((*kind.endpoint_variables, "AWS_ENDPOINT_URL"))
            ]
        return [name for names in sets for name in names]

    def _none_of(self, names: tuple[str, ...]) -> bool:
        return not any(map(self._environ.get, names))


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
