"""The rules of the emulated state that no API operation shows."""

from __future__ import annotations

import re
import stat
from pathlib import Path

import pytest

from connector.emulator.api.codecatalyst.model import (
    CodeCatalystModel,
    DevEnvironment,
    Project,
    Space,
    Status,
)
from connector.emulator.api.errors import ResourceNotFoundException
from connector.emulator.listener import make_certificates
from connector.emulator.sessions import HISTORY_MAX, Session, Sessions

from .world import FakeClock


def make_environment(
    model: CodeCatalystModel, user_name: str = "alice", **details: float
) -> DevEnvironment:
    model.add_space(Space("space"))
    project = model.add_project(Project("space", "project"))
    return model.add_environment(project, model.add_user(user_name), Status.RUNNING, **details)


def test_ids_come_from_the_random_source_alone() -> None:
    def made() -> tuple[str, str, str]:
        model = CodeCatalystModel(Sessions(FakeClock(), lambda count: bytes(range(count))))
        environment = make_environment(model)
        session = model.start_session(environment)
        return environment.id, session.id, session.token_value

    assert made() == made()
    assert made()[1] == "alice-00010203040506070"


def test_session_ids_look_like_the_services() -> None:
    model = CodeCatalystModel(Sessions())
    session = model.start_session(make_environment(model, "Ann Example " * 10))
    assert re.fullmatch(r"[a-zA-Z0-9_.-]+-[0-9a-f]{17}", session.id)
    assert len(session.id) == 96


def test_repr_of_a_session_hides_the_token() -> None:
    model = CodeCatalystModel(Sessions())
    session = model.start_session(make_environment(model))
    assert session.token_value not in repr(session)


def test_token_opens_only_its_own_living_session() -> None:
    model = CodeCatalystModel(Sessions())
    environment = make_environment(model)
    first, second = (model.start_session(environment) for _ in range(2))
    assert model.sessions.authenticate(first.id, first.token_value) is first
    assert model.sessions.authenticate(first.id, second.token_value) is None
    assert model.sessions.authenticate(first.id, "\u00e9") is None
    assert model.sessions.authenticate("unknown", first.token_value) is None
    model.sessions.end(first, "test")
    assert model.sessions.authenticate(first.id, first.token_value) is None


def test_every_state_but_running_ends_the_sessions() -> None:
    for status in set(Status) - {Status.RUNNING}:
        model = CodeCatalystModel(Sessions())
        environment = make_environment(model)
        session = model.start_session(environment)
        ended: list[Session] = []
        model.sessions.on_end(ended.append)
        model.set_status(environment, status)
        assert ended == [session]
        assert session.end_reason == f"The Dev Environment is {status.value}"


def test_first_end_reason_stays() -> None:
    model = CodeCatalystModel(Sessions())
    session = model.start_session(make_environment(model))
    model.sessions.end(session, "first")
    model.sessions.end(session, "second")
    assert session.end_reason == "first"


def test_session_starts_as_soon_as_the_environment_runs() -> None:
    clock = FakeClock()
    model = CodeCatalystModel(Sessions(clock))
    environment = make_environment(model, start_seconds=5.0)
    model.stop_environment(environment)
    model.start_environment(environment)  # stopping took no time
    clock.advance(5)
    assert model.start_session(environment).machine_id == environment.id


def test_forced_state_lasts() -> None:
    clock = FakeClock()
    model = CodeCatalystModel(Sessions(clock))
    environment = make_environment(model)
    model.set_status(environment, Status.STARTING, "a reason")
    clock.advance(1e6)
    (found,) = model.environments("space")
    assert (found.status, found.status_reason) == (Status.STARTING, "a reason")


def test_deletion_ends_the_sessions() -> None:
    model = CodeCatalystModel(Sessions())
    environment, other = make_environment(model), make_environment(model)
    model.set_status(environment, Status.RUNNING)
    session = model.start_session(environment)
    model.delete_environment(environment)
    assert session.end_reason == "The Dev Environment is DELETED"
    assert model.environments("space") == [other]
    with pytest.raises(ResourceNotFoundException):
        model.environment("space", environment.project_name, environment.id)


def test_only_the_owner_can_read_private_keys(tmp_path: Path) -> None:
    directory = tmp_path / "new" / "one"
    first = make_certificates(directory)
    again = make_certificates(directory)
    assert first.ca_file == again.ca_file == directory / "ca.pem"
    assert b"PRIVATE KEY" not in again.ca_file.read_bytes()
    for path in directory.iterdir():
        if b"PRIVATE KEY" in path.read_bytes():
            assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_sessions_are_forgotten_some_time_after_their_end() -> None:
    sessions = Sessions()
    lasting = sessions.open("dev", "alice")
    ended = [sessions.open("dev", "alice") for _ in range(HISTORY_MAX + 1)]
    for session in ended:
        sessions.end(session, "Stopped")
    assert sessions.find(ended[0].id) is None
    assert sessions.find(ended[1].id) is ended[1]
    assert sessions.living() == [lasting]
