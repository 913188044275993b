"""The emulated APIs, a room for each service.

``rest.py`` serves the operations of all rooms at one port. A service that has targets of its
own brings them as a *world* (see ``world.py``).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ..sessions import Sessions
    from .world import PlannedTarget, World


def default_world(sessions: Sessions, targets: Sequence[PlannedTarget]) -> World:
    """Return the world of an emulator that is not given another one.

    :param sessions: the table in which the world opens its sessions.
    """
    from .codecatalyst.world import CodeCatalystWorld

    return CodeCatalystWorld(sessions, targets)
