"""What ``ssh`` and ``shell`` say at their end about a target that costs money while it runs."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..errors import ConnectorError, capitalised
from ..targets.model import RUNNING
from .output.lines import agreed, can_ask, say, tell
from .target import command_for

if TYPE_CHECKING:
    import argparse

    from ..targets.kind import Target


def offer_stop(options: argparse.Namespace, target: Target, name: str, *, ask: bool = True) -> None:
    """Ask the user whether to stop a target that is billed while it runs.

    Without a terminal, one line says that the target still runs and how to stop it. A target of
    another kind, or one that has stopped, needs no words. An error is printed only, and Ctrl-C is
    a no: the exit status is that of the command.

    :param options: of the command, for its profile.
    :param name: the target's name as the user typed it.
    :param ask: whether the user is still there to answer.
    """
    if not target.billing:
        return
    advice = f"Stop it with `{command_for(options, target, 'stop')}`"
    try:
        if target.state().phase != RUNNING:
            return
        if not (ask and can_ask()):
            say(f"{name} still runs and {target.billing}. {advice}")
        elif agreed(f"{name} still runs and {target.billing}. Stop it?"):
            tell(f"{capitalised(str(target))} is {target.stop().status}")
    except (ConnectorError, OSError) as error:
        say(f"{name} may still run and {target.billing}: {error}")
    except KeyboardInterrupt:
        say(f"{name} may still run and {target.billing}. {advice}")
