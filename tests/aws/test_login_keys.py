"""Keys of ``aws login``: taken from its cache, and renewed as botocore renews them."""

from __future__ import annotations

import base64
import json
import logging
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import datetime, timezone
from pathlib import Path
from typing import Any
from unittest.mock import patch

import botocore.credentials
import botocore.session
import pytest
from botocore.credentials import LoginProvider
from botocore.endpoint_provider import EndpointProvider
from botocore.utils import get_login_token_cache_directory
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from connector.aws.keys.login import LoginCache
from connector.aws.keys.signin import endpoint_in, private_key, proof_of
from connector.aws.keys.source import AwsKeys, KeySource
from connector.aws.regions import domain_of
from connector.errors import CredentialsError, ServiceError
from connector.files import file_lock
from connector.transport.trust import Trust

from .chains import load, source_of, without_botocore
from .recording import read
from .signin import (
    KEY,
    PEM,
    SESSION,
    Curve,
    Signin,
    decoded,
    login,
    signer_of,
    with_curve,
    write_login,
)
from .sources import Sources, iso

OURS = AwsKeys("ASIAL", "hidden-l", "token-l")
NOW = 1_790_000_000.0
KEYS = login(NOW)["accessToken"]
CONFIG = f"[profile work]\nlogin_session = {SESSION}\nregion = eu-west-1\n"
SERVICES = "services = here\n[services here]\nsignin =\n  endpoint_url = {url}\n"


@pytest.fixture
def signin(tmp_path: Path, home: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Signin]:
    (home / ".aws").mkdir()
    (home / ".aws/config").write_text(CONFIG)
    with Signin(tmp_path) as signin:
        monkeypatch.setenv("AWS_ENDPOINT_URL_SIGNIN", signin.url)
        monkeypatch.setenv("AWS_CA_BUNDLE", str(signin.ca_file))
        yield signin
    assert signin.failures == []


def pem_of(
    key: ec.EllipticCurvePrivateKey, form: PrivateFormat = PrivateFormat.TraditionalOpenSSL
) -> str:
    return key.private_bytes(Encoding.PEM, form, NoEncryption()).decode()


def other_curve() -> ec.EllipticCurvePrivateKey:
    return ec.derive_private_key(5, ec.SECP384R1())


def found(signin: Signin, now: float | None = None) -> AwsKeys | None:
    connect = Trust(str(signin.ca_file)).connect
    clock = time.time if now is None else lambda: now
    return without_botocore("work", os.environ, connect, now=clock)


def refused(signin: Signin) -> str:
    with pytest.raises((CredentialsError, ServiceError)) as caught:
        found(signin)
    text = f"{caught.value.message}. {caught.value.hint}"
    assert text.isprintable()
    assert "hidden" not in text
    assert "refresh-" not in text
    return text


def by_botocore(signin: Signin, now: float) -> AwsKeys:
    """Return the keys that botocore's own provider finds, as with awscrt."""
    session = botocore.session.Session(profile="work")
    session.set_config_variable("ca_bundle", str(signin.ca_file))

    def at() -> datetime:
        return datetime.fromtimestamp(now, timezone.utc)

    with with_curve(), patch("botocore.credentials._local_now", at):
        provider = LoginProvider(lambda: session.full_config, session.create_client, "work")
        keys: Any = provider.load()
        frozen = keys.get_frozen_credentials()
        end = keys._expiry_time.timestamp()
        return AwsKeys(frozen.access_key, frozen.secret_key, frozen.token, end)


@pytest.mark.parametrize(("left", "renewals"), [(900, 0), (301, 0), (300, 1), (1, 1), (-9000, 1)])
def test_login_is_renewed_when_botocore_renews_it(
    signin: Signin, home: Path, left: float, renewals: int
) -> None:
    written = []
    for find in (found, by_botocore):
        signin.renewals = 0
        file = write_login(home, NOW + left)
        keys = find(signin, NOW)
        new = AwsKeys("ASIA1", "hidden-1", "token-1", NOW + 900)
        assert keys == (new if renewals else OURS._replace(expires_at=NOW + left))
        assert signin.renewals == renewals
        written.append(file.read_bytes())
        assert file.stat().st_mode & 0o777 == (0o600 if renewals else 0o644)
    assert written[0] == written[1]


