"""The command line: run one command, and turn what it raises into words and an exit code."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable

from ..fast import collector
from ..fast.logs import set_up_later
from ..fast.quick import QuickParser
from ..fast.typed import TYPE_CHECKING, cast
from ..files import settle_home
from .boundary import guarded
from .commands import ALIASES, COMMANDS, configure_command, load_command
from .output.lines import say, say_to_user
from .settings import settle

if TYPE_CHECKING:
    import argparse

#: Commands that ssh calls. Their start is latency-critical, and ssh may discard their stderr.
_CALLED_BY_SSH = {"proxy"}


def main(argv: list[str] | None = None) -> int:
    """Run the command that the arguments name, and return its exit code."""
    words = sys.argv[1:] if argv is None else argv
    report = say_to_user if words and words[0] in _CALLED_BY_SSH else say
    return guarded(lambda: _run(words, report), report)


def _run(words: list[str], report: Callable[[str], None]) -> int:
    settle_home(os.environ)
    if "_ARGCOMPLETE" in os.environ and "COMP_LINE" in os.environ:  # a shell completes a line
        from .completion import complete

        complete()
    name, options = _parse(words)
    options.report_line = report
    settle(options)
    if hasattr(options, "verbose"):
        _set_up_logging(options)
    return load_command(name).run(options)


def _set_up_logging(options: argparse.Namespace) -> None:
    def set_up() -> None:
        from .output.logs import set_up_logging

        set_up_logging(options, past_ssh=options.report_line is say_to_user)

    if options.verbose or options.log_file:
        set_up()
    else:
        set_up_later(set_up)  # most commands have nothing to write


def _parse(words: list[str]) -> tuple[str, argparse.Namespace]:
    """Return the name of the command and its options, or exit with help or a usage error."""
    while words[:1] == ["help"]:  # "help start" is "start --help"
        words = [*words[1:], "--help"]
    name = words[0] if words else ""
    if name in _CALLED_BY_SSH:
        quick = QuickParser()
        configure_command(name, cast("argparse.ArgumentParser", quick))
        options = quick.parse(words[1:])
        if options is not None:
            return name, cast("argparse.Namespace", options)
    from .parsers import explain, parse

    collector.resume()  # these commands are not latency-critical
    if name not in COMMANDS and name not in ALIASES:
        explain(words)
    return name, parse(name, words[1:])
