"""``connector logout``: remove and revoke the token of a profile's SSO session."""

from __future__ import annotations

import argparse
import os
from contextlib import suppress
from typing import TYPE_CHECKING

from ..errors import NoLogin
from .login import add_profile_option
from .output.lines import say, tell
from .settings import add_logging_options

if TYPE_CHECKING:
    from ..aws.profile import Profile, SsoSession

DESCRIPTION = """\
Remove the token of the profile's SSO session from this machine and ask the SSO service to
revoke it. The AWS CLI and the SDKs use the same token. Other SSO sessions stay, and so does a
token in a variable.
"""


EPILOG = """\
examples:
  connector logout
  connector logout --profile other-account
"""


def configure(parser: argparse.ArgumentParser) -> None:
    parser.description = DESCRIPTION
    parser.epilog = EPILOG
    add_profile_option(parser)
    add_logging_options(parser)


def run(options: argparse.Namespace) -> int:
    from ..aws.profile import load_profile
    from ..aws.sdk import ClientFactory
    from ..aws.sso.login import log_out
    from ..aws.trust import ca_bundle
    from ..targets.registry import login_facts
    from ..transport.trust import Trust

    facts = login_facts()
    for variable in facts.token_variables:
        if os.environ.get(variable):
            say(f"{variable} is set: logout cannot remove its token. Unset the variable")
    profile = load_profile(options.profile, os.environ, facts.profile)
    session = _session_of(profile, facts.profile)
    trust = Trust(ca_bundle(os.environ, profile))
    if session and log_out(session, ClientFactory(profile.name, trust.connect)):
        tell(f"Logged out of the sso-session {session.name} on this machine.")
    else:
        tell(f"There is no login of the profile {profile.name} on this machine.")
    return 0


def _session_of(profile: Profile, usual: str) -> SsoSession | None:
    """Return the SSO session of a profile; None if it cannot have a login.

    :param usual: the profile that applies if the user names none. It need not exist.
    :raises ConfigError: when the user named a profile that does not exist.
    """
    from ..aws.profile import sso_session, unknown_profile

    if profile.values is not None:
        with suppress(NoLogin):
            return sso_session(profile)
    elif profile.name != usual:
        raise unknown_profile(profile.name)
    return None
