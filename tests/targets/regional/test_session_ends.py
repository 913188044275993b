"""Sessions of regional targets that are resumed, listed and ended."""

from __future__ import annotations

from pathlib import Path

import pytest

from connector.aws.keys.source import AwsKeys, KeySource
from connector.errors import (
    AccessDenied,
    ConnectorError,
    CredentialsError,
    ServiceError,
    ServiceThrottled,
    SessionEnded,
    SessionNotFound,
)
from connector.sessions import SessionAccess
from connector.targets.ledger import Ledger
from connector.targets.regional.kind import RegionalKind
from connector.targets.regional.target import RegionalTarget
from connector.targets.source import LedgerSource

from ...aws.helpers import UNWATCHED, Clock
from . import lamp
from .lampworld import Lamp
from .works import Lampworks, source_of


@pytest.fixture
def access(lampworks: Lampworks, desk: Lamp, clock: Clock) -> SessionAccess:
    return source_of(lampworks.target("desk.lamp"), clock).start(UNWATCHED)


def test_resumed_session_has_a_fresh_token_and_signer(
    lampworks: Lampworks, access: SessionAccess, clock: Clock
) -> None:
    fresh = source_of(lampworks.target("desk.lamp"), clock).resume(access)
    assert fresh is not None
    assert fresh.token_value not in ("", access.token_value)
    assert fresh.signer is not None
    assert fresh.session_id == access.session_id


def test_old_token_has_to_do_where_resumption_is_denied(
    lampworks: Lampworks, access: SessionAccess, clock: Clock
) -> None:
    lampworks.account.deny("ssm:ResumeSession")
    source = source_of(lampworks.target("desk.lamp"), clock)
    assert source.resume(access) is None
    assert source.resume(access) is None
    assert lampworks.operations().count("ResumeSession") == 1


def test_session_that_is_over_is_not_resumed(
    lampworks: Lampworks, access: SessionAccess, clock: Clock
) -> None:
    source = source_of(lampworks.target("desk.lamp"), clock)
    source.stop(access, 5)
    with pytest.raises(SessionEnded, match="has timed out or was ended"):
        source.resume(access)
    with pytest.raises(SessionEnded):
        source.resume(access._replace(session_id="mary-0"))


def test_session_of_a_service_may_be_unknown_to_systems_manager(
    lampworks: Lampworks, access: SessionAccess, clock: Clock
) -> None:
    target = lamp.SHARED_KIND.open_finder(lampworks.query("desk.lamp"), lampworks.environ).find()
    assert isinstance(target, RegionalTarget)
    source = source_of(target, clock)
    lampworks.refuse("ResumeSession", "DoesNotExistException")
    assert source.resume(access) is None


def test_old_token_has_to_do_while_keys_are_refused(
    lampworks: Lampworks, access: SessionAccess, clock: Clock
) -> None:
    source = source_of(lampworks.target("desk.lamp"), clock)
    lampworks.refuse("ResumeSession", "UnrecognizedClientException")
    assert source.resume(access) is None
    assert source.resume(access) is not None


def test_session_waits_for_keys_unless_its_url_is_presigned(
    lampworks: Lampworks, access: SessionAccess, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = source_of(lampworks.target("desk.lamp"), clock)

    def load(*_: object) -> AwsKeys:
        raise CredentialsError("not now")

    monkeypatch.setattr(KeySource, "load", load)
    with pytest.raises(CredentialsError, match="Not now"):
        source.resume(access)
    url = f"{access.stream_url}&X-Amz-Signature=0"
    assert source.resume(access._replace(stream_url=url)) is None


@pytest.mark.parametrize(
    ("code", "status", "kind"),
    [
        ("ThrottlingException", 400, ServiceThrottled),
        ("InternalServerError", 500, ServiceError),
    ],
)
def test_failed_resumption_is_an_error_that_passes(
    lampworks: Lampworks,
    access: SessionAccess,
    clock: Clock,
    code: str,
    status: int,
    kind: type[ConnectorError],
) -> None:
    source = source_of(lampworks.target("desk.lamp"), clock)
    lampworks.refuse("ResumeSession", code, status)
    with pytest.raises(kind):
        source.resume(access)
    assert source.resume(access) is not None


def test_ended_session_is_ended_at_the_service(
    lampworks: Lampworks, access: SessionAccess, clock: Clock
) -> None:
    source = source_of(lampworks.target("desk.lamp"), clock)
    source.stop(access, 5)
    assert lampworks.living() == []
    source.stop(access._replace(session_id="mary-0"), 5)
    source.stop(access._replace(session_id=""), 5)
    assert source.resume(access._replace(session_id="")) is None
    assert "ResumeSession" not in lampworks.operations()
    assert lampworks.operations().count("TerminateSession") == 2


@pytest.mark.parametrize("kind", [lamp.KIND, lamp.SHARED_KIND])
def test_denied_end_is_an_error_only_where_callers_may_end_sessions(
    lampworks: Lampworks, access: SessionAccess, clock: Clock, kind: RegionalKind
) -> None:
    lampworks.account.deny("ssm:TerminateSession")
    target = kind.open_finder(lampworks.query("desk.lamp"), lampworks.environ).find()
    assert isinstance(target, RegionalTarget)
    source = source_of(target, clock)
    if kind is lamp.KIND:
        with pytest.raises(AccessDenied, match="You may not end the session on lamp desk"):
            source.stop(access, 5)
    else:
        source.stop(access, 5)


@pytest.mark.parametrize("kind", [lamp.KIND, lamp.SHARED_KIND])
def test_end_that_may_be_tried_again_is_an_error_of_every_kind(
    lampworks: Lampworks, access: SessionAccess, clock: Clock, kind: RegionalKind
) -> None:
    """The next connector then ends the session."""
    target = kind.open_finder(lampworks.query("desk.lamp"), lampworks.environ).find()
    assert isinstance(target, RegionalTarget)
    lampworks.refuse("TerminateSession", "ThrottlingException")
    with pytest.raises(ServiceThrottled):
        source_of(target, clock).stop(access, 5)


def test_sessions_of_a_killed_connector_are_ended(
    lampworks: Lampworks, access: SessionAccess, clock: Clock, tmp_path: Path
) -> None:
    target = lampworks.target("desk.lamp")
    entry = Ledger(str(tmp_path / "ledger"), target.service).enter(target.key, access.session_id)
    assert entry is not None
    entry.release()
    source = LedgerSource(
        source_of(target, clock),
        lambda: target.key,
        Ledger(str(tmp_path / "ledger"), target.service),
    )
    source.tidy()
    assert lampworks.living() == []


# Commands about sessions and states


def test_sessions_are_listed_with_their_times(lampworks: Lampworks, access: SessionAccess) -> None:
    lampworks.world.add_lamp("floor")
    (session,) = lampworks.target("desk.lamp").sessions()
    assert session.id == access.session_id
    assert session.started.startswith("20")
    assert session.started.endswith("Z")
    assert lampworks.target("floor.lamp").sessions() == []


def test_session_is_stopped_by_its_id(lampworks: Lampworks, access: SessionAccess) -> None:
    lampworks.world.add_lamp("floor")
    with pytest.raises(SessionNotFound, match=f"has no session {access.session_id}"):
        lampworks.target("floor.lamp").stop_session(access.session_id)
    lampworks.target("desk.lamp").stop_session(access.session_id)
    assert lampworks.living() == []
