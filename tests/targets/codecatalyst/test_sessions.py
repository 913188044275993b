"""Sessions, through both clients and over real TLS, against the emulator."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from pathlib import Path

import pytest
from aiohttp import web

from connector.emulator.api.codecatalyst.model import Status
from connector.emulator.api.errors import (
    AccessDeniedException,
    ApiError,
    ConflictException,
    ResourceNotFoundException,
    ServiceQuotaExceededException,
    ThrottlingException,
    UnknownOperationException,
    ValidationException,
)
from connector.emulator.api.rest import Proceed
from connector.emulator.sessions import Form
from connector.errors import (
    AccessDenied,
    ConnectFailed,
    ConnectorError,
    CredentialsError,
    QuotaExceeded,
    RequestRefused,
    ServiceError,
    ServiceMissing,
    ServiceThrottled,
    TargetNotFound,
    TargetNotReady,
)
from connector.sessions import SessionAccess, SessionSource
from connector.targets.codecatalyst.environment import CodeCatalystSessions

from ...aws.cloud import TOKEN, Cloud
from ...aws.helpers import (
    ENVIRON,
    GET,
    START,
    STOP,
    UNWATCHED,
    Clock,
    always,
    make_sessions,
    raising,
    refusal,
)
from ...aws.peers import TlsPeer

pytestmark = pytest.mark.usefixtures("both_ways")

# Start


def test_session_is_started_and_stopped(
    cloud: Cloud, sessions: CodeCatalystSessions, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG, "connector")
    source: SessionSource = sessions
    access = source.start(UNWATCHED)
    (session,) = cloud.model.sessions.living(cloud.environment.id)
    assert access.session_id == session.id
    assert access.token_value == session.token_value
    assert access.stream_url.startswith("wss://localhost:1/v1/data-channel/")
    assert session.form is Form.SSH
    assert source.resume(access) is None
    source.stop(access, 5)
    assert cloud.model.sessions.living(cloud.environment.id) == []
    assert cloud.operations() == [START, STOP]
    assert TOKEN not in caplog.text
    assert access.token_value not in caplog.text


def test_each_start_loads_the_token_again(cloud: Cloud, clock: Clock) -> None:
    environ = dict(ENVIRON)
    sessions = make_sessions(cloud, clock, environ=environ)
    sessions.start(UNWATCHED)
    cloud.tokens.revoke(TOKEN)
    cloud.tokens.accept("another-token", cloud.environment.creator_id)
    environ["AWS_BEARER_TOKEN_CODECATALYST"] = "another-token"
    sessions.start(UNWATCHED)
    assert [record.status for record in cloud.server.requests] == [200, 200]


def test_session_without_id_is_not_stopped(cloud: Cloud, sessions: CodeCatalystSessions) -> None:
    sessions.stop(SessionAccess("wss://x", "t"), 5)
    assert cloud.operations() == []


@pytest.mark.parametrize(
    ("error", "expected", "said"),
    [
        (ServiceQuotaExceededException("Compute limit."), QuotaExceeded, ": Compute limit. Look"),
        (AccessDeniedException("No."), AccessDenied, "Only its creator has"),
        (ResourceNotFoundException("None."), TargetNotFound, "knows no Dev Environment"),
        (ApiError("Token expired", status=401), CredentialsError, "does not accept the token"),
        (ApiError("x", "ExpiredTokenException", 400), CredentialsError, "Renew or unset"),
        (UnknownOperationException("What?"), ServiceMissing, "does not serve CodeCatalyst"),
        (ApiError("", "Teapot", 418), ServiceError, "(418 Teapot)"),
        (ApiError("x", status=301), ServiceError, "(301"),
    ],
)
def test_permanent_refusal_is_not_retried(
    error: ApiError,
    expected: type[ConnectorError],
    said: str,
    cloud: Cloud,
    clock: Clock,
    sessions: CodeCatalystSessions,
) -> None:
    always(cloud, START, raising(error))
    refused = refusal(sessions)
    assert type(refused) is expected
    assert said in str(refused)
    assert cloud.operations() == [START]
    assert clock.pauses == []


@pytest.mark.parametrize(
    ("error", "expected", "question"),
    [
        (ThrottlingException("Rate exceeded"), ServiceThrottled, []),
        (ConflictException("Being updated"), TargetNotReady, [GET]),
        (ApiError("Oops", "InternalServerException", 500), ServiceError, []),
        (ApiError("", "", 503), ServiceError, []),
    ],
)
def test_transient_refusal_is_retried_until_the_deadline(
    error: ApiError,
    expected: type[ConnectorError],
    question: list[str],
    cloud: Cloud,
    clock: Clock,
    sessions: CodeCatalystSessions,
) -> None:
    always(cloud, START, raising(error))
    assert type(refusal(sessions)) is expected
    assert clock.pauses == [0.25, 0.5, 1, 2, 2, 2]  # and a last try with 2.25 s left
    assert cloud.operations() == [START, *question] + [START] * 6


def test_transient_refusals_are_retried_until_success(
    cloud: Cloud, clock: Clock, sessions: CodeCatalystSessions
) -> None:
    errors: Iterator[ApiError] = iter(
        [ThrottlingException("x"), ConflictException("x"), ApiError("x", status=502)]
    )

    async def intercept(name: str, request: web.Request, proceed: Proceed) -> web.Response:
        if name == START:
            for error in errors:
                raise error
        return await proceed()

    cloud.intercept(intercept)
    assert sessions.start(UNWATCHED).session_id
    assert len(clock.pauses) == 3
    assert len(cloud.model.sessions.living(cloud.environment.id)) == 1


# What is behind a ValidationException


@pytest.mark.parametrize(
    ("status", "said"),
    [
        (Status.STOPPED, "connector start --space MySpace --project My.Project --id"),
        (Status.STOPPING, "connector start"),
        (Status.FAILED, "in the CodeCatalyst console"),
        (Status.DELETING, "cannot be used any more"),
    ],
)
def test_environment_that_does_not_run_is_reported_with_its_state(
    status: Status, said: str, cloud: Cloud, sessions: CodeCatalystSessions
) -> None:
    cloud.environment.status = status
    cloud.environment.status_reason = "Compute\nlimit exceeded"
    refused = refusal(sessions)
    assert type(refused) is TargetNotReady
    assert f"is {status.value}: Compute limit exceeded" in str(refused)
    assert said in str(refused)
    assert cloud.operations() == [START, GET]


def test_validation_exception_of_a_running_environment_is_reported(
    cloud: Cloud, sessions: CodeCatalystSessions
) -> None:
    always(cloud, START, raising(ValidationException("The sessionType is wrong.")))
    refused = refusal(sessions)
    assert type(refused) is RequestRefused
    assert "The sessionType is wrong" in str(refused)


def test_validation_exception_without_a_known_state_is_reported(
    cloud: Cloud, sessions: CodeCatalystSessions
) -> None:
    async def intercept(name: str, request: web.Request, proceed: Proceed) -> web.Response:
        if name == START:
            raise ValidationException("Not now")
        raise ApiError("Neither do I know", status=500)

    cloud.intercept(intercept)
    assert type(refusal(sessions)) is RequestRefused
    always(cloud, GET, lambda: web.json_response({"status": ["odd"], "lastUpdatedTime": "never"}))
    cloud.environment.status = Status.STOPPED
    assert type(refusal(sessions)) is RequestRefused


def test_message_of_the_service_is_made_printable(
    cloud: Cloud, sessions: CodeCatalystSessions
) -> None:
    words = f"\x1b[31mBearer {TOKEN}\r\n\0 \u2028\x85\u202e" + "long " * 1000
    always(cloud, START, raising(AccessDeniedException(words)))
    message = str(refusal(sessions))
    assert "Bearer (token) long" in message
    assert len(message) < 600


def test_name_in_lower_case_gets_a_hint_about_ssh(cloud: Cloud, clock: Clock) -> None:
    with pytest.raises(TargetNotFound) as caught:
        make_sessions(cloud, clock, space="MySpac").start(UNWATCHED)
    assert "%n" not in str(caught.value)
    with pytest.raises(TargetNotFound, match="only %n keeps them"):
        make_sessions(cloud, clock, space="myspace", project="my.project").start(UNWATCHED)


# Stop


@pytest.fixture
def access(sessions: CodeCatalystSessions) -> SessionAccess:
    return sessions.start(UNWATCHED)


@pytest.mark.parametrize("error", [ResourceNotFoundException("x"), ConflictException("x")])
def test_session_that_is_gone_counts_as_stopped(
    error: ApiError, cloud: Cloud, sessions: CodeCatalystSessions, access: SessionAccess
) -> None:
    sessions.stop(access, 5)
    sessions.stop(access, 5)
    always(cloud, STOP, raising(error))
    sessions.stop(access, 5)


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (ThrottlingException("x"), ServiceThrottled),
        (AccessDeniedException("x"), AccessDenied),
        (ApiError("x", status=500), ServiceError),
    ],
)
def test_failed_stop_is_reported(
    error: ApiError,
    expected: type[ConnectorError],
    cloud: Cloud,
    sessions: CodeCatalystSessions,
    access: SessionAccess,
) -> None:
    always(cloud, STOP, raising(error))
    with pytest.raises(expected):
        sessions.stop(access, 5)
    assert cloud.operations() == [START, STOP]  # one try


def test_stop_is_bounded_in_time(
    cloud: Cloud, clock: Clock, tmp_path: Path, access: SessionAccess
) -> None:
    with TlsPeer(tmp_path, "localhost") as peer:
        peer.silent = True
        sessions = make_sessions(
            cloud, clock, endpoint_url=f"https://localhost:{peer.port}", ca_file=peer.ca_file
        )
        with pytest.raises(ConnectFailed, match="did not answer in time"):
            sessions.stop(access, 0.3)
        assert len(peer.requests) == 1
