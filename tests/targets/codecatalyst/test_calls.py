"""The calls that only commands make: lists over many pages, and answers that break the model."""

from __future__ import annotations

import os
from collections.abc import Callable

import pytest
from aiohttp import web

from connector.aws.api import Api, CallFailed, Refused
from connector.aws.profile import load_profile
from connector.aws.sdk import ClientFactory
from connector.aws.sso.tokens import BearerTokens
from connector.emulator.api.codecatalyst.model import Status
from connector.errors import TargetNotFound
from connector.targets.codecatalyst.api import TOKEN_VARIABLES, light_api, sdk_api
from connector.targets.codecatalyst.calls import Calls, state_of
from connector.targets.codecatalyst.hosts import EnvironmentName
from connector.targets.codecatalyst.listing import sessions_of
from connector.transport.trust import Trust

from ...aws.cloud import Cloud
from ...aws.helpers import (
    ENVIRON,
    GET,
    always,
)

pytestmark = pytest.mark.usefixtures("both_ways")

LIST = "ListDevEnvironmentSessions"
GONE = "01234567-89ab-cdef-0123-456789abcdef"


@pytest.fixture
def calls(cloud: Cloud, both_ways: None) -> Calls:
    return open_calls(cloud, cloud.environment.id)


def open_calls(
    cloud: Cloud, id: str, find_again: Callable[[], EnvironmentName] | None = None
) -> Calls:
    ca_bundle = str(cloud.ca_file)
    clients = ClientFactory(None, Trust(ca_bundle).connect)
    api: Api = sdk_api(clients, cloud.url)
    if cloud.way == "light":
        api = light_api(cloud.url, Trust(ca_bundle).connect)
    tokens = BearerTokens(load_profile(None, os.environ), ENVIRON, clients, TOKEN_VARIABLES)
    return Calls(EnvironmentName("MySpace", "My.Project", id), tokens, api, find_again)


def test_list_is_read_to_its_last_page(cloud: Cloud, calls: Calls) -> None:
    started = [cloud.model.start_session(cloud.environment) for _ in range(201)]
    found = sessions_of(calls, 10)
    assert {session.id for session in found} == {session.id for session in started}
    assert all(session.started.endswith("Z") for session in found)
    assert cloud.operations() == [LIST, LIST]


def test_endless_list_is_given_up(cloud: Cloud, calls: Calls) -> None:
    always(cloud, LIST, lambda: web.json_response({"items": [], "nextToken": "again"}))
    with pytest.raises(CallFailed, match="does not end"):
        sessions_of(calls, 10)


@pytest.mark.parametrize("answer", [{}, {"items": 5}, {"items": [5]}, {"items": [{"id": 5}]}])
def test_malformed_list_is_reported(cloud: Cloud, calls: Calls, answer: object) -> None:
    always(cloud, LIST, lambda: web.json_response(answer))
    with pytest.raises(CallFailed):
        sessions_of(calls, 10)


@pytest.mark.parametrize("answer", [{}, {"status": ""}, {"status": 5}])
def test_malformed_state_is_reported(cloud: Cloud, calls: Calls, answer: object) -> None:
    always(cloud, GET, lambda: web.json_response(answer))
    with pytest.raises(CallFailed, match="has no valid status"):
        calls.look(10)


def test_environment_is_stopped_and_started(cloud: Cloud, calls: Calls) -> None:
    cloud.environment.stop_seconds = cloud.environment.start_seconds = 600
    assert calls.stop(10) == state_of("STOPPING")
    cloud.model.set_status(cloud.environment, Status.STOPPED, "Idle")
    assert calls.look(10) == state_of("STOPPED", "Idle")
    calls.start(10)
    assert calls.look(10) == state_of("STARTING")


# One that is remembered, and not where it was


def test_unknown_remembered_environment_is_looked_up_again(cloud: Cloud, both_ways: None) -> None:
    here = EnvironmentName("MySpace", "My.Project", cloud.environment.id)
    calls = open_calls(cloud, GONE, lambda: here)
    assert calls.look(10) == state_of("RUNNING")
    assert calls.name == here
    assert cloud.operations() == [GET, GET]


def test_denied_remembered_environment_is_looked_up_again(cloud: Cloud, both_ways: None) -> None:
    bob = cloud.model.add_user("bob")
    his = cloud.model.add_environment(cloud.model.project("MySpace", "My.Project"), bob)
    here = EnvironmentName("MySpace", "My.Project", cloud.environment.id)
    calls = open_calls(cloud, his.id, lambda: here)
    assert calls.look(10) == state_of("RUNNING")


def test_environment_found_in_the_same_place_is_not_asked_again(
    cloud: Cloud, both_ways: None
) -> None:
    found = []

    def find_again() -> EnvironmentName:
        found.append(EnvironmentName("MySpace", "My.Project", GONE))
        return found[-1]

    calls = open_calls(cloud, GONE, find_again)
    for _ in range(2):
        with pytest.raises(Refused, match="ResourceNotFound"):
            calls.look(10)
    assert cloud.operations() == [GET, GET]
    assert len(found) == 1


def test_environment_with_a_new_alias_is_not_asked_again(cloud: Cloud, both_ways: None) -> None:
    cloud.environment.alias = "new"
    renamed = EnvironmentName("MySpace", "My.Project", cloud.environment.id, "new")
    calls = open_calls(cloud, cloud.environment.id, lambda: renamed)

    assert calls.look(10) == state_of("RUNNING")
    assert calls.name == renamed
    assert cloud.operations() == [GET]


def test_alias_with_control_characters_is_recognised(cloud: Cloud, both_ways: None) -> None:
    def find_again() -> EnvironmentName:
        raise AssertionError("it is known")

    cloud.environment.alias = "a\tb\x1b[2J"
    calls = open_calls(cloud, cloud.environment.id, find_again)
    calls.name = calls.name._replace(alias="a b [2J")

    assert calls.look(10) == state_of("RUNNING")


def test_environment_that_has_answered_is_not_looked_up_again(
    cloud: Cloud, both_ways: None
) -> None:
    def find_again() -> EnvironmentName:
        raise AssertionError("it is known")

    calls = open_calls(cloud, cloud.environment.id, find_again)
    calls.look(10)
    with pytest.raises(Refused):
        calls.stop_session(10, "none-such")


def test_error_of_the_look_up_passes_through(cloud: Cloud, both_ways: None) -> None:
    def find_again() -> EnvironmentName:
        raise TargetNotFound("it has gone")

    calls = open_calls(cloud, GONE, find_again)
    with pytest.raises(TargetNotFound, match="It has gone"):
        calls.look(10)
