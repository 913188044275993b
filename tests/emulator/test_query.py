"""Forms of the query protocols that no client of AWS would send."""

from __future__ import annotations

from typing import Any

import pytest
from multidict import CIMultiDict

from connector.emulator.api.protocols.protocol import Operation, Received
from connector.emulator.api.protocols.query import LIST_MAX, Ec2Query, Query
from connector.emulator.api.shapes import Flag, InvalidInput, ListOf, Structure, Text, Whole

EC2 = Ec2Query("2016-11-15", "http://ec2.amazonaws.com/doc/2016-11-15/")
STS = Query("2011-06-15", "https://sts.amazonaws.com/doc/2011-06-15/")

SHAPE = Structure(
    {
        "Size": Whole(1, 9),
        "DryRun": Flag(),
        "Id": ListOf(Text()),
        "Tags": ListOf(Structure({"Key": Text(), "Value": Text()})),
    }
)


def read(protocol: Query, form: str) -> dict[str, Any]:
    headers = CIMultiDict({"Content-Type": "application/x-www-form-urlencoded; charset=utf-8"})
    received = Received("POST", "/", headers, {}, {}, form.encode())
    return protocol.read(Operation("Do", "POST", "/", SHAPE), received)


def test_members_have_the_types_of_their_shapes() -> None:
    form = "Action=Do&Version=1&Size=7&DryRun=true&Id.2=b&Id.10=c&Id.1=a"
    assert read(EC2, form) == {"Size": 7, "DryRun": True, "Id": ["a", "b", "c"]}


def test_lists_of_the_older_protocol_have_a_level_more() -> None:
    form = "Tags.member.1.Key=a&Tags.member.1.Value=b&Tags.member.2.Key=member"
    assert read(STS, form) == {"Tags": [{"Key": "a", "Value": "b"}, {"Key": "member"}]}


@pytest.mark.parametrize("size", ["x", "7x", "1.5", "", "9" * 5000, "\u0667"])
def test_malformed_number_breaks_the_shape(size: str) -> None:
    members = read(EC2, f"Size={size}")
    with pytest.raises(InvalidInput, match="Member must be an integer"):
        SHAPE.check(members)


@pytest.mark.parametrize(
    "form",
    [
        "Id=a&Id.1=b",
        ".".join("a" * 20) + "=1",
        "&".join(f"Id.{number}=x" for number in range(LIST_MAX + 1)),
    ],
)
def test_hostile_form_is_refused(form: str) -> None:
    with pytest.raises(InvalidInput):
        read(EC2, form)


def test_strange_names_stay_names() -> None:
    number = "9" * 5000
    assert read(EC2, f"Id.{number}=x&.=y") == {"Id": {number: "x"}, "": {"": "y"}}


def test_body_of_another_type_is_no_form() -> None:
    received = Received("POST", "/", CIMultiDict(), {}, {}, b"Action=Do&Version=2016-11-15")
    assert not EC2.speaks(received)
    assert received.form == {}
