"""Profiles whose keys only botocore knows, and how tests get them."""

from __future__ import annotations

import hashlib
import json
import os
import shlex
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from connector.aws.keys.finder import Asked, Finder
from connector.aws.keys.programwait import ProgramWait
from connector.aws.keys.source import AwsKeys, KeySource
from connector.aws.profile import load_profile, with_credentials
from connector.transport.trust import Trust

from .sources import ROLE, iso

BASE = "[profile base]\naws_access_key_id = AKIDX\naws_secret_access_key = hidden-x\n"
WORK = f"[profile work]\nrole_arn = {ROLE}\nsource_profile = base\nregion = eu-west-1\n"

CORP = """\
[profile sso]
sso_session = corp
sso_account_id = 123456789012
sso_role_name = Role
[sso-session corp]
sso_start_url = https://x.awsapps.com/start
sso_region = us-east-1
"""


def source_of(name: str | None, now: Callable[[], float] = time.time) -> KeySource:
    profile = with_credentials(load_profile(name, os.environ), os.environ)
    return KeySource(profile, os.environ, Trust().connect, named=name is not None, now=now)


def load(name: str | None, timeout: float = 20) -> AwsKeys:
    return source_of(name).load(timeout)


def without_botocore(
    name: str | None,
    environ: Mapping[str, str],
    connect: Any,
    *,
    now: Callable[[], float] = time.time,
    may_ask: bool = False,
) -> AwsKeys | None:
    """Return the keys that are found without botocore, or None if it would be asked."""
    profile = with_credentials(load_profile(name, environ), environ)
    named = name is not None
    asked = Asked(profile, environ, connect, named, True, ProgramWait, now)
    return Finder(asked, may_ask, 20).find_without_botocore()


def log_in(home: Path, end: float, **more: str) -> None:
    """Write the token of an SSO login, as ``aws sso login`` does."""
    cache = home / ".aws/sso/cache"
    cache.mkdir(parents=True, exist_ok=True)
    token = {"accessToken": "a-token", "expiresAt": iso(end), "startUrl": "https://x", **more}
    (cache / f"{hashlib.sha1(b'corp').hexdigest()}.json").write_text(json.dumps(token))


def program(home: Path, code: str) -> str:
    """Write a program for ``credential_process``; return the command that runs it."""
    file = home / "program.py"
    file.write_text(code)
    return shlex.join([sys.executable, str(file)])


#: A program that loads the keys of the profile work, twice if it finds some.
LOAD = """\
import os, sys
from connector.aws.keys.finder import Asked, Finder
from connector.aws.keys.programwait import ProgramWait
from connector.aws.keys.source import KeySource
from connector.aws.profile import load_profile, with_credentials
from connector.transport.trust import Trust

profile = with_credentials(load_profile("work", os.environ), os.environ)
trust = Trust(os.environ.get("AWS_CA_BUNDLE"))
source = KeySource(profile, os.environ, trust.connect, named=True)
try:
    keys = source.load(60)
except Exception as error:
    print("error:", error)
    raise SystemExit
print("found", keys.access_key_id)
source.renew(keys)
try:
    source.load(60)
except Exception as error:
    print("later:", error)
"""