@pytest.mark.parametrize("way", ["light", "botocore"])
@pytest.mark.parametrize("region", [None, "us-west-2"])
def test_renewal_is_the_request_of_botocore(
    signin: Signin, home: Path, monkeypatch: pytest.MonkeyPatch, way: str, region: str | None
) -> None:
    if way == "botocore":  # only botocore reads such a setting
        monkeypatch.delenv("AWS_ENDPOINT_URL_SIGNIN")
        (home / ".aws/config").write_text(CONFIG + SERVICES.format(url=signin.url))
    changes = {} if region is None else {"signInRegion": region}
    for find in (found, by_botocore):
        signin.renewals = 0
        write_login(home, NOW, **changes)
        assert find(signin, NOW)
    ours, theirs = map(read, signin.requests)
    assert ours == theirs


def test_proof_is_that_of_botocore() -> None:
    """Only the signatures differ: ECDSA has a random part."""
    url = "https://eu-west-1.signin.aws.amazon.com/v1/token"
    theirs: Any = botocore.credentials
    for number in range(1, 300):  # some points have coordinates that begin with a zero byte
        key = ec.derive_private_key(number, ec.SECP256R1())
        ours = proof_of(key, url)
        claims = json.loads(decoded(ours.split(".")[1]))
        with with_curve():
            made = theirs._build_dpop_header(Curve(key), url, claims["jti"], claims["iat"])
        assert ours.split(".")[:2] == made.split(".")[:2]
        assert signer_of(ours, url) == signer_of(made, url) == key.public_key()


def test_private_keys_of_all_writers_are_read() -> None:
    for number in (1, 2**200, 2**247, 2**248, KEY.private_numbers().private_value):
        key = ec.derive_private_key(number, ec.SECP256R1())
        texts = [pem_of(key), pem_of(key, PrivateFormat.PKCS8), pem_of(key).replace("\n", "\r\n")]
        texts.append("".join(pem_of(key).splitlines()[1:-1]))  # botocore needs no frame
        content = base64.b64decode(texts[-1])
        if number < 2**248:  # awscrt writes such a number without its leading zeros
            short = content[7:39].lstrip(b"\0")
            shorter = 32 - len(short)
            head = bytes([0x30, 0x77 - shorter, 2, 1, 1, 4, 32 - shorter])
            texts.append(base64.b64encode(head + short + content[39:]).decode())
        for text in texts:
            assert private_key(text).private_numbers() == key.private_numbers()


def test_endpoint_of_each_region_is_that_of_botocore() -> None:
    loader = botocore.session.Session().get_component("data_loader")
    partitions = loader.load_data("partitions")
    rules: Any = loader.load_service_model("signin", "endpoint-rule-set-1")
    provider: Any = EndpointProvider(rules, partitions)
    known = [name for each in partitions["partitions"] for name in each["regions"]]
    names = [name for name in known if domain_of(name)]
    assert len(names) > 30
    for name in names:
        found = provider.resolve_endpoint(
            Region=name, UseFIPS=False, UseDualStack=False, IsControlPlane=False
        )
        assert endpoint_in(name) == found.url
    assert endpoint_in("us-iso-east-1") == endpoint_in("aws-global") == ""


def test_renewed_login_is_renewed_again(signin: Signin, home: Path) -> None:
    file = write_login(home, NOW, dpopKey=PEM.strip(), ours="kept")
    for number in (1, 2):
        keys = found(signin, NOW + 1000 * number)
        assert keys is not None
        assert keys.access_key_id == f"ASIA{number}"
    document = json.loads(file.read_text())
    assert document["ours"] == "kept"
    assert document["idToken"] == "an-id-token"
    assert not list(file.parent.glob("*.tmp"))


