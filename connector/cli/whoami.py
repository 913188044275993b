"""``connector whoami``: show which user the token or the keys belong to."""

from __future__ import annotations

import argparse
import os

from ..errors import NoKeys, NoLogin, NoRegion
from ..fast.typed import TYPE_CHECKING
from ..targets.registry import KINDS
from .kinds import kind_named, no_credentials
from .login import shown_time
from .output.lines import tell, tell_json
from .settings import add_logging_options, warn_of_missing_profile
from .target import add_service_options, query_of

if TYPE_CHECKING:
    from ..targets.model import Account, Query
    from ..targets.registry import KindRow

DESCRIPTION = """\
Ask the service which user the token, or the AWS keys, belong to. whoami finds and renews
them in the same way as `connector proxy`. Without --kind, keys count where there is no login.
"""


EPILOG = """\
examples:
  connector whoami
  connector whoami --profile other-account
  connector whoami --json | jq -r .tokenExpiresAt
"""


def configure(parser: argparse.ArgumentParser) -> None:
    parser.description = DESCRIPTION
    parser.epilog = EPILOG
    parser.add_argument(
        "--kind",
        type=kind_named,
        metavar="KIND",
        help=f"the kind of target whose service to ask: {', '.join(row.name for row in KINDS)}",
    )
    add_service_options(parser)
    parser.add_argument("--json", action="store_true", help="print JSON")
    add_logging_options(parser)


def run(options: argparse.Namespace) -> int:
    account = _account(options)
    if options.json:
        tell_json(account.document)
        return 0
    expires = "unknown" if account.expires_at is None else shown_time(account.expires_at)
    lines = (*account.lines, (account.credentials, f"from {account.origin}"), ("expires", expires))
    tell(*(f"{title:9}{text}" for title, text in lines))
    return 0


def _account(options: argparse.Namespace) -> Account:
    """Return the account of a kind: the one that is given, or the first that has credentials."""
    query = query_of(options)
    first, keyed, *_ = KINDS  # all kinds but the first take AWS keys
    if options.kind:
        return _identified(options.kind, query)
    try:
        return _identified(first, query)
    except NoLogin as no_login:
        try:
            return _identified(keyed, query)
        except (NoKeys, NoRegion) as no_keys:
            raise no_credentials(no_login, no_keys) from None


def _identified(kind: KindRow, query: Query) -> Account:
    def warn() -> None:
        warn_of_missing_profile(query.profile, kind)

    return kind.load().identify(query, os.environ, warn)
