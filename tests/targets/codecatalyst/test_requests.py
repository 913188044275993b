"""The API's ``sessionConfiguration`` of a shell and of a command."""

from __future__ import annotations

from typing import Any

import botocore.session
import pytest

from connector.emulator.api.codecatalyst import operations
from connector.emulator.sessions import Form
from connector.errors import ConfigError
from connector.targets.codecatalyst.requests import LONGEST, SHORTEST, configuration_of
from connector.targets.model import COMMAND, SHELL, SSH, SessionRequest

from ...aws.cloud import Cloud
from ...aws.helpers import (
    UNWATCHED,
    Clock,
    make_sessions,
)


def command(*words: str) -> dict[str, Any]:
    return configuration_of(SessionRequest(COMMAND, words))


def test_ssh_and_shell_are_session_types() -> None:
    assert configuration_of(SessionRequest(SSH)) == {"sessionType": "SSH"}
    assert configuration_of(SessionRequest(SHELL)) == {"sessionType": "SSM"}


def test_limits_are_those_of_the_services_model() -> None:
    model = botocore.session.get_session().get_service_model("codecatalyst")
    shape: Any = model.operation_model("StartDevEnvironmentSession").input_shape
    execution = shape.members["sessionConfiguration"].members["executeCommandSessionConfiguration"]
    limits = {"min": SHORTEST, "max": LONGEST}
    assert {**execution.members["command"].metadata} == limits
    arguments = execution.members["arguments"]
    assert {**arguments.member.metadata} == limits
    assert not arguments.metadata  # how many


def test_command_and_arguments_are_separate_members() -> None:
    assert command("uname") == {
        "sessionType": "SSM",
        "executeCommandSessionConfiguration": {"command": "uname"},
    }
    assert command("sh", "-c", "a b") == {
        "sessionType": "SSM",
        "executeCommandSessionConfiguration": {"command": "sh", "arguments": ["-c", "a b"]},
    }


def test_words_of_the_greatest_length_are_accepted() -> None:
    words = ["\u20ac" * LONGEST, "x" * LONGEST, "x"]
    configuration = command(*words)
    operations.SESSION_CONFIGURATION.check(configuration, "sessionConfiguration")


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["x" * 256], "The command is 256 characters long; the service takes 1 to 255"),
        ([""], "The command is empty"),
        (["sh", "-c", "x" * 1000], "Argument 2 of the command is 1,000 characters long"),
        (["sh", ""], "Argument 1 of the command is empty"),
        (["sh", "\udcff"], "Argument 1 of the command is not UTF-8"),
    ],
)
def test_words_outside_the_limits_are_refused_without_a_call(words: list[str], said: str) -> None:
    with pytest.raises(ConfigError) as refused:
        command(*words)
    assert said in str(refused.value)
    assert "connector shell" in str(refused.value)


@pytest.mark.usefixtures("both_ways")
@pytest.mark.parametrize(
    "request_", [SessionRequest(SHELL), SessionRequest(COMMAND, ("uname", "-s"))]
)
def test_session_is_started_with_its_configuration(
    cloud: Cloud, clock: Clock, request_: SessionRequest
) -> None:
    sessions = make_sessions(cloud, clock, request=request_)
    sessions.start(UNWATCHED)
    (session,) = cloud.model.sessions.living(cloud.environment.id)
    assert session.form is (Form.COMMAND if request_.words else Form.SHELL)
    assert session.command == request_.words
