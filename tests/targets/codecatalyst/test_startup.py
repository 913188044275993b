"""A Dev Environment that does not run is started and waited for, by a clock of the test's."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from pathlib import Path

import pytest
from aiohttp import web

from connector.emulator.api.codecatalyst.model import Status
from connector.emulator.api.errors import (
    AccessDeniedException,
    ApiError,
    ConflictException,
    ServiceQuotaExceededException,
    ThrottlingException,
    ValidationException,
)
from connector.emulator.api.rest import Proceed
from connector.errors import (
    AccessDenied,
    ConnectorError,
    QuotaExceeded,
    RequestRefused,
    ServiceError,
    ServiceThrottled,
    StartAbandoned,
    TargetNotReady,
)
from connector.sessions import Waiting
from connector.targets.codecatalyst import environment
from connector.targets.memory import Memory, cache_file
from connector.targets.model import StartSettings
from connector.targets.startup import SILENCE_TIMEOUT, Durations

from ...aws.cloud import Cloud
from ...aws.helpers import (
    GET,
    NO_START,
    START,
    START_ENVIRONMENT,
    Clock,
    Watcher,
    make_sessions,
)

pytestmark = pytest.mark.usefixtures("model_time")

STARTS = StartSettings(allowed=True, timeout=60)


@pytest.fixture
def model_time(cloud: Cloud, clock: Clock) -> None:
    """The emulator's Dev Environment takes 5 s to start and 3 to stop, of the test's clock."""
    cloud.model.now = lambda: 1_000_000 + clock.time
    cloud.environment.start_seconds = 5
    cloud.environment.stop_seconds = 3


@pytest.fixture
def watcher(clock: Clock) -> Watcher:
    return Watcher(clock)


def connect(cloud: Cloud, watcher: Watcher, settings: StartSettings = STARTS) -> None:
    source = make_sessions(cloud, watcher.clock, start=settings)
    assert source.start(watcher).session_id
    assert len(cloud.model.sessions.living(cloud.environment.id)) == 1
    assert watcher.went_on == 1


def failure(cloud: Cloud, watcher: Watcher, settings: StartSettings = STARTS) -> ConnectorError:
    with pytest.raises(ConnectorError) as caught:
        make_sessions(cloud, watcher.clock, start=settings).start(watcher)
    assert cloud.model.sessions.living(cloud.environment.id) == []
    assert watcher.went_on == 0
    return caught.value


@pytest.fixture(autouse=True)
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Give the question why a start was refused the time that a busy machine needs."""
    monkeypatch.setattr(environment, "_STATUS_TIMEOUT", 20.0)


def begin_in(cloud: Cloud, status: Status, ends: float | None = None) -> None:
    """The Dev Environment is in a state, for so many seconds."""
    cloud.model.set_status(cloud.environment, status, "Words of the service")
    if ends is not None:
        cloud.environment.change_ends = cloud.model.now() + ends


def refusing(cloud: Cloud, operation: str, errors: Iterable[ApiError]) -> None:
    """The next requests of this operation are refused so."""
    left = iter(errors)

    async def intercept(name: str, request: web.Request, proceed: Proceed) -> web.Response:
        if name == operation and (error := next(left, None)):
            raise error
        return await proceed()

    cloud.intercept(intercept)


def count(cloud: Cloud, operation: str) -> int:
    return cloud.operations().count(operation)


# States and options


@pytest.mark.parametrize(
    ("status", "settings", "seen", "starts"),
    [
        (Status.STOPPED, STARTS, ["STOPPED", "STARTING"], 1),
        (Status.STOPPING, STARTS, ["STOPPING", "STOPPED", "STARTING"], 1),
        (Status.STARTING, STARTS, ["STARTING"], 0),
        (Status.STARTING, NO_START, ["STARTING"], 0),
        (Status.PENDING, STARTS, ["PENDING"], 0),
        (Status.PENDING, NO_START, ["PENDING"], 0),
    ],
)
def test_starting_environment_is_waited_for(
    status: Status,
    settings: StartSettings,
    seen: list[str],
    starts: int,
    cloud: Cloud,
    watcher: Watcher,
) -> None:
    begin_in(cloud, status, None if status is Status.STOPPED else 3)
    connect(cloud, watcher, settings)
    assert [state for state in watcher.seen if state in seen] == watcher.seen
    assert watcher.seen[0] == seen[0]
    assert watcher.seen[-1] == seen[-1]
    assert count(cloud, START_ENVIRONMENT) == starts
    assert cloud.operations()[:2] == [START, GET]
    assert count(cloud, START) == 2


