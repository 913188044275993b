"""What refusals of EC2, its agents and EC2 Instance Connect say to users."""

from __future__ import annotations

from typing import Any

import pytest

from connector.aws.api import Refused
from connector.errors import ConnectorError, QuotaExceeded, TargetNotFound, TargetNotReady
from connector.targets.ec2.access import agent_advice, explain
from connector.targets.regional.backend import Found

ID, NODE = "i-0123456789abcdef0", "mi-0123456789abcdef0"


def explained(code: str, id: str = ID, **details: Any) -> ConnectorError | None:
    found = Found(id, region="eu-west-1", details=details)
    return explain(Refused(400, code, "AWS's own words"), "start", found)


@pytest.mark.parametrize(
    ("code", "kind", "text"),
    [
        ("InvalidInstanceID.NotFound", TargetNotFound, f"AWS knows no {ID} in eu-west-1"),
        ("InvalidInstanceID.Malformed", TargetNotFound, f"AWS knows no {ID} in eu-west-1"),
        ("InvalidInstanceId", TargetNotFound, f"AWS knows no {ID} in eu-west-1"),
        ("EC2InstanceNotFoundException", TargetNotFound, f"AWS knows no {ID} in eu-west-1"),
        ("InsufficientInstanceCapacity", TargetNotReady, f"AWS has no capacity to start {ID} now"),
        ("InsufficientHostCapacity", TargetNotReady, f"AWS has no capacity to start {ID} now"),
        ("VcpuLimitExceeded", QuotaExceeded, f"A quota of EC2 forbids to start {ID}"),
        ("IncorrectInstanceState", TargetNotReady, f"Cannot start {ID} in its state"),
        ("EC2InstanceStateInvalidException", TargetNotReady, f"Cannot start {ID} in its state"),
        ("TargetNotConnected", TargetNotReady, f"The SSM agent of {ID} is not connected"),
    ],
)
def test_refusal_has_words_of_its_own(code: str, kind: type, text: str) -> None:
    error = explained(code)

    assert type(error) is kind
    assert str(error).startswith(text)


@pytest.mark.parametrize("code", ["RequestLimitExceeded", "UnauthorizedOperation", "Throttling"])
def test_other_refusals_have_the_words_of_all_kinds(code: str) -> None:
    assert explained(code) is None


def test_refusal_of_a_list_has_the_words_of_all_kinds() -> None:
    assert explain(Refused(400, "InvalidInstanceId", ""), "list", None) is None


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
    assert agent_advice(Found(id, details=details)).startswith(advice)
