"""A Dev Environment as a target: errors for users alone, and no token in a caller's hands."""

from __future__ import annotations

import os

import pytest

from connector.emulator.api.codecatalyst.model import Status
from connector.emulator.api.errors import AccessDeniedException, ConflictException
from connector.errors import AccessDenied, SessionNotFound, TargetNotReady
from connector.sessions import Waiting
from connector.targets.codecatalyst.calls import state_of
from connector.targets.codecatalyst.environment import Environment
from connector.targets.kind import Target
from connector.targets.memory import cache_file
from connector.targets.model import SSH_SESSION, StartSettings

from ...aws.cloud import Cloud
from ...aws.helpers import UNWATCHED, always, raising
from .test_calls import open_calls


@pytest.fixture
def target(cloud: Cloud) -> Target:
    calls = open_calls(cloud, cloud.environment.id)
    return Environment(calls, cloud.url, cache_file(os.environ, "starts.json"))


def test_names_of_a_target(cloud: Cloud, target: Target) -> None:
    id = cloud.environment.id
    assert str(target) == f"Dev Environment {id} of MySpace/My.Project"
    assert (target.name, target.key) == (id, f"MySpace/My.Project/{id}")
    assert target.host_name == f"codecatalyst-dev-env=MySpace=My.Project={id}"
    assert target.host_key_alias == f"codecatalyst-{id}"
    assert target.start_command == f"connector start {' '.join(target.words)}"


def test_state_and_stop(cloud: Cloud, target: Target) -> None:
    cloud.environment.stop_seconds = 600
    assert target.state() == state_of("RUNNING")
    assert target.stop() == state_of("STOPPING")


@pytest.mark.parametrize("status", [Status.STOPPING, Status.STOPPED])
def test_refused_stop_of_a_stopping_target_is_no_failure(
    cloud: Cloud, target: Target, status: Status
) -> None:
    cloud.model.set_status(cloud.environment, status)
    cloud.environment.change_ends = None
    always(cloud, "StopDevEnvironment", raising(ConflictException("x")))
    assert target.stop().status == status.value


def test_refusal_is_an_error_for_users(cloud: Cloud, target: Target) -> None:
    always(cloud, "GetDevEnvironment", raising(AccessDeniedException("No")))
    with pytest.raises(AccessDenied, match="You have no access to Dev Environment"):
        target.state()


def test_running_target_is_not_waited_for(target: Target) -> None:
    class Progress:
        went_on = 0

        def wait(self, waiting: Waiting, seconds: float) -> None:
            raise AssertionError("it waits")

        def go_on(self) -> None:
            self.went_on += 1

        def may_leave(self, harmless: bool) -> None:
            raise AssertionError("there is no look-up")

    progress = Progress()
    target.run_until_running(progress, StartSettings())
    assert progress.went_on == 1


def test_stopped_target_is_not_started_unless_allowed(cloud: Cloud, target: Target) -> None:
    cloud.model.set_status(cloud.environment, Status.STOPPED)
    with pytest.raises(TargetNotReady, match="is STOPPED"):
        target.run_until_running(UNWATCHED, StartSettings(allowed=False))


def test_sessions_are_listed_and_stopped(target: Target) -> None:
    access = target.source(SSH_SESSION, StartSettings()).start(UNWATCHED)
    (session,) = target.sessions()
    assert session.id == access.session_id
    target.stop_session(session.id)
    assert target.sessions() == []
    with pytest.raises(SessionNotFound, match="List them with `connector sessions list --space"):
        target.stop_session("none-such")


def test_target_that_was_not_remembered_has_no_doubter(target: Target) -> None:
    target.confirm()
    assert target.doubter() is None
