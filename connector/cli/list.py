"""``connector list``: list all targets with their names for ssh."""

from __future__ import annotations

import argparse
import os
import time
from collections.abc import Sequence
from contextlib import suppress
from typing import TYPE_CHECKING

from ..errors import (
    NETWORK_HINT,
    AccessDenied,
    ConfigError,
    ConnectFailed,
    ConnectorError,
    NoKeys,
    NoLogin,
    NoRegion,
    ServiceMissing,
    TargetNotFound,
)
from ..targets.model import Listing
from ..targets.registry import KINDS, PLACE, rows_of
from .kinds import add_kinds, kinds_of, no_credentials
from .output.lines import printable, say, tell, tell_json
from .settings import add_logging_options
from .target import add_kind_options, add_service_options, query_of

if TYPE_CHECKING:
    from ..targets.model import Query, Row
    from ..targets.registry import KindRow

#: Seconds for the whole listing. The user can press Ctrl-C earlier.
LIST_TIMEOUT = 30.0

#: Seconds on top, for a kind that ends its own listing in time.
_GRACE = 2.0

#: The list of a kind, or why there is none.
_Outcome = Listing | ConnectorError

#: Why a kind is left out where another one can be listed: the user does not use its service.
_LEFT_OUT = (NoKeys, NoLogin, NoRegion)

#: Why a kind that the user did not ask for may be missing: also where variables name no place.
_HARMLESS = (AccessDenied, ConfigError, ServiceMissing, TargetNotFound)

DESCRIPTION = """\
List all your targets, of all kinds for which you have credentials. The name in each line is
the shortest one that every command of connector accepts, and ssh after `connector config-ssh`.
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
    add_kinds(parser, "list only targets of this kind")
    parser.add_argument("--json", action="store_true", help="print JSON")
    add_kind_options(parser, PLACE, several=True)
    add_service_options(parser)
    add_logging_options(parser)


def run(options: argparse.Namespace) -> int:
    query, kinds = query_of(options), kinds_of(options)
    rows = rows_of(query)
    wanted = [row for row in rows if (row.name in kinds if kinds else row.has_list)]
    if not wanted:
        first = query.options[0][0]
        raise ConfigError(f"--{first} does not go with --kind {','.join(kinds)}")
    lists = _listed(wanted, query)
    _print(lists, options)
    return _tell_problems(lists, asked=bool(kinds) or len(rows) < len(KINDS))


def _listed(rows: Sequence[KindRow], query: Query) -> list[tuple[KindRow, _Outcome]]:
    """Return the lists of all kinds, or why there is none.

    Kinds without any credentials or Region are left out, unless no kind can be listed.

    :raises ConnectorError: when no kind could be listed.
    """
    found: dict[str, _Outcome] = {}

    def look(row: KindRow) -> None:
        try:
            narrowed = row.narrowed(query, os.environ)
            found[row.name] = row.load().list_targets(narrowed, os.environ, LIST_TIMEOUT)
        except ConnectorError as error:
            found[row.name] = error

    if len(rows) == 1:
        look(rows[0])
    else:
        from ..targets.parallel import for_all

        with suppress(TimeoutError):
            for_all(look, rows, time.monotonic() + LIST_TIMEOUT + _GRACE)
    outcomes = [(row, found.get(row.name) or _silent(row)) for row in rows]
    errors = [outcome for _, outcome in outcomes if isinstance(outcome, ConnectorError)]
    real = [error for error in errors if not isinstance(error, _LEFT_OUT)]
    if errors and len(errors) == sum(row.has_list for row in rows):
        first, *others = real or errors
        keyless = next((each for each in others if not isinstance(each, NoLogin)), None)
        if isinstance(first, NoLogin) and keyless:
            raise no_credentials(first, keyless)
        raise first
    return [each for each in outcomes if not isinstance(each[1], _LEFT_OUT)]


def _silent(row: KindRow) -> ConnectorError:
    return ConnectFailed(
        f"{row.words.service} did not list your {row.words.nouns} in {LIST_TIMEOUT:.0f} s",
        NETWORK_HINT,
    )


def _print(lists: Sequence[tuple[KindRow, _Outcome]], options: argparse.Namespace) -> None:
    listings = [(kind, each) for kind, each in lists if not isinstance(each, ConnectorError)]
    rows = [(kind, row) for kind, listing in listings for row in listing.rows]
    if options.json:
        tell_json([{"sshName": row.name, "kind": kind.name, **row.document} for kind, row in rows])
    elif rows and os.isatty(1):
        from .output.table import print_table

        for _, listing in listings:
            print_table(listing)
    else:
        tell(*("\t".join(_fields(row)) for _, row in rows))


def _tell_problems(lists: Sequence[tuple[KindRow, _Outcome]], *, asked: bool) -> int:
    """Say once what could not be listed, and return the exit code.

    :param asked: whether the user asked for these kinds. Of others, most users may list few.
    """
    exit_code = 0
    said: set[str] = set()
    listings: list[tuple[KindRow, Listing]] = []
    for row, outcome in lists:
        if isinstance(outcome, ConnectorError):
            harmless = not asked and isinstance(outcome, _HARMLESS)
            problems = [(outcome, harmless)]
        else:
            listings.append((row, outcome))
            problems = [(problem.error, problem.is_refusal) for problem in outcome.problems]
        for error, harmless in problems:
            exit_code = exit_code or (0 if harmless else error.exit_code)
            if str(error) not in said:
                said.add(str(error))
                say(str(error))
    if not exit_code and not any(listing.rows for _, listing in listings):
        _say_nothing(listings)
    return exit_code


def _say_nothing(listings: Sequence[tuple[KindRow, Listing]]) -> None:
    nouns = [row.words.nouns for row, _ in listings if row.has_list]
    if len(nouns) > 1:
        say(f"You have no {', '.join(nouns[:-1])} or {nouns[-1]} here")
    for row, listing in listings:
        if not row.has_list:
            say(
                f"The connector cannot list {row.words.nouns}. Name one yourself: "
                f"see `connector help {row.name}`"
            )
        elif len(nouns) == 1:
            say(f"You have no {row.words.nouns}{listing.where}. {listing.advice}")


def _fields(row: Row) -> list[str]:
    fields = [row.name, row.state.status, *row.fields]
    return [printable(field).replace("\t", " ") or "-" for field in fields]
