"""The calls that only commands make: lists over many pages, and answers that break the model."""

from __future__ import annotations

import os

import pytest
from aiohttp import web

from connector.aws.api import Api, SdkApi
from connector.aws.calls import CallFailed
from connector.aws.clients import ClientFactory
from connector.aws.environments import Environment, State
from connector.aws.light import LightApi
from connector.aws.refusals import Target
from connector.aws.settings import load_profile
from connector.aws.tokens import BearerTokens
from connector.emulator.resources import Status
from connector.transport.dialler import DialSettings, Trust

from .cloud import Cloud
from .helpers import ENVIRON, GET, always

pytestmark = pytest.mark.usefixtures("both_ways")

LIST = "ListDevEnvironmentSessions"


@pytest.fixture
def environment(cloud: Cloud, both_ways: None) -> Environment:
    ca_bundle = str(cloud.ca_file)
    clients = ClientFactory(None, ca_bundle)
    api: Api = SdkApi(clients, cloud.url)
    if cloud.way == "light":
        api = LightApi(cloud.url, DialSettings(Trust(ca_bundle)).connect)
    target = Target("MySpace", "My.Project", cloud.environment.id, None)
    return Environment(target, BearerTokens(load_profile(None, os.environ), ENVIRON, clients), api)


def test_a_list_is_read_to_its_end(cloud: Cloud, environment: Environment) -> None:
    started = [cloud.model.start_session(cloud.environment, "SSH") for _ in range(201)]
    found = environment.sessions(environment.tokens.load(), 10)
    assert {session.id for session in found} == {session.id for session in started}
    assert all(session.started.endswith("Z") for session in found)
    assert cloud.operations() == [LIST, LIST]


def test_a_list_without_end_is_given_up(cloud: Cloud, environment: Environment) -> None:
    always(cloud, LIST, lambda: web.json_response({"items": [], "nextToken": "again"}))
    with pytest.raises(CallFailed, match="does not end"):
        environment.sessions(environment.tokens.load(), 10)


@pytest.mark.parametrize("answer", [{}, {"items": 5}, {"items": [5]}, {"items": [{"id": 5}]}])
def test_a_list_that_is_none(cloud: Cloud, environment: Environment, answer: object) -> None:
    always(cloud, LIST, lambda: web.json_response(answer))
    with pytest.raises(CallFailed):
        environment.sessions(environment.tokens.load(), 10)


@pytest.mark.parametrize("answer", [{}, {"status": ""}, {"status": 5}])
def test_a_state_that_is_none(cloud: Cloud, environment: Environment, answer: object) -> None:
    always(cloud, GET, lambda: web.json_response(answer))
    with pytest.raises(CallFailed, match="without a status"):
        environment.look(environment.tokens.load(), 10)


def test_it_is_stopped_and_started(cloud: Cloud, environment: Environment) -> None:
    token = environment.tokens.load()
    cloud.environment.stop_seconds = cloud.environment.start_seconds = 600
    assert environment.stop(token, 10) == State("STOPPING")
    cloud.model.set_status(cloud.environment, Status.STOPPED, "Idle")
    assert environment.look(token, 10) == State("STOPPED", "Idle")
    environment.start(token, 10)
    assert environment.look(token, 10) == State("STARTING")
