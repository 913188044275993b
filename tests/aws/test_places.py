"""The keys that are found without botocore are those of botocore's own resolver."""

from __future__ import annotations

import hashlib
import json
import os
import random
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from unittest.mock import patch

import pytest
from botocore.exceptions import BotoCoreError, LoginError

from connector.errors import CredentialsError

from .chains import without_botocore
from .derived import CODE, END, by_botocore, connect, tokens_in
from .rolecache import (
    CACHED,
    KEYS_OF_ROLES,
    MFA,
    cache_of,
    fill_cache,
    keys_of_roles,
    write_files,
)
from .signin import SESSION, write_login
from .sources import ROLE, Sources, iso, serving

OTHER = f"{ROLE}2"
START_URL = "https://x.awsapps.com/start"
PROGRAM = {"Version": 1, "AccessKeyId": "AKIDP", "SecretAccessKey": "hidden-p"}

#: The names of the profiles. The first one's keys are searched.
NAMES = ("work", "base", "deep")

VALUES = {
    "aws_access_key_id": ["AKIDF", "AKIDG", "AKIDH", ""],
    "aws_secret_access_key": ["hidden-f", "hidden-g", "hidden-h", ""],
    "aws_session_token": ["token-f", ""],
    "aws_security_token": ["old-token-f"],
    "role_arn": [ROLE, OTHER],
    "source_profile": [*NAMES, *NAMES, "nosuch"],
    "credential_source": ["Environment", "EcsContainer", "Ec2InstanceMetadata", "environment"],
    "mfa_serial": [MFA],
    "external_id": ["an id"],
    "role_session_name": ["me", ""],
    "duration_seconds": ["7200", "an hour"],
    "web_identity_token_file": ["{home}/token", "{home}/token", ""],
    "sso_session": ["corp", "corp", "gone"],
    "sso_role_name": ["Role"],
    "sso_account_id": ["123456789012"],
    "sso_start_url": [START_URL, START_URL, "https://other"],
    "sso_region": ["us-east-1", "us-east-1", "eu-west-1"],
    "credential_process": ["cat {home}/keys.json"],
    "login_session": [SESSION, SESSION, SESSION, "no-such-login", ""],
    "region": ["eu-west-1"],
}

KEYS = ("aws_access_key_id", "aws_secret_access_key", "aws_session_token", "aws_security_token")
OF_ROLE = ("mfa_serial", "external_id", "role_session_name", "duration_seconds")
SSO = ("sso_role_name", "sso_account_id")


Forms = tuple[tuple[tuple[str, ...], tuple[str, ...]], ...]

#: Settings that the profiles of each form have, and those that some of them have.
ASSUMED: Forms = (
    (("role_arn", "source_profile"), OF_ROLE),
    (("role_arn", "source_profile"), (*OF_ROLE, *KEYS, *SSO, "credential_source")),
    (("role_arn", "credential_source"), OF_ROLE),
)
FORMS: Forms = (
    *ASSUMED,
    (("aws_access_key_id", "aws_secret_access_key"), KEYS),
    (("role_arn", "source_profile", "aws_access_key_id", "aws_secret_access_key"), OF_ROLE),
    ((*SSO, "sso_session"), ()),
    ((*SSO, "sso_start_url", "sso_region"), ("sso_session", *KEYS)),
    (("web_identity_token_file", "role_arn"), ("role_session_name", *KEYS)),
    (("credential_process",), KEYS),
    (("login_session",), (*KEYS, "credential_process", "sso_role_name")),
    ((), tuple(VALUES)),
)


def _some(
    rng: random.Random, values: dict[str, list[str]], maybe: tuple[str, ...], share: float
) -> dict[str, str]:
    return {name: rng.choice(values[name]) for name in maybe if rng.random() < share}


def _profile(rng: random.Random, forms: Forms) -> dict[str, str]:
    always, maybe = rng.choice(forms)
    return {name: rng.choice(VALUES[name]) for name in always} | _some(rng, VALUES, maybe, 0.2)


CONTAINER = "AWS_CONTAINER_CREDENTIALS_FULL_URI"
METADATA = "AWS_EC2_METADATA_SERVICE_ENDPOINT"

