"""Which gateway a Dev Environment's last session was told to use, for the next one.

A guess that saves two round trips when it is right, and nothing more: a file that is
missing, damaged or not writable costs only these.
"""

from __future__ import annotations

import json
import logging
import os
import sys
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import urlsplit

from ..sessions import SessionAccess, SessionSource
from .files import FileProblem, read_text, reason, write_private

#: Dev Environments that are remembered; the oldest go first.
MOST = 100

logger = logging.getLogger(__name__)


class GatewayMemory:
    """The gateway of one Dev Environment, as ``host:port``.

    :param path: of the file for all Dev Environments.
    :param key: this one's name in it.
    """

    def __init__(self, path: Path, key: str) -> None:
        self._path = path
        self._key = key

    def recall(self) -> str:
        """Empty when none is known. Whoever uses it has to check it."""
        gateway = self._read().get(self._key, "")
        return gateway if isinstance(gateway, str) else ""

    def note(self, stream_url: str) -> None:
        """Remember host and port of a stream URL; its query is a secret and is not kept."""
        try:
            gateway = urlsplit(stream_url).netloc
        except ValueError:
            return  # whoever dials it says so
        known = self._read()
        if known.pop(self._key, None) == gateway or "@" in gateway:
            return
        known[self._key] = gateway
        text = json.dumps(dict(list(known.items())[-MOST:]))
        try:
            self._path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            write_private(self._path, text)
        except OSError as error:
            logger.info("the gateway cannot be remembered in %s (%s)", self._path, reason(error))

    def _read(self) -> dict[str, object]:
        try:
            known = json.loads(read_text(self._path))
        except (OSError, FileProblem, ValueError, RecursionError):
            return {}
        return known if isinstance(known, dict) else {}


class RememberingSource:
    """A session source that notes the gateway of the session it starts."""

    def __init__(self, source: SessionSource, memory: GatewayMemory) -> None:
        self._source = source
        self._memory = memory

    def start(self) -> SessionAccess:
        access = self._source.start()
        self._memory.note(access.stream_url)
        return access

    def resume(self, access: SessionAccess) -> SessionAccess | None:
        return self._source.resume(access)

    def stop(self, access: SessionAccess, timeout: float) -> None:
        self._source.stop(access, timeout)


def gateways_file(environ: Mapping[str, str]) -> Path:
    """In the platform's place for what may be deleted at any time."""
    if sys.platform == "win32":
        base = environ.get("LOCALAPPDATA") or os.path.expanduser("~/AppData/Local")
    elif sys.platform == "darwin":
        base = os.path.expanduser("~/Library/Caches")
    else:
        base = environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache")
    return Path(base, "devenv-connector", "gateways.json")
