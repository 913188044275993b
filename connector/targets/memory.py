"""Files that remember something of each target from one run to the next.

They save time and nothing else: a file that is missing, damaged or not writable is no error.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Mapping

from ..fast.logs import Logger
from ..files import AnyPath, FileProblem, make_directory_of, read_own_text, reason, write_private

#: Targets that are remembered. The oldest ones go first.
MOST = 100

logger = Logger(__name__)


class Memory:
    """The entry of one target in a JSON file for all targets.

    :param key: the entry's name in the file.
    """

    def __init__(self, path: AnyPath, key: str) -> None:
        self._path = path
        self._key = key

    def recall(self) -> object:
        """Return any JSON, or None. Other programs may have written it: the caller checks it."""
        return _read(self._path).get(self._key)

    def note(self, value: object) -> None:
        """Remember a value. A value that is known already is not written again."""
        known = _read(self._path)
        if known.pop(self._key, None) == value:
            return
        known[self._key] = value
        text = json.dumps(dict(list(known.items())[-MOST:]))
        try:
            make_directory_of(self._path)
            write_private(self._path, text)
        except OSError as error:
            logger.info("nothing can be remembered in %s (%s)", self._path, reason(error))


def anchor_memory(environ: Mapping[str, str], ca_bundle: str | None) -> Memory:
    """Return the memory of the CA certificates that verified the last connections.

    :param ca_bundle: the path of the file that has them; None for the system's.
    """
    return Memory(cache_file(environ, "anchors.json"), ca_bundle or "the system's store")


def keys_of(path: AnyPath) -> list[str]:
    """Return the keys of all entries of a file, the oldest first."""
    return list(_read(path))


def _read(path: AnyPath) -> dict[str, object]:
    try:
        known = json.loads(read_own_text(path))
    except (OSError, FileProblem, ValueError, RecursionError):
        return {}
    return known if isinstance(known, dict) else {}


def cache_file(environ: Mapping[str, str], name: str) -> str:
    """Return the path of a file in the platform's directory for caches."""
    if sys.platform == "win32":
        base = environ.get("LOCALAPPDATA") or os.path.expanduser("~/AppData/Local")
    elif sys.platform == "darwin":
        base = os.path.expanduser("~/Library/Caches")
    else:
        base = environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache")
    return os.path.join(base, "devenv-connector", name)
