"""All settings, in one table: options, the file's keys and ``config show`` come from it."""

from __future__ import annotations

from collections.abc import Callable

from ..datachannel.limits import DEFAULT_PAYLOAD_SIZE, MAX_PAYLOAD_SIZE
from ..errors import quoted
from ..fast.records import NamedTuple
from ..transport.liveness import PING_INTERVAL

Value = str | float | int | bool


class BadValue(ValueError):
    """Why a text is no value of a setting; it is quoted."""


class Kind(NamedTuple):
    """What the values of a setting may be.

    :param parse: from the text of an option or a variable; raises :class:`BadValue`.
    :param types: what TOML has for it.
    :param wanted: those types in words, after "has to be".
    """

    parse: Callable[[str], Value]
    types: tuple[type, ...]
    wanted: str
    metavar: str | None = None


class Setting(NamedTuple):
    """One setting. As the default of an option it says: not given, look elsewhere.

    :param name: its key in the file, and its option without the dashes.
    :param help: what it is, in a few words.
    :param variables: of the environment, the first that is set counts.
    :param default: ``None``: there is none.
    :param theirs: the variables are AWS's or the IDE toolkit's, and who uses them reads them
        himself. What the file says stands in for the first of them.
    """

    name: str
    kind: Kind
    help: str
    variables: tuple[str, ...]
    default: Value | None = None
    theirs: bool = False

    @property
    def dest(self) -> str:
        """The name of the option's value, as argparse makes it."""
        return self.name.replace("-", "_")

    @property
    def explained(self) -> str:
        """The help, with the default and the variables."""
        if self.kind is FLAG:
            known = "the default; " if self.default else ""
        else:
            known = "" if self.default is None else f"{self.default:g}; "
        return f"{self.help} ({known}also: {', '.join(self.variables)})"


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


def _flag(text: str) -> bool:
    known = {"1": True, "true": True, "yes": True, "0": False, "false": False, "no": False}
    if text.lower() not in known:
        raise BadValue(f"{quoted(text)} is none of 1, true, yes, 0, false, no")
    return known[text.lower()]


TEXT = Kind(_text, (str,), "a string")
UUID = TEXT._replace(metavar="UUID")
URL = TEXT._replace(metavar="URL")
PATH = TEXT._replace(metavar="PATH")
SECONDS = Kind(_seconds, (int, float), "a number", "SECONDS")
BYTES = Kind(_payload_size, (int,), "a whole number", "BYTES")
FLAG = Kind(_flag, (bool,), "true or false")

_TABLE = (
    Setting("space", TEXT, "the space's name", ("SPACE_NAME",), theirs=True),
    Setting("project", TEXT, "the project's name", ("PROJECT_NAME",), theirs=True),
    Setting("id", UUID, "the Dev Environment's id", ("DEVENV_ID",), theirs=True),
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
        "another CodeCatalyst API",
        ("AWS_ENDPOINT_URL_CODECATALYST", "CODECATALYST_ENDPOINT", "AWS_ENDPOINT_URL"),
        theirs=True,
    ),
    Setting(
        "start",
        FLAG,
        "start a Dev Environment that is stopped",
        ("CONNECTOR_START",),
        True,
    ),
    Setting(
        "wait",
        SECONDS,
        "how long to wait until the Dev Environment runs",
        ("CONNECTOR_WAIT",),
        600.0,
    ),
    Setting(
        "ping-interval",
        SECONDS,
        "how often to ask the gateway for a sign of life; it is given up after 2.25 times that "
        "of silence",
        ("CONNECTOR_PING_INTERVAL",),
        PING_INTERVAL,
    ),
    Setting(
        "payload-size",
        BYTES,
        "the largest messages to send. Larger ones than the published clients', which is the "
        "default, make uploads faster where the gateway takes them, which is tried first",
        ("CONNECTOR_PAYLOAD_SIZE",),
        DEFAULT_PAYLOAD_SIZE,
    ),
    Setting(
        "log-file",
        PATH,
        "append all that happens to this file",
        ("CONNECTOR_LOG_FILE", "LOG_FILE_LOCATION"),
    ),
)

SETTINGS = {setting.name: setting for setting in _TABLE}
