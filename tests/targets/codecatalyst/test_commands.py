"""What is asked of the service for a shell and for a command."""

from __future__ import annotations

from typing import Any

import botocore.session
import pytest

from connector.emulator.api.codecatalyst import operations
from connector.emulator.sessions import Form
from connector.errors import ConfigError
from connector.targets.codecatalyst.commands import (
    LONGEST,
    SHORTEST,
    command_session,
    shell_session,
)

from ...aws.cloud import Cloud
from ...aws.helpers import (
    UNWATCHED,
    Clock,
    make_sessions,
)


def test_the_limits_are_those_of_the_services_model() -> None:
    model = botocore.session.get_session().get_service_model("codecatalyst")
    shape: Any = model.operation_model("StartDevEnvironmentSession").input_shape
    execution = shape.members["sessionConfiguration"].members["executeCommandSessionConfiguration"]
    limits = {"min": SHORTEST, "max": LONGEST}
    assert {**execution.members["command"].metadata} == limits
    arguments = execution.members["arguments"]
    assert {**arguments.member.metadata} == limits
    assert not arguments.metadata  # how many


def test_a_command_and_its_arguments_are_given_apart() -> None:
    assert command_session(["uname"]) == {
        "sessionType": "SSM",
        "executeCommandSessionConfiguration": {"command": "uname"},
    }
    assert command_session(["sh", "-c", "a b"]) == {
        "sessionType": "SSM",
        "executeCommandSessionConfiguration": {"command": "sh", "arguments": ["-c", "a b"]},
    }


def test_what_is_as_long_as_may_be_is_taken() -> None:
    words = ["\u20ac" * LONGEST, "x" * LONGEST, "x"]
    configuration = command_session(words)
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
def test_what_the_service_does_not_take_is_refused_before_it_is_asked(
    words: list[str], said: str
) -> None:
    with pytest.raises(ConfigError) as refused:
        command_session(words)
    assert said in str(refused.value)
    assert "connector shell" in str(refused.value)


@pytest.mark.usefixtures("both_ways")
@pytest.mark.parametrize("configuration", [shell_session(), command_session(["uname", "-s"])])
def test_a_session_is_started_for_what_it_is_for(
    cloud: Cloud, clock: Clock, configuration: dict[str, Any]
) -> None:
    sessions = make_sessions(cloud, clock, configuration=configuration)
    sessions.start(UNWATCHED)
    (session,) = cloud.model.sessions.living(cloud.environment.id)
    command = "executeCommandSessionConfiguration" in configuration
    assert session.form is (Form.COMMAND if command else Form.SHELL)
    assert session.command == (("uname", "-s") if command else ())
