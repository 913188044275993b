"""A gateway that requires signed upgrades: each dial is signed with AWS credentials."""

from __future__ import annotations

import json
import signal
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from urllib.parse import parse_qsl, urlsplit

import pytest

from connector.aws.keys.source import AwsKeys
from connector.aws.sigv4 import presigned_query
from connector.emulator.agent.behaviour import REAL
from connector.emulator.api.account import Key
from connector.emulator.faults.plans import (
    At,
    Cut,
    Direction,
    FaultPlan,
    How,
)

from .cloud import Cloud
from .commands import CONNECTOR, Commands, Process
from .failing import check
from .targets import GREETING, TcpService, greeting_echo

REGION = "eu-west-1"
DATA = bytes(range(256)) * 100

Attach = Callable[..., Process]


@pytest.fixture(autouse=True)
def signed_only(cloud: Cloud) -> Iterator[None]:
    """A service behind sessions that accept only signed or presigned upgrades."""
    with TcpService(greeting_echo) as service:
        cloud.port = service.port
        cloud.behave(REAL)
        yield


@pytest.fixture
def key(cloud: Cloud) -> Key:
    """The key of another user, which a file may hold."""
    return cloud.call(lambda: cloud.account.add_user("ann"))


@pytest.fixture
def attach(commands: Commands, cloud: Cloud, key: Key, tmp_path: Path) -> Attach:
    """Start ``connector attach`` with a profile of this secret key, or without credentials."""

    def start(secret: str = "", *, presigned: bool = False) -> Process:
        session = cloud.start_session(region=REGION)
        # Characters that a signature must encode and the request line must not.
        assert set("+/=") <= set(session["streamUrl"].partition("&cell-number=")[2])
        if presigned:
            session["streamUrl"] = presign(session["streamUrl"], key)
        file = tmp_path / "session.json"
        file.write_text(json.dumps(session))
        aws = Path(commands.environ["HOME"], ".aws")
        aws.mkdir()
        (aws / "config").write_text("[profile ec2]\nregion = eu-west-1\n[profile empty]\n")
        (aws / "credentials").write_text(
            f"[ec2]\naws_access_key_id = {key.id}\naws_secret_access_key = {secret}\n"
        )
        command = [*CONNECTOR, "attach", "--session-file", str(file)]
        return commands.start(*command, *(["--profile", "ec2"] if secret else []))

    return start


def presign(url: str, key: Key) -> str:
    """Return a stream URL with a signature that is good for a minute."""
    parts = urlsplit(url)
    query = presigned_query(
        AwsKeys(key.id, key.secret, None, None),
        host=parts.netloc,
        path=parts.path,
        query=dict(parse_qsl(parts.query.replace("+", "%2B"))),
        service="ssmmessages",
        region=REGION,
        expires=60,
        now=time.time(),
    )
    return f"{url.partition('?')[0]}?{query}"


def check_echo(process: Process) -> None:
    process.reader.until(GREETING)
    process.send(DATA)
    assert process.reader.exactly(len(DATA)) == DATA
    process.signal(signal.SIGHUP)
    assert (process.wait(), process.stderr()) == (0, "")


def test_credentials_of_a_profile_sign_the_upgrade(attach: Attach, key: Key) -> None:
    check_echo(attach(key.secret))


def test_presigned_url_needs_no_credentials(attach: Attach) -> None:
    check_echo(attach(presigned=True))


def test_credentials_do_not_change_a_presigned_url(attach: Attach) -> None:
    check_echo(attach("another-key-than-the-gateway-knows", presigned=True))


def test_every_dial_is_signed(attach: Attach, cloud: Cloud, key: Key) -> None:
    cut = Cut(How.RESET, At(bytes=len(DATA) // 2, direction=Direction.TO_AGENT))
    cloud.gateway.fault_log.clear()
    behaviour = cloud.gateway.behaviour
    cloud.gateway.behaviour = replace(behaviour, faults=FaultPlan((cut,)))
    check_echo(attach(key.secret))
    assert cloud.gateway.fault_log


def test_refusal_without_credentials_suggests_them(attach: Attach, cloud: Cloud) -> None:
    check(attach(), 76, "Or it needs AWS credentials")
    cloud.stop_session(cloud.session())


def test_wrong_key_is_refused_and_not_shown(attach: Attach, cloud: Cloud) -> None:
    process = attach("a-wrong-secret-key")
    check(process, 76, "refused the connection (403)")
    assert "a-wrong-secret-key" not in process.stderr()
    cloud.stop_session(cloud.session())


@pytest.mark.parametrize(
    ("profile", "exit_code", "words"),
    [
        ("nosuch", 78, "There is no AWS profile nosuch"),
        ("empty", 77, "There are no AWS keys for the profile empty"),
    ],
)
def test_profile_that_cannot_sign_fails(
    commands: Commands, cloud: Cloud, profile: str, exit_code: int, words: str
) -> None:
    session = cloud.start_session(region=REGION)
    aws = Path(commands.environ["HOME"], ".aws")
    aws.mkdir()
    (aws / "config").write_text("[profile empty]\nregion = eu-west-1\n")
    environ = {
        **commands.environ,
        "CONNECTOR_SESSION": json.dumps(session),
        "AWS_EC2_METADATA_DISABLED": "true",
    }
    process = commands.start(*CONNECTOR, "attach", "--profile", profile, environ=environ)
    check(process, exit_code, words)
    cloud.stop_session(cloud.session())
