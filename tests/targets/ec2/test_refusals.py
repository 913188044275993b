"""What users read of agents that are not connected."""

from __future__ import annotations

from typing import Any

import pytest

from connector.aws.api import Refused
from connector.errors import ConnectorError, TargetNotReady
from connector.targets.ec2.machines import Machines
from connector.targets.model import FAILED, Query, State
from connector.targets.regional.backend import Found

ID, NODE = "i-0123456789abcdef0", "mi-0123456789abcdef0"


def explained(code: str) -> ConnectorError | None:
    found = Found(ID, region="eu-west-1", details={"agent": "none", "profile": False})
    return Machines.explain(Refused(400, code, "AWS's own words"), "open", found, Query(ID))


def test_agent_that_is_not_connected_has_words_of_its_own() -> None:
    error = explained("TargetNotConnected")

    assert isinstance(error, TargetNotReady)
    assert str(error).startswith(f"The SSM agent of {ID} is not connected. It has no instance")


@pytest.mark.parametrize("code", ["InvalidInstanceID.NotFound", "UnauthorizedOperation"])
def test_other_refusals_have_the_words_of_all_kinds(code: str) -> None:
    assert explained(code) is None


@pytest.mark.parametrize(
    ("id", "details", "advice"),
    [
        (ID, {"agent": "none", "profile": False}, "It has no instance profile: attach one"),
        (ID, {"agent": "none", "profile": True}, "No agent has registered: install one"),
        (ID, {"agent": "ConnectionLost"}, "Check that it runs"),
        (ID, {}, "Check that it runs"),
        (NODE, {"agent": "ConnectionLost"}, "Check that the machine is on"),
    ],
)
def test_advice_depends_on_what_is_known(id: str, details: dict[str, Any], advice: str) -> None:
    found = Found(id, state=State("running", phase=FAILED), details=details)
    assert Machines.advice(found, Query()).startswith(advice)
