"""Sessions of regional targets: starts, retries, refusals, resumption and ends."""

from __future__ import annotations

import logging
from pathlib import Path

import pytest

from connector.aws.keys import AwsKeys, KeySource
from connector.errors import (
    AccessDenied,
    ConnectorError,
    CredentialsError,
    QuotaExceeded,
    RequestRefused,
    ServiceError,
    ServiceThrottled,
    SessionEnded,
    SessionNotFound,
    TargetNotFound,
    TargetNotReady,
)
from connector.sessions import SessionAccess, Waiting
from connector.targets import model
from connector.targets.ledger import Ledger
from connector.targets.memory import Memory
from connector.targets.model import SSH_SESSION, SessionRequest, StartSettings
from connector.targets.regional import sessions
from connector.targets.regional.kind import RegionalKind
from connector.targets.regional.sessions import RegionalSessions
from connector.targets.regional.target import RegionalTarget
from connector.targets.source import LateSource, LedgerSource

from ...aws.helpers import UNWATCHED, Clock, Watcher
from . import lamp
from .lampworld import Lamp
from .works import Lampworks

STARTS = StartSettings(allowed=True, timeout=60)
NO_START = StartSettings(allowed=False)


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def desk(lampworks: Lampworks) -> Lamp:
    return lampworks.world.add_lamp("desk")


def source_of(
    target: RegionalTarget,
    clock: Clock,
    settings: StartSettings = NO_START,
    request: SessionRequest = SSH_SESSION,
) -> RegionalSessions:
    return RegionalSessions(
        target.calls,
        settings,
        Memory("/nonexistent/starts", "a"),
        request,
        clock=clock,
        sleep=clock.sleep,
        rand=lambda: 1.0,
    )


def failure(works: Lampworks, clock: Clock, settings: StartSettings = NO_START) -> ConnectorError:
    with pytest.raises(ConnectorError) as caught:
        source_of(works.target("desk.lamp"), clock, settings).start(UNWATCHED)
    assert str(caught.value).isprintable()
    assert works.living() == []
    return caught.value


@pytest.mark.usefixtures("desk")
@pytest.mark.parametrize(
    ("request_", "document"),
    [
        (SSH_SESSION, "AWS-StartSSHSession"),
        (SessionRequest(model.SHELL), "SSM-SessionManagerRunShell"),
        (SessionRequest(model.COMMAND, ("echo", "a b")), "AWS-StartInteractiveCommand"),
    ],
)
def test_session_of_each_form_has_its_document(
    lampworks: Lampworks, clock: Clock, request_: SessionRequest, document: str
) -> None:
    target = lampworks.target("desk.lamp")
    access = source_of(target, clock, request=request_).start(UNWATCHED)
    session = lampworks.account.sessions.find(access.session_id)
    assert session is not None
    assert session.origin is not None
    assert session.origin.document == document
    if request_.words:
        assert session.command == ("echo 'a b'",)


@pytest.mark.usefixtures("desk")
def test_stream_is_signed_with_the_keys_of_the_profile(lampworks: Lampworks, clock: Clock) -> None:
    access = source_of(lampworks.target("desk.lamp"), clock).start(UNWATCHED)
    assert access.signer is not None
    headers = access.signer(access.stream_url, False)
    assert lampworks.account.user_key.id in headers["Authorization"]
    assert "us-west-2/ssmmessages" in headers["Authorization"]


@pytest.mark.usefixtures("desk")
def test_target_that_runs_costs_one_call(lampworks: Lampworks, clock: Clock) -> None:
    target = lampworks.target("lamp-000abc00")
    source_of(target, clock, STARTS).start(UNWATCHED)
    assert lampworks.operations() == ["StartSession"]


@pytest.mark.usefixtures("desk")
@pytest.mark.parametrize(
    ("code", "status"),
    [
        *(("ThrottlingException", 400), ("RequestLimitExceeded", 503)),
        *(("InternalServerError", 500), ("TargetNotConnected", 400), ("InternalFailure", 500)),
    ],
)
def test_refusal_that_may_pass_is_tried_again(
    lampworks: Lampworks, clock: Clock, code: str, status: int
) -> None:
    lampworks.refuse("StartSession", code, status, times=2)
    source_of(lampworks.target("desk.lamp"), clock).start(UNWATCHED)
    assert lampworks.operations().count("StartSession") == 3
    assert clock.pauses == [0.25, 0.5]


