"""``connector sessions``: the sessions of a Dev Environment, listed and stopped."""

from __future__ import annotations

import argparse
import os
from contextlib import suppress
from typing import TYPE_CHECKING

from ..errors import SessionNotFound
from ..targets.codecatalyst.sessionlist import sessions_of
from .environment import CALL_TIMEOUT, NAMES, add_environment_options, open_environment
from .output.lines import say, tell, tell_json
from .settings import add_logging_options

if TYPE_CHECKING:
    from ..aws.sso.tokens import BearerToken
    from ..targets.codecatalyst.environment import Environment


EPILOG = """\
examples:
  connector sessions list my-env
  connector sessions list my-env --json | jq -r '.[].id'
  connector sessions stop my-env --all
"""


def configure(parser: argparse.ArgumentParser) -> None:
    parser.description = f"List or stop the sessions of a Dev Environment.\n\n{NAMES}"
    parser.epilog = EPILOG
    actions = parser.add_subparsers(title="actions", dest="action", metavar="ACTION", required=True)
    listing = actions.add_parser("list", help="list the sessions that live")
    _add_options(listing)
    listing.add_argument("--json", action="store_true", help="as JSON: id and startedTime")
    stopping = actions.add_parser("stop", help="stop a session, or all")
    _add_options(stopping)
    which = stopping.add_mutually_exclusive_group(required=True)
    which.add_argument("session_id", nargs="?", metavar="SESSION_ID", help="the session to stop")
    which.add_argument("--all", action="store_true", help="stop all sessions")


def run(options: argparse.Namespace) -> int:
    return _list(options) if options.action == "list" else _stop(options)


def _add_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("host", metavar="ENV", help="a name of the Dev Environment")
    add_environment_options(parser)
    add_logging_options(parser)


def _list(options: argparse.Namespace) -> int:
    environment, token = _open(options)
    with environment.explained(token):
        sessions = sessions_of(environment, token, CALL_TIMEOUT)
    if options.json:
        found = [{"id": session.id, "startedTime": session.started} for session in sessions]
        tell_json(found)
        return 0
    for session in sessions:
        tell(f"{session.id}  {session.started}")
    if not sessions and os.isatty(2):
        say(f"{environment.target} has no session")
    return 0


def _stop(options: argparse.Namespace) -> int:
    environment, token = _open(options)
    if not options.all:
        _stop_one(environment, token, options.session_id, options.host)
        return 0
    with environment.explained(token):
        sessions = sessions_of(environment, token, CALL_TIMEOUT)
    for session in sessions:
        with suppress(SessionNotFound):  # it has ended meanwhile
            _stop_one(environment, token, session.id, options.host)
    return 0


def _stop_one(environment: Environment, token: BearerToken, session_id: str, name: str) -> None:
    from ..aws.api import Refused

    with environment.explained(token):
        try:
            environment.stop_session(token, CALL_TIMEOUT, session_id)
        except Refused as refused:
            if refused.code != "ResourceNotFoundException":
                raise
            raise SessionNotFound(
                f"{environment.target} has no session {session_id}",
                f"List them with `connector sessions list {name}`",
            ) from None
    tell(f"stopped {session_id}")


def _open(options: argparse.Namespace) -> tuple[Environment, BearerToken]:
    environment = open_environment(options)
    token = environment.tokens.load(CALL_TIMEOUT)
    with environment.explained(token):
        environment.confirm(token, CALL_TIMEOUT)
    return environment, token
