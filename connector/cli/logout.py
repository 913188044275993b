"""``connector logout``: remove and revoke the token of a profile's SSO session."""

from __future__ import annotations

import argparse
import os

from .login import add_profile_option
from .output.lines import tell
from .settings import add_logging_options

DESCRIPTION = """\
Remove the token of the profile's SSO session from this machine and ask the SSO service to
revoke it. The AWS CLI and the SDKs use the same token. Other SSO sessions stay.
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
    from ..aws.profile import load_profile, sso_session
    from ..aws.sdk import ClientFactory
    from ..aws.sso.login import log_out
    from ..aws.trust import ca_bundle
    from ..targets.registry import login_facts
    from ..transport.trust import Trust

    profile = load_profile(options.profile, os.environ, login_facts().profile)
    session = sso_session(profile)
    trust = Trust(ca_bundle(os.environ, profile))
    clients = ClientFactory(profile.name, trust.connect)
    done = "Logged out of" if log_out(session, clients) else "There was no login for"
    tell(f"{done} the sso-session {session.name} on this machine.")
    return 0
