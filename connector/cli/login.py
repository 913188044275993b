"""``connector login``: get a token for the SSO session of a profile, in a browser."""

from __future__ import annotations

import argparse
import os
import threading
from datetime import datetime, timezone

from ..targets.registry import login_facts
from .output.lines import say, tell
from .settings import add_logging_options

DESCRIPTION = """\
Log in to AWS Builder ID, or with --start-url to IAM Identity Center. A browser opens on
this machine; with --device-code you can use a browser on any device. The token is saved in
the cache of the AWS CLI and the SDKs, so that one login serves them all.

If ~/.aws/config does not have the profile yet, the login appends it with its sso-session. A
profile that `aws configure sso` wrote for AWS keys is logged in as `aws sso login` does it.
"""


EPILOG = """\
examples:
  connector login                           # AWS Builder ID
  connector login --start-url https://d-1234567890.awsapps.com/start --sso-region eu-west-1
  connector login --device-code             # if this machine has no browser
  connector login --profile other-account   # a second login beside the first
"""


def configure(parser: argparse.ArgumentParser) -> None:
    parser.description = DESCRIPTION
    parser.epilog = EPILOG
    add_profile_option(parser)
    parser.add_argument(
        "--start-url",
        metavar="URL",
        help="the start URL of your organization's IAM Identity Center; needs --sso-region",
    )
    parser.add_argument("--sso-region", metavar="REGION", help="the region of the Identity Center")
    parser.add_argument(
        "--device-code",
        action="store_true",
        help="open the address on any device, and compare the code",
    )
    parser.add_argument(
        "--no-browser", action="store_true", help="print the address without opening it"
    )
    add_logging_options(parser)


def add_profile_option(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--profile",
        help=f"the profile of ~/.aws/config ({login_facts().profile}; also: AWS_PROFILE)",
    )


def shown_time(epoch: float) -> str:
    return datetime.fromtimestamp(epoch, timezone.utc).strftime("%Y-%m-%d %H:%M UTC")


def run(options: argparse.Namespace) -> int:
    from ..aws.profile import load_profile, sso_session
    from ..aws.sdk import ClientFactory
    from ..aws.sso.awsconfig import LoginProfile
    from ..aws.sso.login import log_in
    from ..aws.trust import ca_bundle
    from ..transport.trust import Trust

    environ = os.environ
    facts = login_facts()
    name = load_profile(options.profile, environ, facts.profile).name or facts.profile
    known = load_profile(name, environ).known_name
    wanted = LoginProfile(name, options.start_url, options.sso_region, facts.scope, environ)
    profile, session = wanted.profile, sso_session(wanted.profile)
    trust = Trust(ca_bundle(environ, profile))
    clients = ClientFactory(known, trust.connect)
    gives_keys = "sso_account_id" in (profile.values or {})  # those need no scope of ours
    if facts.scope not in session.scopes and not gives_keys:
        say(
            f"[sso-session {session.name}] does not ask for the scope {facts.scope}: "
            "the service may refuse its token"
        )
    for variable in facts.token_variables:
        if environ.get(variable):
            say(f"{variable} is set: its token is used instead of this login")

    def show(url: str, user_code: str | None) -> None:
        if user_code is None:
            tell("To log in, open this address in a browser on this machine:", "", f"  {url}", "")
        else:
            tell("To log in, open this address on any device:", "", f"  {url}", "")
            tell(f"Continue there only if it shows the code {user_code}.", "")
        if not options.no_browser:
            # In a thread, because a text browser runs until it ends, and login has to answer it.
            needed = user_code is None  # a device code works in any browser
            threading.Thread(target=_open, args=(url, needed), daemon=True).start()

    token = log_in(session, clients, show, device_code=options.device_code)
    added = wanted.add_missing()
    if added:
        tell(f"Added to {profile.config_file}:", "", *_indented(added), "")
    renewed = " and is renewed automatically" if token.document.get("refreshToken") else ""
    tell(
        f"Logged in with the profile {name}. "
        f"The token is valid until {shown_time(token.expires_at)}{renewed}."
    )
    return 0


def _open(url: str, needed: bool) -> None:
    import webbrowser

    if not webbrowser.open(url) and needed:
        say("No browser could be opened: open the address yourself, or use --device-code")


def _indented(lines: str) -> list[str]:
    return [f"  {line}".rstrip() for line in lines.splitlines()]