@pytest.mark.parametrize("given", [None, "", "~/logins", "$HOME/${USERPROFILE}", "/logins"])
def test_cache_is_that_of_botocore(
    given: str | None, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if given is not None:
        monkeypatch.setenv("AWS_LOGIN_CACHE_DIRECTORY", given)
    directory = os.path.dirname(LoginCache(SESSION, os.environ).path)
    assert directory == get_login_token_cache_directory()


@pytest.mark.parametrize(
    ("content", "why"),
    [
        ("{", "is not JSON"),
        ("[" * 100_000, "is not JSON"),
        ("[]", "is not a JSON object"),
        ("{}", "has no valid clientId"),
        (json.dumps(login(NOW, refreshToken=None)), "has no valid refreshToken"),
        (json.dumps(login(NOW, dpopKey=5)), "has no valid dpopKey"),
        (json.dumps(login(NOW, accessToken={})), "has no valid accessKeyId"),
        (json.dumps(login(NOW, **KEYS, accessToken={})), "has no valid accessKeyId"),
        (json.dumps(login(NOW, accessToken="hidden")), "has no valid accessKeyId"),
        (json.dumps(login(NOW)).replace(iso(NOW), "soon"), "'soon' is not a time"),
        (json.dumps(login(NOW, dpopKey="hidden")), "no usable dpopKey"),
        (json.dumps(login(NOW, dpopKey=PEM[:60])), "no usable dpopKey"),
        (json.dumps(login(NOW, dpopKey=pem_of(other_curve()))), "no usable dpopKey"),
    ],
)
def test_damaged_login_is_reported_with_the_command_that_replaces_it(
    signin: Signin, home: Path, content: str, why: str
) -> None:
    write_login(home, NOW).write_text(content)
    text = refused(signin)
    assert text.startswith("The AWS login of the profile work cannot be used: ")
    assert why in text
    assert text.endswith(" Run `aws login --profile work`")
    assert signin.requests == []


def test_missing_login_is_reported(signin: Signin) -> None:
    text = "The AWS login of the profile work has expired, or there is none"
    assert refused(signin) == f"{text}. Run `aws login --profile work`"


@pytest.mark.parametrize(
    ("status", "answer", "said"),
    [
        (403, {"error": "TOKEN_EXPIRED", "message": "hidden"}, "(403 403). Run `aws login"),
        (400, {"__type": "ValidationException"}, "(400 ValidationException). Run `aws login"),
        (500, {"error": "server_error"}, "(500 500). Try again"),
        (429, {"error": "rate_exceeded"}, "(429 429). Try again"),
        (200, {}, "the service sent no keys"),
        (200, {"accessToken": {"accessKeyId": "A"}, "expiresIn": 9}, "the service sent no keys"),
        (200, [], "is malformed"),
    ],
)
def test_failed_renewal_is_an_error_only_for_an_expired_login(
    signin: Signin,
    home: Path,
    caplog: pytest.LogCaptureFixture,
    status: int,
    answer: Any,
    said: str,
) -> None:
    caplog.set_level(logging.INFO, "connector")
    signin.answer = lambda: (status, answer)
    end = time.time() + 60
    file = write_login(home, end)
    before = file.read_bytes()
    assert found(signin) == OURS._replace(expires_at=int(end))
    assert "Using the token that expires soon" in caplog.text
    assert "hidden" not in caplog.text
    write_login(home, time.time() - 1)
    assert said in refused(signin)
    assert file.read_bytes() != before
    assert len(signin.requests) == 2


def test_new_refresh_token_is_saved_from_a_malformed_response(signin: Signin, home: Path) -> None:
    """The old refresh token is used up."""
    file = write_login(home, time.time() + 60)
    signin.answer = lambda: (200, {"accessToken": 5, "refreshToken": "new", "expiresIn": 900})
    assert found(signin) is not None
    assert json.loads(file.read_text())["refreshToken"] == "new"


def test_login_of_the_aws_cli_is_used_where_the_refresh_token_is_used_up(
    signin: Signin, home: Path
) -> None:
    end = int(time.time()) + 800

    def used() -> tuple[int, Any]:
        write_login(home, end, refreshToken="newer")
        return 400, {"error": "TOKEN_EXPIRED"}

    signin.answer = used
    write_login(home, time.time() - 1)
    assert found(signin) == OURS._replace(expires_at=end)


PROCESS = """\
import os, sys
from connector.aws.keys.source import KeySource
from connector.aws.profile import load_profile, with_credentials
from connector.transport.trust import Trust
profile = with_credentials(load_profile("work", os.environ), os.environ)
source = KeySource(profile, os.environ, Trust(os.environ["AWS_CA_BUNDLE"]).connect, named=True)
print("ready", flush=True)
sys.stdin.readline()
print(source.load(60).access_key_id, *{"botocore", "cryptography"} & sys.modules.keys())
"""


def _processes(number: int) -> list[str]:
    """Return what so many processes print that load the keys at the same time."""
    command = [sys.executable, "-W", "error", "-c", PROCESS]
    pipe = subprocess.PIPE
    processes = [
        subprocess.Popen(command, stdin=pipe, stdout=pipe, text=True) for _ in range(number)
    ]
    for process in processes:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
    for process in processes:
        assert process.stdin is not None
        process.stdin.write("\n")
        process.stdin.flush()
    return [process.communicate(timeout=60)[0] for process in processes]


def test_concurrent_processes_renew_once(signin: Signin, home: Path) -> None:
    write_login(home, time.time())
    assert {words.split()[0] for words in _processes(4)} == {"ASIA1"}
    assert signin.renewals == 1


def test_fresh_login_needs_no_botocore(signin: Signin, home: Path) -> None:
    write_login(home, time.time() + 900)
    assert _processes(1) == ["ASIAL\n"]


def test_wait_for_another_renewal_has_a_deadline(signin: Signin, home: Path) -> None:
    file = write_login(home, time.time() - 1)
    source = source_of("work")
    with (
        file_lock(file.with_suffix(".lock"), timeout=0),
        pytest.raises(CredentialsError, match="another process holds it") as caught,
    ):
        source.load(4.1)
    assert caught.value.hint == "Try again"
    assert signin.requests == []


@pytest.mark.parametrize(("seconds", "renewals"), [(1.9, 0), (2.5, 1), (3.9, 1)])
def test_renewal_is_tried_if_the_time_may_be_enough(
    signin: Signin, home: Path, seconds: float, renewals: int
) -> None:
    write_login(home, time.time() - 1)
    source = source_of("work")
    source._connect = Trust(str(signin.ca_file)).connect
    if renewals:
        assert source.load(seconds).access_key_id == "ASIA1"
    else:
        with pytest.raises(CredentialsError, match=r"there is not enough time now\. Try again"):
            source.load(seconds)
    assert signin.renewals == renewals


def test_key_source_renews_a_login_before_its_end(signin: Signin, home: Path) -> None:
    write_login(home, NOW + 900)
    times = iter([NOW, NOW, NOW, NOW + 700, NOW + 700])
    source: KeySource = source_of("work", now=lambda: next(times, NOW + 700))
    source._connect = Trust(str(signin.ca_file)).connect
    assert source.load(20) == OURS._replace(expires_at=NOW + 900)
    assert source.load(20).access_key_id == "ASIAL"
    assert source.load(20).access_key_id == "ASIA1"


@pytest.fixture
def without_cryptography(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "cryptography", None)


@pytest.mark.usefixtures("without_cryptography")
def test_login_without_cryptography_serves_until_its_end(signin: Signin, home: Path) -> None:
    write_login(home, NOW + 60)
    assert found(signin, NOW) == OURS._replace(expires_at=NOW + 60)
    assert found(signin, NOW + 60) is None  # botocore may have awscrt
    with pytest.raises(CredentialsError) as caught:
        load("work")
    assert "has to be renewed, which needs the package cryptography" in caught.value.message
    assert "`pip install cryptography`" in (caught.value.hint or "")


def test_login_signs_the_call_for_a_role_that_botocore_makes(sources: Sources, home: Path) -> None:
    """botocore's own provider would need awscrt even for keys in the cache."""
    role = "[profile role]\nrole_arn = arn:aws:iam::1:role/R\nsource_profile = work\n"
    (home / ".aws/config").write_text(f"{role}region = eu-west-1\n{CONFIG}")
    write_login(home, time.time() + 900)
    assert load("role").access_key_id.startswith("ASIA")
    assert sources.asked == ["AssumeRole"]
    assert any("Credential=ASIAL/" in each.get("Authorization", "") for each in sources.headers)
