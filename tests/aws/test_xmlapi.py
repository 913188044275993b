"""EC2's API without botocore: the same requests, and the same answers to our code."""

from __future__ import annotations

from functools import cache
from typing import Any
from urllib.parse import parse_qsl

import botocore.session
import pytest
from botocore.model import ServiceModel
from botocore.parsers import EC2QueryParser
from botocore.serialize import EC2Serializer
from hypothesis import given
from hypothesis import strategies as st

from connector.aws.api import CallFailed, Refused
from connector.aws.http import Response
from connector.aws.xmlapi import form_of, parse_xml
from connector.targets.ec2 import api
from connector.targets.regional import listing

NAMES = {"reservationSet": "Reservations", "instancesSet": "Instances", "tagSet": "Tags"}


@cache
def model() -> ServiceModel:
    return botocore.session.Session().get_service_model("ec2")


def answered(body: bytes, status: int = 200) -> Response:
    return Response(status, "Reason", {}, body)


@pytest.mark.parametrize(
    ("action", "members"),
    [
        ("DescribeInstances", {"InstanceIds": ["i-0123456789abcdef0", "i-1"]}),
        ("DescribeInstances", {"MaxResults": 1000, "NextToken": "a/b+c= \u20ac&"}),
        ("DescribeInstances", {"Filters": [{"Name": "tag:Name", "Values": ["a", "b c"]}]}),
        ("StartInstances", {"InstanceIds": ["i-1"]}),
        ("StopInstances", {"InstanceIds": ["i-1"]}),
        ("DescribeRegions", {}),
    ],
)
def test_form_is_that_of_botocore(action: str, members: dict[str, Any]) -> None:
    operation = model().operation_model(action)
    expected = EC2Serializer().serialize_to_request(members, operation)["body"]
    pairs = parse_qsl(form_of(action, members).decode(), strict_parsing=True)
    assert dict(pairs) == {name: str(value) for name, value in expected.items()}
    assert len(pairs) == len(expected)


INSTANCES = b"""<?xml version="1.0" encoding="UTF-8"?>
<DescribeInstancesResponse xmlns="http://ec2.amazonaws.com/doc/2016-11-15/">
  <requestId>8f7724cf-496f-496e-8fe3-example</requestId>
  <reservationSet>
    <item>
      <reservationId>r-1</reservationId>
      <groupSet/>
      <instancesSet>
        <item>
          <instanceId>i-1</instanceId>
          <instanceState><code>16</code><name>running</name></instanceState>
          <privateDnsName>ip-10-0-0-1.ec2.internal</privateDnsName>
          <stateReason><code>x</code><message>User &amp; all</message></stateReason>
          <instanceType>t3.micro</instanceType>
          <launchTime>2026-11-29T23:00:00.000Z</launchTime>
          <privateIpAddress>10.0.0.1</privateIpAddress>
          <iamInstanceProfile><arn>arn:x</arn><id>y</id></iamInstanceProfile>
          <tagSet>
            <item><key>Name</key><value>web \xc3\xa4</value></item>
            <item><key>item</key><value>item</value></item>
          </tagSet>
          <platformDetails>Linux/UNIX</platformDetails>
        </item>
        <item>
          <instanceId>i-2</instanceId>
          <instanceState><code>80</code><name>stopped</name></instanceState>
        </item>
      </instancesSet>
    </item>
  </reservationSet>
  <nextToken>more</nextToken>
</DescribeInstancesResponse>"""

CHANGES = b"""<StartInstancesResponse xmlns="http://ec2.amazonaws.com/doc/2016-11-15/">
  <instancesSet><item><instanceId>i-1</instanceId>
    <currentState><code>0</code><name>pending</name></currentState></item></instancesSet>
</StartInstancesResponse>"""

REGIONS = b"""<DescribeRegionsResponse xmlns="http://ec2.amazonaws.com/doc/2016-11-15/">
  <regionInfo><item><regionName>us-east-1</regionName></item></regionInfo>
</DescribeRegionsResponse>"""


@pytest.mark.parametrize(
    ("operation", "body"),
    [
        (api.EC2_API.operations["describe_instances"], INSTANCES),
        (api.EC2_API.operations["start_instances"], CHANGES),
        (
            api.EC2_API.operations["stop_instances"],
            CHANGES.replace(b"StartI", b"StopI"),
        ),
        (listing.EC2_REGIONS.operations["describe_regions"], REGIONS),
    ],
)
def test_answer_is_read_as_botocore_reads_it(operation: Any, body: bytes) -> None:
    shape = model().operation_model(operation.name).output_shape
    assert shape is not None
    parsed = EC2QueryParser(timestamp_parser=str).parse(
        {"status_code": 200, "headers": {}, "body": body}, shape
    )
    ours = operation.response(parse_xml(answered(body), "host", operation.xml_names))
    assert ours == operation.response(parsed)
    assert ours


def test_empty_elements_are_left_out() -> None:
    body = b"<R><reservationSet/><nextToken/><requestId>1</requestId></R>"
    operation = api.EC2_API.operations["describe_instances"]
    assert operation.xml_names is not None
    read = parse_xml(answered(body), "host", operation.xml_names)
    assert read == {"RequestId": "1"}
    assert operation.response(read) == {}


def test_refusal_has_code_and_message() -> None:
    body = (
        b"<Response><Errors><Error><Code>UnauthorizedOperation</Code><Message>No &lt;way&gt;"
        b"</Message></Error></Errors><RequestID>1</RequestID></Response>"
    )
    of_sts = body.replace(b"<Errors>", b"").replace(b"</Errors>", b"")
    for form in (body, of_sts):
        with pytest.raises(Refused) as caught:
            parse_xml(answered(form, 403), "host", NAMES)
        assert (caught.value.status, caught.value.code) == (403, "UnauthorizedOperation")
        assert caught.value.message == "No <way>"


@pytest.mark.parametrize("body", [b"", b"<html>", b"<a/>", b"<Response><Errors/></Response>", b"x"])
def test_refusal_without_words_has_the_status(body: bytes) -> None:
    with pytest.raises(Refused) as caught:
        parse_xml(answered(body, 503), "host", NAMES)
    assert (caught.value.status, caught.value.code) == (503, "503")


@pytest.mark.parametrize(
    "body",
    [
        *(b"", b"{}", b"<a>", b"<a/>", b"<a>text</a>", b"<a><item/></a>"),
        b'<!DOCTYPE a [<!ENTITY b "c">]><a><d>&b;</d></a>',
        b"<a>" * 100 + b"</a>" * 100,
    ],
)
def test_malformed_answer_is_a_failed_call(body: bytes) -> None:
    with pytest.raises(CallFailed, match="from host is malformed"):
        parse_xml(answered(body), "host", NAMES)


@given(st.binary(max_size=60) | st.text("<>/aitem &;", max_size=40).map(str.encode))
def test_any_answer_is_read_or_refused(body: bytes) -> None:
    try:
        assert isinstance(parse_xml(answered(body), "host", NAMES), dict)
    except CallFailed:
        return
