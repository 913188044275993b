"""A gateway that requires signed upgrades: each dial is signed with AWS credentials."""

from __future__ import annotations

import json
import signal
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from connector.emulator.agent.behaviour import REAL
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

KEY_ID, SECRET = "AKIDOFATEST", "secret-key-of-a-test"
DATA = bytes(range(256)) * 100

Attach = Callable[..., Process]


@pytest.fixture(autouse=True)
def signed_only(cloud: Cloud) -> Iterator[None]:
    """A gateway that accepts only signed or presigned upgrades."""
    with TcpService(greeting_echo) as service:
        cloud.port = service.port
        demand(cloud)
        yield


def demand(cloud: Cloud, faults: FaultPlan = FaultPlan()) -> None:  # noqa: B008 - immutable
    cloud.behave(REAL)
    cloud.gateway.fault_log.clear()
    behaviour = cloud.gateway.behaviour
    cloud.gateway.behaviour = replace(behaviour, signing_keys={KEY_ID: SECRET}, faults=faults)


@pytest.fixture
def attach(commands: Commands, cloud: Cloud, tmp_path: Path) -> Attach:
    """Start ``connector attach`` with a profile of this secret key, or without credentials."""

    def start(secret: str | None = None, *, presigned: bool = False) -> Process:
        session = cloud.start_session()
        if not presigned:
            session["streamUrl"] = session["streamUrl"].partition("&X-Amz-")[0]
        # Characters that a signature must encode and the request line must not.
        assert set("+/=") <= set(session["streamUrl"].partition("&cell-number=")[2])
        file = tmp_path / "session.json"
        file.write_text(json.dumps(session))
        aws = Path(commands.environ["HOME"], ".aws")
        aws.mkdir()
        (aws / "config").write_text("[profile ec2]\nregion = eu-west-1\n[profile empty]\n")
        (aws / "credentials").write_text(
            f"[ec2]\naws_access_key_id = {KEY_ID}\naws_secret_access_key = {secret or SECRET}\n"
        )
        command = [*CONNECTOR, "attach", "--session-file", str(file)]
        return commands.start(*command, *(["--profile", "ec2"] if secret else []))

    return start


def check_echo(process: Process) -> None:
    process.reader.until(GREETING)
    process.send(DATA)
    assert process.reader.exactly(len(DATA)) == DATA
    process.signal(signal.SIGHUP)
    assert (process.wait(), process.stderr()) == (0, "")


def test_credentials_of_a_profile_sign_the_upgrade(attach: Attach) -> None:
    check_echo(attach(SECRET))


def test_presigned_url_needs_no_credentials(attach: Attach) -> None:
    check_echo(attach(presigned=True))


def test_credentials_do_not_change_a_presigned_url(attach: Attach) -> None:
    check_echo(attach("another-key-than-the-gateway-knows", presigned=True))


def test_every_dial_is_signed(attach: Attach, cloud: Cloud) -> None:
    cut = Cut(How.RESET, At(bytes=len(DATA) // 2, direction=Direction.TO_AGENT))
    demand(cloud, FaultPlan((cut,)))
    check_echo(attach(SECRET))
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
    session = cloud.start_session()
    session["streamUrl"] = session["streamUrl"].partition("&X-Amz-")[0]
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
