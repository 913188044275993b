"""ARNs of spaces, and what AWS's Toolkit makes of them."""

from __future__ import annotations

import pytest

from connector.ssh.facts import is_plain
from connector.targets.registry import SAGEMAKER
from connector.targets.sagemaker.kind import SageMaker
from connector.targets.sagemaker.names import arn_of, place_of

ARN = "arn:aws:sagemaker:us-east-1:123456789012:space/d-ab12cd34/My-Space"
TOOLKIT = "arn_._aws_._sagemaker_._us-east-1_._123456789012_._space__d-ab12cd34__My-Space"


@pytest.mark.parametrize(
    ("name", "arn"),
    [
        (ARN, ARN),
        (f"sm_lc_{TOOLKIT}", ARN),
        (f"sm_dl_{TOOLKIT}", ARN),
        (f"smc_lc_{TOOLKIT}", ARN),
        (f"smc_dl_{TOOLKIT}", ARN),
        (ARN.replace("aws", "aws-us-gov", 1), ARN.replace("aws", "aws-us-gov", 1)),
    ],
)
def test_name_stands_for_an_arn(name: str, arn: str) -> None:
    assert arn_of(name) == arn
    assert SAGEMAKER.recognises(name)
    found = SageMaker().exact(name)
    assert found is not None
    assert (found.id, found.region) == (arn, "us-east-1")
    assert found.labels == ("My-Space", "d-ab12cd34")


def test_other_name_is_no_arn() -> None:
    names = [
        "",
        "my-space",
        "my-space.research",
        TOOLKIT,
        f"sm_xx_{TOOLKIT}",
        "sm_lc_",
        "sm_lc_my-space",
        "arn:aws:sagemaker",
        ARN.replace("space/", "endpoint/"),
        ARN.replace("sagemaker", "ecs"),
        ARN.replace("space/", "space:"),
        ARN.replace("/", ":"),
        f"{ARN}/default",
        f"{ARN}.us-east-1",
        f"{ARN} x",
        f"{ARN}\n",
        ARN.replace("My", "M\u00fc"),
        ARN.replace("us-east-1", ""),
        ARN.removesuffix("My-Space"),
    ]
    assert [name for name in names if arn_of(name) is not None] == []
    assert [name for name in names if SageMaker().exact(name) is not None] == []


def test_place_names_domain_and_space() -> None:
    assert place_of(ARN) == {"DomainId": "d-ab12cd34", "SpaceName": "My-Space"}


def test_host_key_alias_is_a_word_of_its_own_for_each_space() -> None:
    backend = SageMaker()
    first, second = backend.exact(ARN), backend.exact(ARN.replace("us-east-1", "eu-west-1"))
    assert first
    assert second
    assert backend.host_key_alias(first) != backend.host_key_alias(second)
    assert is_plain(backend.host_key_alias(first))
    assert backend.host_key_alias(first).islower()
