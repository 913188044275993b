"""``connector list``: all Dev Environments, and their names for ssh."""

from __future__ import annotations

import argparse
import os
from typing import TYPE_CHECKING, Any

from .environment import CALL_TIMEOUT, add_place_options, add_service_options
from .output.lines import printable, say, tell, tell_json
from .settings import add_logging_options

if TYPE_CHECKING:
    from ..targets.codecatalyst.listing import EnvironmentSummary

#: Seconds for everything; a person waits, and can press Ctrl-C.
LIST_TIMEOUT = 30.0

DESCRIPTION = """\
List your Dev Environments of all spaces and projects, with the shortest name of each that
ssh (once it is configured) and every command here take.
"""

EPILOG = """\
On a terminal it is a table, with as many columns as there is room for. Otherwise a line
for each, without a heading, of these fields with a tab between them, "-" for what there
is none of:
  ssh name, state, alias, space, project, repositories (name:branch, by commas),
  instance type, inactivity timeout in minutes (0: never), id

--json prints an array of objects: sshName, alias (or null), space, project, id, state,
stateReason, instanceType, inactivityTimeoutMinutes, repositories (each with name and
branch), creatorId, lastUpdatedTime. Members may be added, and none will go.

examples:
  connector list
  connector list --project web | awk '$2 == "RUNNING" {print $1}'
  connector list --json | jq -r '.[] | select(.state == "STOPPED").sshName'
"""


def configure(parser: argparse.ArgumentParser) -> None:
    parser.description = DESCRIPTION
    parser.epilog = EPILOG
    parser.add_argument("--json", action="store_true", help="print JSON")
    add_place_options(parser)
    add_service_options(parser)
    add_logging_options(parser)


def run(options: argparse.Namespace) -> int:
    from ..targets.codecatalyst.listing import list_environments
    from ..targets.codecatalyst.names import Names
    from ..targets.codecatalyst.service import open_service

    space = options.space or os.environ.get("SPACE_NAME") or None
    project = options.project or os.environ.get("PROJECT_NAME") or None
    service = open_service(options.profile, options.endpoint_url, os.environ)
    token = service.tokens.load(CALL_TIMEOUT)
    # All, whatever is to be shown: a name has to be the only one of its kind among all.
    listing = list_environments(service.api, token, LIST_TIMEOUT)
    if listing.is_whole:
        service.names.note(listing.environments)
    names = Names(listing.environments)
    names_of_usable = Names(each for each in listing.environments if not each.is_going)
    shown = sorted(names.within(space, project), key=_order)
    rows = [((names if each.is_going else names_of_usable).of(each), each) for each in shown]
    if options.json:
        tell_json([_document(*row) for row in rows])
    elif rows and os.isatty(1):
        from .output.table import print_table

        print_table(rows)
    else:
        tell(*("\t".join(_fields(*row)) for row in rows))
    exit_code = 0
    for problem in listing.problems:
        if problem.may_hide(space, project):
            say(str(problem.error))
            exit_code = exit_code or (0 if problem.is_refusal else problem.error.exit_code)
    if not rows and not exit_code:
        say(_nothing(bool(listing.environments)))
    return exit_code


def _order(each: EnvironmentSummary) -> tuple[str, ...]:
    texts = (each.space, each.project, each.alias)
    return (*(text.lower() for text in texts), *texts, each.id)


def _nothing(elsewhere: bool) -> str:
    if elsewhere:
        return "There is no Dev Environment there, but elsewhere: see `connector list`"
    return "You have no Dev Environment. Create one in the CodeCatalyst console"


def _fields(name: str, each: EnvironmentSummary) -> list[str]:
    timeout = "" if each.inactivity_timeout is None else str(each.inactivity_timeout)
    repositories = ",".join(
        f"{repository.name}:{repository.branch}" if repository.branch else repository.name
        for repository in each.repositories
    )
    fields = [name, each.status, each.alias, each.space, each.project, repositories]
    fields += [each.instance_type, timeout, each.id]
    return [printable(field).replace("\t", " ") or "-" for field in fields]


def _document(name: str, each: EnvironmentSummary) -> dict[str, Any]:
    return {
        "sshName": name,
        "alias": each.alias or None,
        "space": each.space,
        "project": each.project,
        "id": each.id,
        "state": each.status,
        "stateReason": each.reason or None,
        "instanceType": each.instance_type or None,
        "inactivityTimeoutMinutes": each.inactivity_timeout,
        "repositories": [
            {"name": repository.name, "branch": repository.branch or None}
            for repository in each.repositories
        ],
        "creatorId": each.creator or None,
        "lastUpdatedTime": each.updated or None,
    }