@pytest.mark.usefixtures("desk")
@pytest.mark.parametrize(
    ("code", "kind", "words"),
    [
        ("AccessDeniedException", AccessDenied, "You may not start a session on lamp desk"),
        ("AccessDenied", AccessDenied, "You may not start a session on lamp desk"),
        ("ExpiredTokenException", CredentialsError, "have expired. Set new ones"),
        ("UnrecognizedClientException", CredentialsError, "AWS does not accept the keys"),
        ("InvalidSignatureException", CredentialsError, "AWS refuses the signature"),
        ("TargetNotConnected", TargetNotReady, "its SSM agent is not connected"),
        ("LampNotFoundException", TargetNotFound, "Lampworks does not know it"),
        ("ResourceNotFoundException", TargetNotFound, "Lampworks does not know it"),
        ("RequestLimitExceeded", ServiceThrottled, "asks to slow down"),
        ("LampLimitExceededException", QuotaExceeded, "a limit of the account is reached"),
        ("ThrottlingException", ServiceThrottled, "Lampworks asks to slow down"),
        ("ConflictException", TargetNotReady, "it is busy with another change"),
        ("InvalidDocument", RequestRefused, r"Lampworks refuses to .* \(InvalidDocument\)"),
        ("HotLampException", TargetNotReady, "is too hot to start a session on"),
    ],
)
def test_refusal_is_explained(
    lampworks: Lampworks, clock: Clock, code: str, kind: type[ConnectorError], words: str
) -> None:
    lampworks.refuse("StartSession", code, times=50)
    error = failure(lampworks, clock)
    assert type(error) is kind
    with pytest.raises(kind, match=words):
        raise error


@pytest.mark.usefixtures("desk")
def test_error_of_the_service_is_explained(lampworks: Lampworks, clock: Clock) -> None:
    lampworks.refuse("StartSession", "InternalServerError", 500, times=50)
    error = failure(lampworks, clock)
    assert type(error) is ServiceError
    assert 5.0 < clock.time < 8.0


def test_denied_action_is_named_as_the_service_names_it(
    lampworks: Lampworks, desk: Lamp, clock: Clock
) -> None:
    lampworks.account.deny("ssm:StartSession", desk.arn)
    assert failure(lampworks, clock).message == (
        "You may not start a session on lamp desk (lamp-000abc00): User: "
        "arn:aws:iam::111122223333:user/mary is not authorized to perform: ssm:StartSession on "
        "resource: arn:aws:lamps:us-west-2:111122223333:lamp/lamp-000abc00 because no "
        "identity-based policy allows the ssm:StartSession action"
    )


def test_unknown_state_does_not_hide_the_refusal(
    lampworks: Lampworks, desk: Lamp, clock: Clock
) -> None:
    target = lampworks.target("desk.lamp")
    desk.refusals_left = 3
    lampworks.account.deny("lamps:DescribeLamp")
    source_of(target, clock).start(UNWATCHED)
    assert desk.refusals_left == 0


# Starts


def test_stopped_target_is_started_only_where_that_is_allowed(
    lampworks: Lampworks, desk: Lamp, clock: Clock
) -> None:
    desk.life.set("OFF")
    error = failure(lampworks, clock)
    assert type(error) is TargetNotReady
    assert str(error) == (
        "Lamp desk (lamp-000abc00) is OFF. Start it with `connector start desk.lamp`"
    )
    watcher = Watcher(clock)
    source_of(lampworks.target("desk.lamp"), clock, STARTS).start(watcher)
    assert (desk.life.state, watcher.seen, watcher.went_on) == ("ON", ["OFF"], 2)


def test_state_without_an_answer_is_asked_again(
    lampworks: Lampworks, desk: Lamp, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sessions, "_STATUS_TIMEOUT", 0.5)
    target = lampworks.target("desk.lamp")
    desk.life.set("OFF")
    lampworks.delay("DescribeLamp", 3.0)
    source_of(target, clock, STARTS).start(Watcher(clock))
    assert desk.life.state == "ON"


@pytest.mark.usefixtures("desk")
def test_state_is_not_asked_for_with_keys_that_are_refused(
    lampworks: Lampworks, clock: Clock
) -> None:
    lampworks.environ["AWS_SECRET_ACCESS_KEY"] = "another"
    with pytest.raises(CredentialsError, match="does not fit its access key"):
        source_of(lampworks.target("lamp-000abc00"), clock).start(UNWATCHED)
    assert lampworks.operations() == ["StartSession"]


def test_agent_that_registers_after_a_start_is_waited_for(
    lampworks: Lampworks, desk: Lamp, clock: Clock
) -> None:
    desk.life.set("OFF")
    desk.refusals_left = 12  # some 20 s, longer than for a target that runs
    watcher = Watcher(clock)
    source_of(lampworks.target("desk.lamp"), clock, STARTS).start(watcher)
    assert watcher.seen == ["OFF", "ON"]
    assert 15 < clock.time < 30


