"""``connector sessions``: list and stop the sessions of a target."""

from __future__ import annotations

import argparse
from contextlib import suppress
from typing import TYPE_CHECKING

from ..errors import SessionNotFound, capitalised
from .output.lines import say, tell, tell_json
from .settings import add_logging_options
from .target import NAMES, add_host, add_target_options, open_target

if TYPE_CHECKING:
    from ..targets.kind import Target


EPILOG = """\
examples:
  connector sessions list my-env
  connector sessions list my-env --json | jq -r '.[].id'
  connector sessions stop my-env --all
"""


def configure(parser: argparse.ArgumentParser) -> None:
    parser.description = f"List or stop the sessions of a target.\n\n{NAMES}"
    parser.epilog = EPILOG
    actions = parser.add_subparsers(
        title="actions", dest="action", metavar="{list,stop}", required=True
    )
    listing = actions.add_parser("list", help="list the open sessions")
    _add_options(listing)
    listing.add_argument("--json", action="store_true", help="print JSON: id and startedTime")
    stopping = actions.add_parser("stop", help="stop one session or all")
    _add_options(stopping)
    which = stopping.add_mutually_exclusive_group(required=True)
    which.add_argument("session_id", nargs="?", metavar="SESSION_ID", help="the session to stop")
    which.add_argument("--all", action="store_true", help="stop all sessions")


def run(options: argparse.Namespace) -> int:
    return _list(options) if options.action == "list" else _stop(options)


def _add_options(parser: argparse.ArgumentParser) -> None:
    add_host(parser)
    add_target_options(parser)
    add_logging_options(parser)


def _list(options: argparse.Namespace) -> int:
    target = _open(options)
    sessions = target.sessions()
    if options.json:
        found = [{"id": session.id, "startedTime": session.started} for session in sessions]
        tell_json(found)
        return 0
    for session in sessions:
        tell(f"{session.id}  {session.started}")
    if not sessions:
        _say_none(target)
    return 0


def _stop(options: argparse.Namespace) -> int:
    target = _open(options)
    if not options.all:
        _stop_one(target, options.session_id)
        return 0
    sessions = target.sessions()
    for session in sessions:
        with suppress(SessionNotFound):  # it has ended meanwhile
            _stop_one(target, session.id)
    if not sessions:
        _say_none(target)
    return 0


def _say_none(target: Target) -> None:
    say(f"{capitalised(str(target))} has no sessions")


def _stop_one(target: Target, session_id: str) -> None:
    target.stop_session(session_id)
    tell(f"stopped {session_id}")


def _open(options: argparse.Namespace) -> Target:
    target = open_target(options)
    target.confirm()
    return target
