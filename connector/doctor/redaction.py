"""A text that may be shown to anybody: names of the user's are replaced by what they are."""

from __future__ import annotations

import getpass
import ipaddress
import os
import platform
import re
from typing import Any

from ..errors import quoted

#: Names that everybody has, most of them from AWS's guide: without them a text would only be
#: hard to read.
_COMMON = {
    "user": ("mde-user",),
    "name": ("mde-user",),
    "profile": ("default", "codecatalyst"),
    "sso-session": ("codecatalyst",),
    "start-url": ("https://view.awsapps.com/start",),
}

_UUID = re.compile(r"[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")
_EMAIL = re.compile(r"[\w.+-]+@[\w-]+(?:\.[\w-]+)+")
_HOST = re.compile(r"[\w.-]+\.codecatalyst(?![\w.])|(codecatalyst-dev-env=)[^\s,;]+", re.IGNORECASE)
_PLACE = re.compile(r"\bthe (space|project) (?!'?<)[^\s:,;]+")
_QUERY = re.compile(r"(\w+://[^\s?]*)\?\S*")
_LOGIN = re.compile(r"(\w+://)[^\s/@]*@")

#: Hosts that are the same for everybody.
_PUBLIC = re.compile(
    r"localhost|codecatalyst(-fips)?\.global\.api\.aws"
    r"|ssmmessages(-fips)?\.[a-z0-9-]+\.(amazonaws\.com(\.cn)?|api\.aws)"
)


class Redactor:
    """Is told the names as they become known; an earlier text has to be redacted later."""

    def __init__(self) -> None:
        self._names: dict[str, str] = {}
        self.hide("user", _user())
        self.hide("machine", platform.node())
        home = os.path.expanduser("~").rstrip("/\\")
        if home:
            self._names[home] = "~"

    def hide(self, kind: str, name: str | None) -> None:
        """:param kind: what stands in place of the name, between angle brackets."""
        # A single letter is no name, and is all over a text.
        if name and len(name) > 1 and name not in _COMMON.get(kind, ()):
            for spelling in (name, quoted(name)[1:-1]):  # errors quote it
                self._names.pop(spelling, None)
                self._names[spelling] = f"<{kind}>"

    def hide_host(self, kind: str, host: str) -> None:
        """A host name or address, unless everybody has the same."""
        try:
            public = ipaddress.ip_address(host).is_loopback
        except ValueError:
            public = bool(_PUBLIC.fullmatch(host))
        if not public:
            self.hide(kind, host)

    def text(self, text: str) -> str:
        if self._names:
            # The longest first: a name may be a part of another one; of the same, the last. In
            # one pass: a placeholder may hold the name of something else.
            names = list(self._names)[::-1]
            names.sort(key=len, reverse=True)
            whole = "|".join(f"({re.escape(name)})" for name in names)
            text = re.sub(
                rf"(?<![A-Za-z0-9])(?:{whole})(?![A-Za-z0-9])",
                lambda found: self._names[names[(found.lastindex or 1) - 1]],
                text,
                flags=re.IGNORECASE,
            )
        text = _HOST.sub("<host>", text)
        text = _PLACE.sub(r"the \1 <\1>", text)
        text = _UUID.sub("<id>", text)
        text = _QUERY.sub(r"\1?...", text)
        text = _LOGIN.sub(r"\1", text)
        return _EMAIL.sub("<email>", text)

    def value(self, value: Any) -> Any:
        """Anything that JSON knows; the names of members stay as they are."""
        if isinstance(value, str):
            return self.text(value)
        if isinstance(value, list):
            return [self.value(item) for item in value]
        if isinstance(value, dict):
            return {name: self.value(item) for name, item in value.items()}
        return value


def _user() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return ""  # nobody, in a container