def test_agent_that_does_not_register_is_waited_for_as_long_as_the_kind_says(
    lampworks: Lampworks, desk: Lamp, clock: Clock
) -> None:
    desk.life.set("OFF")
    desk.refusals_left = 1000
    with pytest.raises(TargetNotReady, match="its SSM agent is not connected"):
        source_of(lampworks.target("desk.lamp"), clock, STARTS).start(Watcher(clock))
    assert 25 < clock.time < 35


def test_agent_of_a_running_target_has_the_time_of_ssh(
    lampworks: Lampworks, desk: Lamp, clock: Clock
) -> None:
    desk.refusals_left = 1000
    error = failure(lampworks, clock, STARTS)
    assert type(error) is TargetNotReady
    assert clock.time < 8
    assert "SwitchLamp" not in lampworks.operations()


def test_target_that_starts_is_waited_for(lampworks: Lampworks, desk: Lamp, clock: Clock) -> None:
    desk.life.set("WARMING")

    def warm(waiting: Waiting) -> None:
        if clock.time > 10:
            lampworks.call(lambda: desk.life.set("ON"))

    watcher = Watcher(clock, warm)
    source_of(lampworks.target("desk.lamp"), clock).start(watcher)
    assert watcher.seen == ["WARMING"]


# Names that have moved


def move(works: Lampworks) -> Lamp:
    """Remember `desk`, and give its name to another lamp."""
    works.listing()
    next(iter(works.world.lamps.values())).name = "bed"
    return works.world.add_lamp("desk")


def late(works: Lampworks, clock: Clock) -> LateSource:
    finder = lamp.KIND.open_finder(works.query("desk.lamp"), works.environ)

    def source(target: object) -> RegionalSessions:
        assert isinstance(target, RegionalTarget)
        return source_of(target, clock)

    known = finder.known()
    assert known is not None
    return LateSource(finder, known, source)


class Leaving:
    """A ``StartProgress`` that need not wait. A look-up may be left."""

    def wait(self, waiting: Waiting, seconds: float) -> None:
        raise AssertionError(f"it waits for {waiting}")

    def go_on(self) -> None:
        raise AssertionError("it has waited")

    def may_leave(self, harmless: bool) -> None:
        """A look-up begins or ends."""


@pytest.mark.usefixtures("desk")
def test_session_on_a_target_that_has_another_name_is_replaced(
    lampworks: Lampworks, clock: Clock
) -> None:
    fresh = move(lampworks)
    late(lampworks, clock).start(Leaving())
    (session,) = lampworks.living()
    found = lampworks.account.sessions.find(session)
    assert found is not None
    assert found.machine_id == fresh.id


def test_refused_session_on_a_remembered_target_leads_to_a_look_up(
    lampworks: Lampworks, desk: Lamp, clock: Clock
) -> None:
    fresh = move(lampworks)
    desk.life.set("BROKEN")
    late(lampworks, clock).start(Leaving())
    (session,) = lampworks.living()
    found = lampworks.account.sessions.find(session)
    assert found is not None
    assert found.machine_id == fresh.id


def test_remembered_target_that_is_unknown_by_now_is_looked_up(
    lampworks: Lampworks, desk: Lamp
) -> None:
    fresh = move(lampworks)
    del lampworks.world.lamps[desk.id]
    target = lampworks.target("desk.lamp")
    target.confirm()
    assert target.calls.found.id == fresh.id


@pytest.mark.usefixtures("desk")
def test_doubt_is_unfounded_while_the_name_stays(lampworks: Lampworks) -> None:
    lampworks.listing()
    doubter = lampworks.target("desk.lamp").doubter()
    assert doubter is not None
    assert doubter() is False
    lampworks.refuse("DescribeLamp", "AccessDeniedException")
    assert doubter() is False


# Resumption and ends


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


def test_target_is_started_and_stopped(lampworks: Lampworks, desk: Lamp, clock: Clock) -> None:
    target = lampworks.target("desk.lamp")
    assert target.stop().status == "OFF"
    assert target.stop_warning == "it gets dark"
    assert target.state().phase == model.STOPPED
    assert target.run_until_running(Watcher(clock), STARTS).status == "ON"
    lampworks.refuse("SwitchLamp", "ConflictException")
    with pytest.raises(TargetNotReady, match="Cannot stop lamp desk"):
        target.stop()
    desk.life.set("COOLING")
    lampworks.refuse("SwitchLamp", "ConflictException")
    assert target.stop().status == "COOLING"


def test_no_secret_is_logged(
    lampworks: Lampworks, desk: Lamp, clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    source = source_of(lampworks.target("desk.lamp"), clock)
    access = source.start(UNWATCHED)
    source.resume(access)
    source.stop(access, 5)
    for secret in (access.token_value, lampworks.account.user_key.secret):
        assert secret not in caplog.text