VARIABLES = {
    "AWS_ACCESS_KEY_ID": ["AKIDE", ""],
    "AWS_SECRET_ACCESS_KEY": ["hidden-e", "hidden-e", ""],
    "AWS_SESSION_TOKEN": ["token-e", ""],
    "AWS_SECURITY_TOKEN": ["old-token-e"],
    "AWS_CREDENTIAL_EXPIRATION": ["2100-01-01T00:00:00Z", "2020-01-01T00:00:00Z"],
    "AWS_PROFILE": ["nosuch", "other"],
    "AWS_WEB_IDENTITY_TOKEN_FILE": ["{home}/token", ""],
    "AWS_ROLE_ARN": [ROLE, OTHER, ""],
    "AWS_ROLE_SESSION_NAME": ["me", ""],
    "AWS_REGION": ["us-west-2"],
    CONTAINER: ["{url}/container"],
}

#: The roles that the cache has.
CACHES = (set[str](), set[str](), KEYS_OF_ROLES, keys_of_roles(OTHER))

#: The ages of the login of ``aws login``: seconds that are left, and what its file has besides.
LOGINS: tuple[tuple[float, dict[str, object]], ...] = (
    (900, {}),
    (310, {}),
    (290, {}),
    (290, {"signInRegion": "us-west-2"}),
    (-9000, {}),
    (-9000, {"refreshToken": "another", "signInRegion": ""}),
    (900, {"dpopKey": "damaged"}),
    (-9000, {"dpopKey": "damaged"}),
    (900, {"accessToken": {}}),
)

#: The number of configurations.
CASES = 400


@pytest.fixture(scope="module")
def sources() -> Iterator[Sources]:
    with serving() as sources:
        sources.keys_differ = False
        yield sources


@pytest.fixture(scope="module")
def one_home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A home directory with a web identity, a program's keys, and logins of SSO."""
    home = tmp_path_factory.mktemp("places")
    (home / "token").write_text("a-web-token")
    (home / "keys.json").write_text(json.dumps(PROGRAM))
    tokens = home / ".aws/sso/cache"
    tokens.mkdir(parents=True)
    token = {"accessToken": "a-token", "expiresAt": iso(time.time() + 90_000), "startUrl": "x"}
    for name in ("corp", START_URL, "https://other"):
        digest = hashlib.sha1(name.encode()).hexdigest()
        (tokens / f"{digest}.json").write_text(json.dumps(token))
    with tokens_in(str(tokens)), patch("getpass.getpass", lambda question: CODE):
        yield home


def _filled(values: dict[str, str], places: dict[str, object]) -> dict[str, str]:
    return {name: value.format(**places) for name, value in values.items()}


def test_keys_equal_those_of_botocores_resolver(sources: Sources, one_home: Path) -> None:
    with patch.dict(os.environ, HOME=str(one_home)):
        found = Counter(
            _compared(random.Random(number), sources, one_home) for number in range(CASES)
        )
    assert found[True] > CASES / 4


def _compared(rng: random.Random, sources: Sources, home: Path) -> bool:
    """Compare the keys of one configuration, and return whether they were found."""
    places: dict[str, object] = {"home": home, "url": sources.url}
    config = {
        f"profile {name}": _filled(_profile(rng, ASSUMED * share + FORMS), places)
        for name, share in zip(NAMES, (6, 2, 0), strict=True)
    }
    config["profile work"].setdefault("region", "eu-west-1")
    config["sso-session corp"] = {"sso_start_url": START_URL, "sso_region": "us-east-1"}
    own = _some(rng, VALUES, KEYS, rng.choice([0, 0, 0.5]))
    write_files(home, config, {"work": own} if own else {})
    name = rng.choice(["work", None])
    environ = {METADATA: sources.url, "AWS_PROFILE": "work"}
    environ |= _filled(_some(rng, VARIABLES, tuple(VARIABLES), rng.choice([0, 0.3])), places)
    cached = rng.choice(CACHES)
    left, changes = rng.choice(LOGINS)
    case = f"{name} {config} {own} {environ} {left} {changes}"

    def fill() -> None:
        fill_cache(home, END, cached)
        write_login(home, time.time() + left, **changes)

    fill()
    try:
        found = without_botocore(name, environ, connect, may_ask=True)
    except CredentialsError:
        fill()
        with pytest.raises((BotoCoreError, RuntimeError, LookupError)):
            assert by_botocore(name, environ, cache_of(home)) is None, case
        return True
    if found is not None:
        fill()
        keys = found._replace(expires_at=None)
        try:
            assert by_botocore(name, environ, cache_of(home)) == keys, case
        except LoginError:  # a role in the cache needs no login
            assert keys == CACHED, case
    return found is not None
