"""AWS's files, and the AWS CLI's cache of roles, as tests write them."""

from __future__ import annotations

import json
from collections.abc import Iterable
from itertools import product
from pathlib import Path
from typing import Any

from botocore.credentials import AssumeRoleCredentialFetcher, SSOCredentialFetcher

from connector.aws.keys.source import AwsKeys

from .sources import ROLE, iso

Sections = dict[str, dict[str, str]]

ENTRY = {"AccessKeyId": "ASIAC", "SecretAccessKey": "hidden-c", "SessionToken": "token-c"}
CACHED = AwsKeys("ASIAC", "hidden-c", "token-c")
MFA = "arn:aws:iam::1:mfa/m"


def write_files(home: Path, config: Sections, credentials: Sections) -> None:
    """Write the configuration file and the credentials file."""
    (home / ".aws").mkdir(exist_ok=True)
    for name, sections in (("config", config), ("credentials", credentials)):
        lines = []
        for header, values in sections.items():
            lines += [f"[{header}]", *(f"{key} = {value}" for key, value in values.items())]
        (home / ".aws" / name).write_text("\n".join(lines) + "\n")


def keys_of_roles(arn: str = ROLE) -> set[str]:
    """Return the keys of all entries that settings in tests can name, made by botocore."""
    found = set()
    for mfa, external, session, duration in product(*([False, True] for _ in range(4))):
        extra: dict[str, Any] = {}
        extra |= {"SerialNumber": MFA} if mfa else {}
        extra |= {"ExternalId": "an id"} if external else {}
        extra |= {"RoleSessionName": "me"} if session else {}
        extra |= {"DurationSeconds": 7200} if duration else {}
        nothing: Any = None
        role: Any = AssumeRoleCredentialFetcher(nothing, nothing, arn, extra)
        found.add(role._create_cache_key())
    return found


def _keys_of_sso() -> set[str]:
    found = set()
    for session in (None, "corp"):
        nothing: Any = None
        sso: Any = SSOCredentialFetcher(
            *("https://x.awsapps.com/start", "us-east-1", "Role", "123456789012", nothing),
            sso_session_name=session,
        )
        found.add(sso._create_cache_key())
    return found


KEYS_OF_ROLES = keys_of_roles() | _keys_of_sso()


def cache_of(home: Path) -> Path:
    return home / ".aws/cli/cache"


def fill_cache(home: Path, end: float, keys: Iterable[str] = KEYS_OF_ROLES) -> None:
    """Let the cache have these entries, and no others."""
    directory = cache_of(home)
    directory.mkdir(parents=True, exist_ok=True)
    entry = json.dumps({"Credentials": {**ENTRY, "Expiration": iso(end)}})
    missing = {f"{name}.json" for name in keys}
    for file in directory.iterdir():
        if file.name in missing and file.read_text() == entry:
            missing.remove(file.name)
        else:
            file.unlink()
    for name in missing:
        (directory / name).write_text(entry)
