"""``connector whoami``: whose the bearer token is."""

from __future__ import annotations

import argparse
import os

from .login import shown_time
from .output.lines import tell, tell_json
from .settings import add_logging_options, add_setting, warn_of_missing_profile

DESCRIPTION = """\
Ask CodeCatalyst whom the bearer token speaks for. It is found, and renewed, as `connector
proxy` does it.
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
    add_setting(parser, "profile")
    parser.add_argument("--json", action="store_true", help="print JSON")
    add_logging_options(parser)


def run(options: argparse.Namespace) -> int:
    from ..aws.sso.cache import format_time
    from ..targets.codecatalyst.identity import identify
    from ..targets.codecatalyst.service import open_service

    service = open_service(options.profile, None, os.environ)
    token = service.tokens.load()
    warn_of_missing_profile(options.profile)
    user = identify(service.api, token)
    # Only a token of the profile's login says when it ends.
    profile = None if token.expires_at is None else service.profile or "default"
    document = {
        "userId": user.id,
        "userName": user.user_name,
        "displayName": user.display_name,
        "email": user.email,
        "profile": profile,
        "tokenExpiresAt": None if token.expires_at is None else format_time(token.expires_at),
    }
    if options.json:
        tell_json(document)
        return 0
    origin = f"the profile {profile}" if profile else "a variable or a file"
    until = "it does not say" if token.expires_at is None else shown_time(token.expires_at)
    known_as = "" if user.display_name == user.user_name else f" ({user.display_name})"
    tell(
        f"user     {user.user_name}{known_as}",
        f"email    {user.email}",
        f"id       {user.id}",
        f"token    of {origin}",
        f"expires  {until}",
    )
    return 0
