"""Dev Environments listed over all spaces and projects, and what goes wrong meanwhile."""

from __future__ import annotations

import itertools
import os
import time

import pytest
from aiohttp import web

from connector.aws.api import Api
from connector.aws.profile import load_profile
from connector.aws.sdk import ClientFactory
from connector.aws.sso.tokens import BearerToken, BearerTokens
from connector.emulator.api.codecatalyst import model
from connector.emulator.api.codecatalyst.model import (
    Project,
    Settings,
    Space,
    Status,
)
from connector.emulator.api.errors import (
    AccessDeniedException,
    ApiError,
    InternalFailure,
    ResourceNotFoundException,
    ThrottlingException,
    UnauthorizedException,
    ValidationException,
)
from connector.emulator.api.rest import Misbehaviours, Proceed
from connector.errors import (
    AccessDenied,
    ConnectFailed,
    ConnectorError,
    CredentialsError,
    RequestRefused,
    ServiceError,
    ServiceThrottled,
    TargetNotFound,
)
from connector.targets.codecatalyst.api import TOKEN_VARIABLES, light_api, sdk_api
from connector.targets.codecatalyst.calls import state_of
from connector.targets.codecatalyst.hosts import EnvironmentName
from connector.targets.codecatalyst.listing import (
    EnvironmentSummary,
    Listing,
    Problem,
    Repository,
)
from connector.targets.codecatalyst.listing import list_environments as list_all
from connector.transport.trust import Trust

from ...aws.cloud import TOKEN, Cloud
from ...aws.helpers import (
    ENVIRON,
    always,
    raising,
)

SPACES, PROJECTS, LIST = "ListSpaces", "ListProjects", "ListDevEnvironments"


@pytest.fixture
def api(cloud: Cloud, request: pytest.FixtureRequest) -> Api:
    ca_bundle = str(cloud.ca_file)
    if "both_ways" in request.fixturenames and cloud.way == "botocore":
        return sdk_api(ClientFactory(None, Trust(ca_bundle).connect), cloud.url)
    return light_api(cloud.url, Trust(ca_bundle).connect)


@pytest.fixture
def token(cloud: Cloud) -> BearerToken:
    clients = ClientFactory(None, Trust(str(cloud.ca_file)).connect)
    return BearerTokens(
        load_profile(None, os.environ),
        ENVIRON,
        clients,
        TOKEN_VARIABLES,
    ).load()


def add(cloud: Cloud, space: str, project: str, **details: object) -> model.DevEnvironment:
    if space not in [known.name for known in cloud.model.spaces()]:
        cloud.model.add_space(Space(space))
    creator = cloud.model.user(cloud.environment.creator_id)
    where = cloud.model.add_project(Project(space, project))
    return cloud.model.add_environment(where, creator, **details)  # type: ignore[arg-type]


def ids(listing: Listing) -> set[str]:
    return {name.id for name in listing.names}


def test_listing_has_all_members(
    cloud: Cloud, both_ways: None, api: Api, token: BearerToken
) -> None:
    full = add(
        cloud,
        "Other.Space",
        "web.site-1",
        status=Status.FAILED,
        status_reason="No image",
        alias="My.Env",
        repositories=(model.Repository("code", "main"), model.Repository("docs")),
        settings=Settings(instance_type="dev.standard1.large", inactivity_timeout_minutes=0),
        last_updated_time=1_800_000_000.5,
    )
    listing = list_all(api, token, 20)
    assert listing.problems == []
    assert listing.is_whole
    found = {each.name.id: each for each in listing.environments}
    assert found.keys() == {cloud.environment.id, full.id}
    assert found[full.id] == EnvironmentSummary(
        EnvironmentName("Other.Space", "web.site-1", full.id, "My.Env"),
        state_of("FAILED", "No image"),
        instance_type="dev.standard1.large",
        inactivity_timeout=0,
        repositories=(Repository("code", "main"), Repository("docs", "")),
        creator=full.creator_id,
        updated="2027-01-15T08:00:00.500Z",
    )
    assert found[cloud.environment.id].name.alias == ""
    assert found[cloud.environment.id].name.project == "My.Project"


