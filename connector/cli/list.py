"""``connector list``: list all targets with their names for ssh."""

from __future__ import annotations

import argparse
import os
from typing import TYPE_CHECKING

from ..errors import ConnectorError
from ..targets.registry import PLACE, rows_of
from .output.lines import printable, say, tell, tell_json
from .settings import add_logging_options
from .target import add_kind_options, add_service_options, query_of

if TYPE_CHECKING:
    from ..targets.model import Listing, Query, Row, Words
    from ..targets.registry import KindRow

#: Seconds for the whole listing. The user can press Ctrl-C earlier.
LIST_TIMEOUT = 30.0

DESCRIPTION = """\
List all your targets. The name in each line is the shortest one that every command of
connector accepts, and ssh after `connector config-ssh`.
"""

EPILOG = """\
On a terminal, list prints a table for each kind, with as many columns as fit. Otherwise it
prints one line for each target, without a heading, and fields that are separated by tabs: ssh
name, state, and those of the kind. "-" stands for a missing value. `connector help KIND` names
the fields of a kind, and the members of its objects in the array that --json prints. Later
versions may add members but remove none.

examples:
  connector list
  connector list --project web | awk '$2 == "RUNNING" {print $1}'
  connector list --json | jq -r '.[] | select(.state == "STOPPED").sshName'
"""


def configure(parser: argparse.ArgumentParser) -> None:
    parser.description = DESCRIPTION
    parser.epilog = EPILOG
    parser.add_argument("--json", action="store_true", help="print JSON")
    add_kind_options(parser, PLACE)
    add_service_options(parser)
    add_logging_options(parser)


def run(options: argparse.Namespace) -> int:
    kinds, listings, errors = _listed(query_of(options))
    rows = [row for listing in listings for row in listing.rows]
    if options.json:
        tell_json([{"sshName": row.name, **row.document} for row in rows])
    elif rows and os.isatty(1):
        from .output.table import print_table

        for listing in listings:
            print_table(listing)
    else:
        tell(*("\t".join(_fields(row)) for row in rows))
    exit_code = 0
    for error in errors:
        say(str(error))
        exit_code = exit_code or error.exit_code
    for problem in (problem for listing in listings for problem in listing.problems):
        say(str(problem.error))
        exit_code = exit_code or (0 if problem.is_refusal else problem.error.exit_code)
    if not rows and not exit_code:
        for kind, listing in zip(kinds, listings, strict=True):
            _say_nothing(kind.words, elsewhere=listing.elsewhere)
    return exit_code


def _listed(query: Query) -> tuple[list[KindRow], list[Listing], list[ConnectorError]]:
    """Return the kinds that could be listed, their lists, and the errors of the others.

    :raises ConnectorError: when no kind could be listed; the error of the first.
    """
    kinds: list[KindRow] = []
    listings: list[Listing] = []
    errors: list[ConnectorError] = []
    for kind in rows_of(query):
        narrowed = kind.narrowed(query, os.environ)
        try:
            listings.append(kind.load().list_targets(narrowed, os.environ, LIST_TIMEOUT))
        except ConnectorError as error:
            errors.append(error)
        else:
            kinds.append(kind)
    if not kinds:
        raise errors[0]
    return kinds, listings, errors


def _say_nothing(words: Words, *, elsewhere: bool) -> None:
    if elsewhere:
        say(f"No {words.noun} is there. Others are elsewhere: run `connector list`")
    else:
        say(f"You have no {words.noun}. Create one in {words.console}")


def _fields(row: Row) -> list[str]:
    fields = [row.name, row.state.status, *row.fields]
    return [printable(field).replace("\t", " ") or "-" for field in fields]