@pytest.mark.parametrize(
    ("status", "settings", "hint"),
    [
        (Status.STOPPED, NO_START, "connector start --space MySpace"),
        (Status.STOPPING, NO_START, "connector start --space MySpace"),
        (Status.FAILED, STARTS, "in the CodeCatalyst console"),
        (Status.FAILED, NO_START, "in the CodeCatalyst console"),
        (Status.DELETING, STARTS, "cannot be used any more"),
        (Status.DELETING, NO_START, "cannot be used any more"),
        (Status.DELETED, STARTS, "cannot be used any more"),
        (Status.DELETED, NO_START, "cannot be used any more"),
    ],
)
def test_environment_that_will_not_run_is_reported_at_once(
    status: Status, settings: StartSettings, hint: str, cloud: Cloud, watcher: Watcher
) -> None:
    begin_in(cloud, status)
    error = failure(cloud, watcher, settings)
    assert type(error) is TargetNotReady
    assert f"is {status.value}: Words of the service" in str(error)
    assert hint in str(error)
    assert cloud.operations() == [START, GET]
    assert watcher.seen == []


def test_running_environment_is_not_asked_for_its_state(cloud: Cloud, clock: Clock) -> None:
    make_sessions(cloud, clock, start=STARTS).start(Watcher(clock))
    assert cloud.operations() == [START]


# What goes wrong on the way


def test_failed_start_is_reported_with_its_reason(cloud: Cloud, watcher: Watcher) -> None:
    begin_in(cloud, Status.STOPPED)
    cloud.environment.start_failure = "The image could not be pulled"
    error = failure(cloud, watcher)
    assert "is FAILED: The image could not be pulled" in str(error)


def test_wait_is_bounded(cloud: Cloud, watcher: Watcher) -> None:
    begin_in(cloud, Status.STOPPED)
    cloud.environment.start_seconds = 10_000
    error = failure(cloud, watcher)
    assert type(error) is TargetNotReady
    assert "is still STARTING after 60 s" in str(error)
    assert "--wait" in str(error)
    assert 60 <= watcher.clock.time < 62


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (ServiceQuotaExceededException("Compute limit exceeded"), QuotaExceeded),
        (AccessDeniedException("No"), AccessDenied),
    ],
)
def test_permanent_refusal_ends_the_wait(
    error: ApiError, expected: type[ConnectorError], cloud: Cloud, watcher: Watcher
) -> None:
    begin_in(cloud, Status.STOPPED)
    refusing(cloud, START_ENVIRONMENT, [error] * 100)
    refused = failure(cloud, watcher)
    assert type(refused) is expected
    assert error.message in str(refused)
    assert count(cloud, START_ENVIRONMENT) == 1


@pytest.mark.parametrize(
    "errors",
    [
        [ConflictException("An update process is still going on")] * 8,
        [ValidationException("The creation has failed, cannot start")] * 2,
        [ThrottlingException("Slow down"), ApiError("", "", 503)],
    ],
)
def test_transient_refusal_is_retried(
    errors: list[ApiError], cloud: Cloud, watcher: Watcher
) -> None:
    begin_in(cloud, Status.STOPPED)
    refusing(cloud, START_ENVIRONMENT, errors)
    connect(cloud, watcher)
    assert count(cloud, START_ENVIRONMENT) == len(errors) + 1


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (ValidationException("No such VPC connection"), RequestRefused),
        (ThrottlingException("Slow down"), ServiceThrottled),
        (ApiError("Oops", "InternalServerException", 500), ServiceError),
    ],
)
def test_repeated_refusal_is_reported_with_the_services_message(
    error: ApiError, expected: type[ConnectorError], cloud: Cloud, watcher: Watcher
) -> None:
    begin_in(cloud, Status.STOPPED)
    refusing(cloud, START_ENVIRONMENT, [error] * 100)
    refused = failure(cloud, watcher)
    assert type(refused) is expected
    assert error.message in str(refused)
    assert count(cloud, START_ENVIRONMENT) == 3
    assert watcher.clock.time <= 17


def stopped_by(cloud: Cloud, times: int) -> Callable[[Waiting], None]:
    """What the service does to as many starts that it has accepted."""
    left = [None] * times

    def stop(waiting: Waiting) -> None:
        if cloud.environment.status is Status.STARTING and left:
            left.pop()
            begin_in(cloud, Status.STOPPED)

    return stop


def test_environment_stopped_after_its_start_is_started_again(
    cloud: Cloud, watcher: Watcher
) -> None:
    begin_in(cloud, Status.STOPPED)
    watcher.happens = stopped_by(cloud, 2)
    connect(cloud, watcher)
    assert count(cloud, START_ENVIRONMENT) == 3


