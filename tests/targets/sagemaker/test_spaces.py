"""Spaces as answers of the service describe them, and what refusals mean."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any, cast

import pytest

from connector.aws.api import Refused
from connector.aws.cloud import Cloud
from connector.aws.responses import check
from connector.aws.services import Service
from connector.errors import (
    ConfigError,
    ConnectorError,
    ConsentNeeded,
    RequestRefused,
)
from connector.targets.model import FAILED, GONE, RUNNING, STARTING, STOPPED, STOPPING, Query
from connector.targets.regional.backend import Found
from connector.targets.sagemaker import spaces
from connector.targets.sagemaker.api import SERVICE
from connector.targets.sagemaker.kind import SageMaker

ARN = "arn:aws:sagemaker:us-east-1:123456789012:space/d-1/box"
FOUND = Found(ARN, ("box", "Research"), "us-east-1")
SPEC = {"InstanceType": "ml.t3.large"}


class FakeApi:
    """Answers of the service, by operation: a document, or an error to raise."""

    def __init__(self, **answers: Any) -> None:
        self.calls: list[tuple[str, Mapping[str, Any]]] = []
        self._answers = answers

    def api(self, service: Service, region: str) -> FakeApi:
        """Return itself: it is a cloud with one service."""
        return self

    def call(self, operation: str, *, timeout: float, **members: Any) -> dict[str, Any]:
        self.calls.append((operation, members))
        answer = self._answers.get(operation, {})
        if isinstance(answer, list):
            answer = answer.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return check(answer, SERVICE.operations[operation].response, "api.example")

    def made(self) -> list[str]:
        return [operation for operation, _ in self.calls if not operation.startswith("describe")]


def spaces_of(api: FakeApi) -> spaces.Spaces:
    return spaces.Spaces(cast(Cloud, api), "us-east-1", time.monotonic() + 5)


def space(app_type: str = "JupyterLab", remote: str = "ENABLED", **more: Any) -> dict[str, Any]:
    settings: dict[str, Any] = {"AppType": app_type, "RemoteAccess": remote}
    settings |= {f"{app_type}AppSettings": {"DefaultResourceSpec": more.pop("spec", SPEC)}}
    return {"SpaceArn": ARN, "Status": "InService", "SpaceSettings": settings, **more}


def app(status: str, **more: Any) -> dict[str, Any]:
    return {"Status": status, "CreationTime": 1.5e9, "ResourceSpec": SPEC, **more}


NONE = Refused(400, "ResourceNotFound", "no app")


@pytest.mark.parametrize(
    ("described", "answer", "status", "phase"),
    [
        (space(), app("InService"), "InService", RUNNING),
        (space(), app("Pending"), "Pending", STARTING),
        (space(), app("Deleting"), "Deleting", STOPPING),
        (space(), app("Deleted"), "Stopped", STOPPED),
        (space(), app("Failed"), "Failed", FAILED),
        (space(), app("Unheard"), "Unheard", FAILED),
        (space(), NONE, "Stopped", STOPPED),
        (space(Status="Updating"), NONE, "Updating", STARTING),
        (space(Status="Update_Failed"), app("InService"), "InService", RUNNING),
        (space(Status="Deleting"), app("Deleted"), "Deleting", GONE),
        (space("Canvas"), NONE, "Stopped", FAILED),
    ],
)
def test_state_is_that_of_the_app_unless_the_space_changes(
    described: dict[str, Any], answer: Any, status: str, phase: str
) -> None:
    api = FakeApi(describe_space=described, describe_app=answer)
    found = spaces_of(api).look(FOUND)
    assert (found.state.status, found.state.phase) == (status, phase)
    assert found.labels == FOUND.labels


def test_reasons_of_failures_are_kept() -> None:
    api = FakeApi(
        describe_space=space(), describe_app=app("Failed", FailureReason="no more machines")
    )
    assert spaces_of(api).look(FOUND).state.reason == "no more machines"
    api = FakeApi(describe_space=space(Status="Failed", FailureReason="no disk"), describe_app=NONE)
    assert spaces_of(api).look(FOUND).state.reason == "no disk"


def test_start_of_a_space_is_that_of_its_app() -> None:
    api = FakeApi(describe_space=space(), describe_app=[app("InService", CreationTime=1e9), NONE])
    assert [spaces_of(api).look(FOUND).started for _ in range(2)] == [1e9, 0.0]


def test_instance_is_that_of_the_app_and_else_of_the_space() -> None:
    api = FakeApi(
        describe_space=space(spec={"InstanceType": "ml.m5.large"}),
        describe_app=[NONE, app("Pending")],
    )
    assert spaces_of(api).look(FOUND).details["instanceType"] == "ml.m5.large"
    assert spaces_of(api).look(FOUND).details["instanceType"] == "ml.t3.large"


@pytest.mark.parametrize("name", ["box", "BOX"])
def test_unknown_name_is_searched_in_other_letters_if_it_is_in_lower_case(name: str) -> None:
    listed = {"Spaces": [{"DomainId": "d-1", "SpaceName": each} for each in ("other", "Box")]}
    api = FakeApi(
        describe_space=[NONE, {**space(), "SpaceArn": ARN.replace("box", "Box")}],
        list_spaces=listed,
        describe_app=app("InService"),
    )
    if name == "box":
        assert spaces_of(api).look(FOUND).id.endswith("/Box")
    else:
        with pytest.raises(Refused):
            spaces_of(api).look(FOUND._replace(id=ARN.replace("box", name)))
        assert api.made() == []


def test_list_joins_spaces_with_domains_and_living_apps() -> None:
    pages = [
        {
            "Spaces": [
                {
                    "DomainId": "d-1",
                    "SpaceName": "box",
                    "Status": "InService",
                    "SpaceSettingsSummary": {"AppType": "CodeEditor", "RemoteAccess": "ENABLED"},
                    "OwnershipSettingsSummary": {"OwnerUserProfileName": "mary"},
                },
                {"DomainId": "d-1", "SpaceName": "old"},
                {
                    "DomainId": "d-9",
                    "SpaceName": "x",
                    "SpaceSettingsSummary": {"AppType": "CodeEditor"},
                },
            ],
            "NextToken": "more",
        },
        {
            "Spaces": [
                {
                    "DomainId": "d-1",
                    "SpaceName": "second",
                    "SpaceSettingsSummary": {"AppType": "JupyterLab"},
                }
            ]
        },
    ]
    here = {"DomainId": "d-1", "SpaceName": "box"}
    api = FakeApi(
        list_domains={
            "Domains": [
                {
                    "DomainId": "d-1",
                    "DomainName": "Research",
                    "DomainArn": "arn:aws:sagemaker:us-east-1:123456789012:domain/d-1",
                }
            ]
        },
        list_spaces=pages,
        list_apps={"Apps": [{**app("Deleted"), **here}, {**app("Pending"), **here}]},
    )
    first, second = spaces_of(api).listed()
    assert (first.id, first.labels, first.region) == (ARN, ("box", "Research"), "us-east-1")
    assert first.aliases == ("box.d-1",)
    assert first.state.phase == STARTING
    assert first.details["owner"] == "mary"
    assert SageMaker().cells(first) == ("CodeEditor", "on", "ml.t3.large")
    assert (second.state, second.details["remoteAccess"]) == (spaces.NO_APP, False)
    assert SageMaker().cells(second) == ("JupyterLab", "off", "")


def test_failed_app_is_to_be_stopped_but_a_failed_space_is_not() -> None:
    advice = spaces.Spaces.advice
    api = FakeApi(describe_space=space(), describe_app=app("Failed"))
    query = Query(options=(("region", "eu-west-1"),), profile="work")
    command = "`connector stop box.Research.sagemaker --region eu-west-1 --profile work`"
    assert command in advice(spaces_of(api).look(FOUND), query)
    api = FakeApi(describe_space=space(Status="Failed"), describe_app=NONE)
    assert advice(spaces_of(api).look(FOUND), query) == ""


# Starts


def start(api: FakeApi, *flags: str) -> None:
    told = ("known-hosts", "~/keys")  # as ssh's configuration does
    query = Query("box.sagemaker", (told, *((flag, True) for flag in flags)))
    spaces_of(api).start(FOUND, query)


@pytest.mark.parametrize("spec", [SPEC, {**SPEC, "EnvironmentArn": "arn:of:something:new"}])
def test_app_is_created_as_the_space_describes_it(spec: dict[str, str]) -> None:
    api = FakeApi(describe_space=space("CodeEditor", spec=spec))
    start(api)
    operation, members = api.calls[-1]
    assert operation == "create_app"
    assert members == {
        "DomainId": "d-1",
        "SpaceName": "box",
        "AppType": "CodeEditor",
        "AppName": "default",
        "ResourceSpec": SPEC,
    }


def test_space_without_a_specification_gets_the_services_default() -> None:
    api = FakeApi(describe_space=space(spec={}))
    start(api)
    assert "ResourceSpec" not in api.calls[-1][1]


@pytest.mark.parametrize("instance", spaces.TOO_SMALL)
def test_small_instance_is_refused_before_any_change(instance: str) -> None:
    for remote in ("ENABLED", "DISABLED"):
        api = FakeApi(describe_space=space(remote=remote, spec={"InstanceType": instance}))
        with pytest.raises(ConfigError, match=instance):
            start(api, spaces.ENABLE)
        assert api.made() == []


@pytest.mark.parametrize(
    ("answer", "made"),
    [
        (app("InService"), ["delete_app"]),
        (app("Failed"), ["delete_app"]),
        (app("Deleting"), []),
        (app("Deleted"), ["update_space"]),
        (NONE, ["update_space"]),
    ],
)
def test_remote_access_is_enabled_step_by_step(answer: Any, made: list[str]) -> None:
    api = FakeApi(describe_space=space(remote="DISABLED"), describe_app=answer)
    with pytest.raises(Refused) as caught:
        start(api, spaces.ENABLE)
    assert caught.value.status == 409  # the base asks for the start again
    assert api.made() == made
    if made == ["update_space"]:
        assert api.calls[-1][1]["SpaceSettings"] == {"RemoteAccess": "ENABLED"}


def test_remote_access_needs_a_yes() -> None:
    api = FakeApi(describe_space=space(remote="DISABLED"), describe_app=app("InService"))
    with pytest.raises(ConsentNeeded) as caught:
        start(api)
    assert api.made() == []
    assert caught.value.flag == spaces.ENABLE
    assert "`connector start --enable-remote-access box.sagemaker`" in str(caught.value)


# Refusals


@pytest.mark.parametrize(
    ("code", "message", "kind"),
    [
        ("ValidationException", f"Space {ARN} does not have remote access enabled", ConsentNeeded),
        ("ValidationException", "instanceType [ml.t3.medium] is not supported", RequestRefused),
        ("ValidationException", "The image version is too old", RequestRefused),
        ("ValidationException", "anything else", None),
        ("AccessDeniedException", "image", None),
        ("ResourceLimitExceeded", "instance", None),
    ],
)
def test_refusals_have_own_words_where_the_base_has_none(
    code: str, message: str, kind: type[ConnectorError] | None
) -> None:
    explained = spaces.Spaces.explain(
        Refused(400, code, message), "start", FOUND, Query("box.sagemaker")
    )
    assert type(explained) is (kind or type(None))


def test_only_a_failure_inside_the_service_settles() -> None:
    backend = SageMaker()
    assert backend.may_settle(Refused(500, "InternalFailure", ""))
    assert not backend.may_settle(Refused(400, "ValidationException", ""))
