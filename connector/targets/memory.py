"""What is worth remembering of a Dev Environment from one run to the next.

It only ever saves time: a file that is missing, damaged or not writable costs no more.
"""

from __future__ import annotations

import json
import logging
import os
import sys
from collections.abc import Mapping

from ..files import AnyPath, FileProblem, make_directory_of, read_own_text, reason, write_private

#: Dev Environments that are remembered; the oldest go first.
MOST = 100

logger = logging.getLogger(__name__)


class Memory:
    """The entry of one Dev Environment in a JSON file for all of them.

    :param key: its name in the file.
    """

    def __init__(self, path: AnyPath, key: str) -> None:
        self._path = path
        self._key = key

    def recall(self) -> object:
        """Any JSON, or ``None``. Anybody may have written it: whoever uses it checks it."""
        return _read(self._path).get(self._key)

    def note(self, value: object) -> None:
        """Remember it; what is known already is not written again."""
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


def keys_of(path: AnyPath) -> list[str]:
    """The keys of all entries of a file, the oldest first."""
    return list(_read(path))


def _read(path: AnyPath) -> dict[str, object]:
    try:
        known = json.loads(read_own_text(path))
    except (OSError, FileProblem, ValueError, RecursionError):
        return {}
    return known if isinstance(known, dict) else {}


def cache_file(environ: Mapping[str, str], name: str) -> str:
    """A file in the platform's place for what may be deleted at any time."""
    if sys.platform == "win32":
        base = environ.get("LOCALAPPDATA") or os.path.expanduser("~/AppData/Local")
    elif sys.platform == "darwin":
        base = os.path.expanduser("~/Library/Caches")
    else:
        base = environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache")
    return os.path.join(base, "devenv-connector", name)
