"""The command line: which command, and what becomes of its errors."""

from __future__ import annotations

import gc
import os
import sys
from collections.abc import Callable
from typing import TYPE_CHECKING, cast

from ..fast.quick import QuickParser
from ..files import settle_home
from .boundary import guarded, say, say_to_user
from .commands import ALIASES, COMMANDS, configure_command
from .settings import settle

if TYPE_CHECKING:
    import argparse

#: Commands of which every ``ssh`` calls one.
_QUICK = {"proxy"}


def main(argv: list[str] | None = None) -> int:
    """Run the command that ``argv`` names; returns the exit code."""
    settle_home(os.environ)
    # A shell asks what could come next.
    if "_ARGCOMPLETE" in os.environ and "COMP_LINE" in os.environ:
        from .completion import complete

        complete()
    words = sys.argv[1:] if argv is None else argv
    options = _understand(words)
    return guarded(lambda: _run(options), say_to_user if words[0] in _QUICK else say)


def _understand(words: list[str]) -> argparse.Namespace:
    """What the words of the command line say; or it exits, with usage or help."""
    while words[:1] == ["help"]:  # "help start" is "start --help"
        words = [*words[1:], "--help"]
    named = words[0] if words else ""
    if named in _QUICK:
        quick = QuickParser()
        configure_command(named, cast("argparse.ArgumentParser", quick))
        understood = quick.parse(words[1:])
        if understood is not None:
            return cast("argparse.Namespace", understood)
    from .parsers import explain, parse

    gc.enable()  # who calls any of these has the time
    if named not in COMMANDS and named not in ALIASES:
        explain(words)
    return parse(named, words[1:])


def _run(options: argparse.Namespace) -> int:
    settle(options)
    run: Callable[[argparse.Namespace], int] = options.run
    return run(options)
