"""websockets, without what it imports and does not use."""

from __future__ import annotations

import sys
from importlib import import_module
from types import ModuleType

_UNUSED = "importlib.metadata"


def import_version() -> None:
    """Import ``websockets.version`` without ``importlib.metadata``.

    It needs that only where websockets is no release, to find out which commit it is; email,
    zipfile and calendar come with it, a fifth of the time to the server's greeting. To be
    called before there are threads: one that imports it at the same moment would be misled.
    """
    if _UNUSED in sys.modules:
        return
    sys.modules[_UNUSED] = ModuleType(_UNUSED)
    try:
        import_module("websockets.version")
    except AttributeError:  # no release: it is imported again, and with all, when it is used
        return
    finally:
        del sys.modules[_UNUSED]
