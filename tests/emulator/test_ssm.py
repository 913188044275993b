"""ssm:ResumeSession and ssm:TerminateSession, called by botocore's client."""

from __future__ import annotations

from collections.abc import AsyncIterator
from functools import partial
from typing import Any

import pytest
from botocore.config import Config

from connector.emulator.api.codecatalyst.model import (
    CodeCatalystModel,
    Project,
    Space,
    Status,
)
from connector.emulator.api.rest import Operation, RestServer
from connector.emulator.api.ssm import (
    RESUME_SESSION,
    TERMINATE_SESSION,
    SessionManagerService,
)
from connector.emulator.listener import Certificates
from connector.emulator.sessions import Session, Sessions, data_channel_url

from .calls import call, code_of, refused, status_of
from .conftest import check_raw_answer
from .contract import check_input

KEY = "AKIDEXAMPLE"
GATEWAY = "wss://127.0.0.1:7777"


class Ssm:
    """The service with one session, and clients with a key."""

    def __init__(self, boto: Any, server: RestServer, ca_file: str) -> None:
        self._boto = boto
        self._server = server
        self._ca_file = ca_file

    def client(self, key: str = KEY) -> Any:
        client = self._boto.client(
            "ssm",
            region_name="us-east-1",
            endpoint_url=self._server.url,
            verify=self._ca_file,
            aws_access_key_id=key,
            aws_secret_access_key="anything",
            config=Config(retries={"total_max_attempts": 1}),
        )
        client.meta.events.register("before-parse", check_raw_answer)
        return client


@pytest.fixture
def model() -> CodeCatalystModel:
    return CodeCatalystModel(Sessions())


@pytest.fixture
def session(model: CodeCatalystModel) -> Session:
    model.add_space(Space("MySpace"))
    project = model.add_project(Project("MySpace", "My.Project"))
    environment = model.add_environment(project, model.add_user("alice"), Status.RUNNING)
    return model.start_session(environment)


@pytest.fixture
async def ssm(
    boto: Any, model: CodeCatalystModel, certificates: Certificates
) -> AsyncIterator[Ssm]:
    service = SessionManagerService(model.sessions, partial(data_channel_url, GATEWAY), KEY)
    async with RestServer(service.endpoints(), certificates.server_context) as server:
        yield Ssm(boto, server, str(certificates.ca_file))


@pytest.mark.parametrize(
    "operation", [RESUME_SESSION, TERMINATE_SESSION], ids=lambda operation: operation.name
)
def test_ssm_operations_match_botocores_model(boto: Any, operation: Operation) -> None:
    model = boto.client("ssm", region_name="us-east-1").meta.service_model
    theirs = model.operation_model(operation.name)
    assert (operation.method, operation.path) == (theirs.http["method"], theirs.http["requestUri"])
    assert operation.target == f"{model.metadata['targetPrefix']}.{operation.name}"
    check_input(operation.input, theirs.input_shape, operation.name)


async def test_resume_returns_a_fresh_token_and_revokes_the_old_one(
    ssm: Ssm, model: CodeCatalystModel, session: Session
) -> None:
    old = session.token_value
    answer = await call(ssm.client().resume_session, SessionId=session.id)
    assert answer["SessionId"] == session.id
    assert answer["StreamUrl"] == data_channel_url(GATEWAY, session)
    assert answer["TokenValue"] not in ("", old)
    assert model.sessions.authenticate(session.id, old) is None
    assert model.sessions.authenticate(session.id, answer["TokenValue"]) is session


async def test_resume_of_an_ended_session_returns_an_empty_token(
    ssm: Ssm, model: CodeCatalystModel, session: Session
) -> None:
    model.sessions.end(session, "timed out")
    answer = await call(ssm.client().resume_session, SessionId=session.id)
    assert answer["TokenValue"] == ""


async def test_unknown_session_does_not_exist(ssm: Ssm) -> None:
    for operation in ("resume_session", "terminate_session"):
        client = ssm.client()
        error = await refused(getattr(client, operation), SessionId="mary-0123456789abcdef0")
        assert (status_of(error), code_of(error)) == (400, "DoesNotExistException")
        assert isinstance(error, client.exceptions.DoesNotExistException)


async def test_terminate_ends_the_session(ssm: Ssm, session: Session) -> None:
    answer = await call(ssm.client().terminate_session, SessionId=session.id)
    assert answer["SessionId"] == session.id
    assert session.end_reason == "TerminateSession was called"


async def test_unknown_key_is_refused(ssm: Ssm, session: Session) -> None:
    error = await refused(ssm.client("AKIDUNKNOWN").resume_session, SessionId=session.id)
    assert code_of(error) == "UnrecognizedClientException"


async def test_too_long_session_id_is_refused(ssm: Ssm) -> None:
    error = await refused(ssm.client().resume_session, SessionId="x" * 97)
    assert code_of(error) == "ValidationException"


async def test_other_operations_are_unknown(ssm: Ssm) -> None:
    error = await refused(ssm.client().list_documents)
    assert status_of(error) == 404