def test_all_pages_of_spaces_and_environments_are_read(
    cloud: Cloud, both_ways: None, api: Api, token: BearerToken
) -> None:
    """The emulator has 20 spaces to a page, and 50 environments."""
    made = {add(cloud, f"Space{number}", "abc").id for number in range(21)}
    made |= {add(cloud, "MySpace", "My.Project").id for _ in range(51)}
    assert ids(list_all(api, token, 30)) == made | {cloud.environment.id}
    operations = cloud.operations()
    assert operations.count(SPACES) == 2
    assert operations.count(LIST) == 23


def test_all_pages_of_projects_are_read(cloud: Cloud, api: Api, token: BearerToken) -> None:
    made = {add(cloud, "MySpace", f"project{number}").id for number in range(101)}
    assert ids(list_all(api, token, 30)) == made | {cloud.environment.id}
    assert cloud.operations().count(PROJECTS) == 2


def test_project_without_access_is_not_listed(cloud: Cloud, api: Api, token: BearerToken) -> None:
    mine = frozenset({cloud.environment.creator_id})
    cloud.model.add_project(Project("MySpace", "not-mine", outsiders=mine))
    listing = list_all(api, token, 20)
    assert (ids(listing), listing.problems) == ({cloud.environment.id}, [])
    assert cloud.operations().count(LIST) == 1


def test_empty_account_is_no_error(cloud: Cloud, api: Api, token: BearerToken) -> None:
    always(cloud, SPACES, lambda: web.json_response({"items": []}))
    assert list_all(api, token, 20) == Listing([], [])


def refusing(cloud: Cloud, operation: str, place: str, error: ApiError) -> None:
    """Refuse an operation whose path or body names a place."""

    async def intercept(name: str, request: web.Request, proceed: Proceed) -> web.Response:
        if name == operation and place in request.path + await request.text():
            raise error
        return await proceed()

    cloud.intercept(intercept)


@pytest.mark.parametrize(
    ("operation", "place", "said"),
    [(PROJECTS, "Closed", "the space Closed"), (LIST, "hidden", "the project Closed/hidden")],
)
def test_closed_space_does_not_hide_others(
    cloud: Cloud,
    both_ways: None,
    api: Api,
    token: BearerToken,
    operation: str,
    place: str,
    said: str,
) -> None:
    add(cloud, "Closed", "hidden")
    refusing(cloud, operation, place, AccessDeniedException("Ask your\x1b administrator."))
    listing = list_all(api, token, 20)
    assert ids(listing) == {cloud.environment.id}
    (problem,) = listing.problems
    assert problem.is_refusal
    assert listing.is_whole
    assert isinstance(problem.error, AccessDenied)
    assert str(problem.error) == f"You have no access to {said}: Ask your administrator"


@pytest.mark.parametrize(
    ("error", "kind", "whole"),
    [
        (InternalFailure("Broken"), ServiceError, False),
        (ThrottlingException("Slow"), ServiceThrottled, False),
        (ValidationException("Odd"), RequestRefused, False),
        (ResourceNotFoundException("Gone"), TargetNotFound, True),
    ],
)
def test_failing_project_does_not_hide_others(
    cloud: Cloud,
    api: Api,
    token: BearerToken,
    error: ApiError,
    kind: type[ConnectorError],
    whole: bool,
) -> None:
    add(cloud, "Other", "broken")
    refusing(cloud, LIST, "broken", error)
    listing = list_all(api, token, 20)
    assert ids(listing) == {cloud.environment.id}
    (problem,) = listing.problems
    assert (problem.space, problem.project) == ("Other", "broken")
    assert isinstance(problem.error, kind)
    assert listing.is_whole is whole