def test_environment_that_always_stops_is_given_up(cloud: Cloud, watcher: Watcher) -> None:
    begin_in(cloud, Status.STOPPED)
    watcher.happens = stopped_by(cloud, 100)
    error = failure(cloud, watcher)
    assert "is STOPPED: Words of the service" in str(error)
    assert count(cloud, START_ENVIRONMENT) == 3


def test_failing_state_calls_are_tolerated_for_a_while(cloud: Cloud, watcher: Watcher) -> None:
    begin_in(cloud, Status.STARTING, 20)
    answers = [None, *[ThrottlingException("x"), ApiError("", "", 503)] * 5]
    left = iter(answers)

    async def intercept(name: str, request: web.Request, proceed: Proceed) -> web.Response:
        if name == GET and (error := next(left, None)):
            raise error
        return await proceed()

    cloud.intercept(intercept)
    connect(cloud, watcher)


def test_failing_state_calls_end_the_wait_after_a_timeout(cloud: Cloud, watcher: Watcher) -> None:
    begin_in(cloud, Status.STARTING, 50)
    asked = []

    async def intercept(name: str, request: web.Request, proceed: Proceed) -> web.Response:
        if name == GET:
            asked.append(name)
            if len(asked) > 1:
                raise ThrottlingException("Slow down")
        return await proceed()

    cloud.intercept(intercept)
    assert type(failure(cloud, watcher)) is ServiceThrottled
    assert SILENCE_TIMEOUT <= watcher.clock.time <= SILENCE_TIMEOUT + 2


def test_session_refused_shortly_after_the_start_is_retried(cloud: Cloud, watcher: Watcher) -> None:
    begin_in(cloud, Status.STOPPED)
    refusing(cloud, START, [ValidationException("Not running")] * 3)
    connect(cloud, watcher)
    assert count(cloud, START) == 4


def test_token_is_loaded_again_while_waiting(cloud: Cloud, watcher: Watcher) -> None:
    begin_in(cloud, Status.STOPPED)
    environ = {"AWS_BEARER_TOKEN_CODECATALYST": "first"}
    cloud.tokens.accept("first", cloud.environment.creator_id)

    def renew(waiting: Waiting) -> None:
        if waiting.elapsed > 2 and "first" in environ.values():
            cloud.tokens.revoke("first")
            cloud.tokens.accept("second", cloud.environment.creator_id)
            environ["AWS_BEARER_TOKEN_CODECATALYST"] = "second"

    watcher.happens = renew
    source = make_sessions(cloud, watcher.clock, start=STARTS, environ=environ)
    assert source.start(watcher).session_id


def test_environment_is_not_started_for_a_caller_that_has_left(
    cloud: Cloud, watcher: Watcher
) -> None:
    def leave(waiting: Waiting) -> None:
        raise StartAbandoned

    begin_in(cloud, Status.STOPPED)
    watcher.happens = leave
    assert type(failure(cloud, watcher)) is StartAbandoned
    assert cloud.operations() == [START, GET]


# The usual duration


def durations() -> Durations:
    return Durations(Memory(cache_file(os.environ, "starts.json"), "a"))


def test_usual_duration_is_the_median_of_starts(cloud: Cloud, clock: Clock) -> None:
    told: list[float | None] = []
    for seconds in (5, 9, 7):
        cloud.environment.start_seconds = seconds
        begin_in(cloud, Status.STOPPED)
        watcher = Watcher(clock, lambda waiting: told.append(waiting.usual))
        connect(cloud, watcher)
    assert told[0] is None
    assert told[-1] == 9.0
    assert durations().usual() == 7.0


def test_start_of_another_client_is_not_learned_from(cloud: Cloud, watcher: Watcher) -> None:
    begin_in(cloud, Status.STARTING, 2)
    connect(cloud, watcher)
    assert durations().usual() is None


@pytest.mark.parametrize(
    "text", ["", "{", '{"a": 5}', '{"a": ["x", null, -1, NaN, Infinity]}', '{"a": {"b": 1}}']
)
def test_damaged_file_means_unknown_duration(text: str) -> None:
    path = Path(cache_file(os.environ, "starts.json"))
    path.parent.mkdir(parents=True)
    path.write_text(text)
    assert durations().usual() is None
    durations().note(12.34)
    assert durations().usual() == 12.3


def test_last_five_durations_count() -> None:
    for seconds in (100, 100, 100, 1, 2, 3, 4, 5):
        durations().note(seconds)
    assert durations().usual() == 3
