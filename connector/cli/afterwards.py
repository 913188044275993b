"""What ``ssh`` and ``shell`` say at their end about a target that costs money while it runs."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING

from ..errors import ConnectorError
from ..targets.model import RUNNING
from .output.lines import agreed, can_ask, say, tell

if TYPE_CHECKING:
    from ..targets.kind import Target


def offer_stop(target: Target, name: str, *, ask: bool = True) -> None:
    """Ask the user whether to stop a target that is billed while it runs.

    Without a terminal, one line says that the target still runs and how to stop it. A target of
    another kind, or one that has stopped, needs no words. An error is printed only: the exit
    status is that of the command.

    :param name: the target's name as the user typed it.
    :param ask: whether the user is still there to answer.
    """
    if not target.billing:
        return
    try:
        if target.state().phase != RUNNING:
            return
        if not (ask and can_ask()):
            stop = shlex.join(["connector", "stop", *target.words])
            say(f"{name} still runs and {target.billing}. Stop it with `{stop}`")
        elif agreed(f"{name} still runs and {target.billing}. Stop it?"):
            tell(f"{target} is {target.stop().status}")
    except (ConnectorError, OSError) as error:
        say(f"{name} may still run and {target.billing}: {error}")
