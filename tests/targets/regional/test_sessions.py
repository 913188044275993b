"""Sessions of regional targets: starts, retries and refusals."""

from __future__ import annotations

import logging
import time

import pytest

from connector.errors import (
    AccessDenied,
    ConnectorError,
    CredentialsError,
    QuotaExceeded,
    RequestRefused,
    ServiceError,
    ServiceThrottled,
    TargetNotFound,
    TargetNotReady,
)
from connector.sessions import Waiting
from connector.targets import model
from connector.targets.model import SSH_SESSION, SessionRequest, StartSettings
from connector.targets.regional import sessions
from connector.targets.regional.backend import BOOT_SECONDS

from ...aws.helpers import UNWATCHED, Clock, Watcher
from .lampworld import Lamp
from .works import NO_START, Lampworks, source_of

STARTS = StartSettings(allowed=True, timeout=60)


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
def test_hint_of_an_unknown_target_lists_those_of_its_kind_and_place(
    lampworks: Lampworks, clock: Clock
) -> None:
    lampworks.refuse("StartSession", "LampNotFoundException", times=50)
    target = lampworks.target("lamp-000abc00.us-west-2.lamp")
    with pytest.raises(TargetNotFound, match="--kind lamp --region us-west-2`"):
        source_of(target, clock).start(UNWATCHED)


@pytest.mark.usefixtures("desk")
def test_error_of_the_service_is_explained(lampworks: Lampworks, clock: Clock) -> None:
    lampworks.refuse("StartSession", "InternalServerError", 500, times=50)
    error = failure(lampworks, clock)
    assert type(error) is ServiceError
    assert 5.0 < clock.time < 8.0


@pytest.mark.usefixtures("desk")
def test_unknown_id_is_told_instead_of_its_agent(lampworks: Lampworks, clock: Clock) -> None:
    with pytest.raises(TargetNotFound, match="lamp-0001: Lampworks does not know it"):
        source_of(lampworks.target("lamp-0001"), clock).start(UNWATCHED)


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


@pytest.mark.parametrize(
    ("code", "starts", "kind"),
    [
        ("ResourceInUse", 3, TargetNotReady),
        ("IncorrectInstanceState", 3, TargetNotReady),
        ("ValidationException", 1, RequestRefused),
        ("LampLimitExceeded", 1, QuotaExceeded),
        ("AccessDeniedException", 1, AccessDenied),
    ],
)
def test_refused_start_is_tried_again_only_while_the_target_is_busy(
    lampworks: Lampworks,
    desk: Lamp,
    clock: Clock,
    code: str,
    starts: int,
    kind: type[ConnectorError],
) -> None:
    desk.life.set("OFF")
    lampworks.refuse("SwitchLamp", code, times=9)
    source = source_of(lampworks.target("desk.lamp"), clock, STARTS)
    with pytest.raises(ConnectorError) as caught:
        source.start(Watcher(clock))
    assert type(caught.value) is kind
    assert lampworks.operations().count("SwitchLamp") == starts


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


def test_agent_of_a_target_that_another_program_has_started_is_waited_for(
    lampworks: Lampworks, desk: Lamp, clock: Clock
) -> None:
    desk.lit_at = time.time() - 0.5 * BOOT_SECONDS
    desk.refusals_left = 12
    watcher = Watcher(clock)
    source_of(lampworks.target("desk.lamp"), clock).start(watcher)
    assert watcher.seen == ["ON without an agent yet", "ON"]
    assert 15 < clock.time < 30
    assert "SwitchLamp" not in lampworks.operations()


def test_agent_of_a_target_that_was_started_long_ago_is_not_waited_for(
    lampworks: Lampworks, desk: Lamp, clock: Clock
) -> None:
    desk.lit_at = time.time() - BOOT_SECONDS
    desk.refusals_left = 1000
    assert type(failure(lampworks, clock)) is TargetNotReady
    assert clock.time < 8


def test_target_that_starts_is_waited_for(lampworks: Lampworks, desk: Lamp, clock: Clock) -> None:
    desk.life.set("WARMING")

    def warm(waiting: Waiting) -> None:
        if clock.time > 10:
            lampworks.call(lambda: desk.life.set("ON"))

    watcher = Watcher(clock, warm)
    source_of(lampworks.target("desk.lamp"), clock).start(watcher)
    assert watcher.seen == ["WARMING"]


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
    desk.life.set("OFF")
    lampworks.refuse("SwitchLamp", "ConflictException")
    assert target.stop().status == "OFF"


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