def test_transient_failure_is_retried(cloud: Cloud, api: Api, token: BearerToken) -> None:
    misbehaviours = Misbehaviours()
    for operation in (SPACES, PROJECTS, LIST):
        misbehaviours.refuse(operation, ThrottlingException("Slow"), times=1)
    cloud.intercept(misbehaviours)
    listing = list_all(api, token, 20)
    assert (ids(listing), listing.problems) == ({cloud.environment.id}, [])
    assert len(cloud.operations()) == 6


@pytest.mark.parametrize("operation", [SPACES, PROJECTS, LIST])
def test_refused_token_ends_the_listing(
    cloud: Cloud, api: Api, token: BearerToken, operation: str
) -> None:
    always(cloud, operation, raising(UnauthorizedException("Expired")))
    with pytest.raises(CredentialsError) as caught:
        list_all(api, token, 20)
    assert token.remedy in str(caught.value)
    assert TOKEN not in str(caught.value)


def test_failing_list_of_spaces_ends_the_listing(
    cloud: Cloud, api: Api, token: BearerToken
) -> None:
    always(cloud, SPACES, raising(AccessDeniedException("No")))
    with pytest.raises(AccessDenied, match="any space"):
        list_all(api, token, 20)


@pytest.mark.parametrize("operation", [SPACES, PROJECTS, LIST])
def test_list_that_repeats_a_page_token_is_given_up_at_once(
    cloud: Cloud, api: Api, token: BearerToken, operation: str
) -> None:
    tokens = itertools.cycle(("one", "two"))
    always(cloud, operation, lambda: web.json_response({"items": [], "nextToken": next(tokens)}))
    assert "does not end" in trouble(api, token)
    assert cloud.operations().count(operation) == 3


@pytest.mark.parametrize("operation", [SPACES, PROJECTS, LIST])
@pytest.mark.parametrize("answer", [{}, {"items": 5}, {"items": [5]}, {"items": [{"id": 5}]}])
def test_malformed_list_is_reported(
    cloud: Cloud, api: Api, token: BearerToken, operation: str, answer: object
) -> None:
    always(cloud, operation, lambda: web.json_response(answer))
    assert "has no valid items" in trouble(api, token)


def trouble(api: Api, token: BearerToken) -> str:
    """What was wrong with the one list that is not as it should be."""
    try:
        (problem,) = list_all(api, token, 30).problems
    except ServiceError as error:
        return str(error)
    assert isinstance(problem.error, ServiceError)
    return str(problem.error)


def test_listing_ends_at_its_deadline(cloud: Cloud, api: Api, token: BearerToken) -> None:
    for number in range(9):
        add(cloud, "MySpace", f"project{number}")
    misbehaviours = Misbehaviours()
    misbehaviours.delay(LIST, 5.0, times=100)
    cloud.intercept(misbehaviours)
    began = time.monotonic()
    with pytest.raises(ConnectFailed, match="within 1 s"):
        list_all(api, token, 1)
    assert time.monotonic() - began < 3


def test_listing_does_not_wait_for_a_hanging_resolver(token: BearerToken) -> None:
    class Stuck:
        def call(self, operation: str, token: str, **rest: object) -> dict[str, object]:
            time.sleep(5)
            return {}

    began = time.monotonic()
    with pytest.raises(ConnectFailed):
        list_all(Stuck(), token, 0.2)
    assert time.monotonic() - began < 2


@pytest.mark.parametrize(
    ("space", "project", "expected"),
    [(None, None, True), ("one", None, True), ("two", None, False), ("One", "two", False)],
)
def test_problem_hides_environments_of_its_own_place(
    space: str | None, project: str | None, expected: bool
) -> None:
    problem = Problem("One", "abc", ServiceError("x"))
    assert problem.may_hide(space, project) is expected
    assert Problem("One", "", ServiceError("x")).may_hide("one", "two")
