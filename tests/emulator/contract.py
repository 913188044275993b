"""Comparison of answers and of our shapes with the shapes of botocore's models."""

from __future__ import annotations

import json
import re
from typing import Any
from xml.etree import ElementTree

from botocore.model import ListShape, MapShape, StringShape, StructureShape
from botocore.model import Shape as ModelShape

from connector.emulator.api.protocols.cbor import decode
from connector.emulator.api.shapes import (
    Flag,
    ListOf,
    MapOf,
    Shape,
    Structure,
    Text,
    Time,
    Whole,
)

TIMESTAMP = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z"
JSON_TYPES: dict[str, type] = {"string": str, "integer": int, "long": int, "boolean": bool}

#: Members of the answers of the query protocols that no model has.
XML_EXTRA = {"requestId", "ResponseMetadata"}


def check_raw_answer(operation_model: Any, response_dict: Any, **_: Any) -> None:
    """Assert that an answer's members are those of the model: a handler of ``before-parse``."""
    if response_dict["status_code"] >= 300:
        return
    assert response_dict["status_code"] == operation_model.http.get("responseCode", 200)
    body, shape = response_dict["body"], operation_model.output_shape
    protocol = operation_model.service_model.resolved_protocol
    if protocol in ("query", "ec2"):
        root = ElementTree.fromstring(body)
        if protocol == "query" and shape is not None:
            root = next(child for child in root if _tag(child) == f"{operation_model.name}Result")
        _check_xml(root, shape, operation_model.name)
    elif protocol == "smithy-rpc-v2-cbor":
        check_answer(decode(body), shape, times=float)
    else:
        times = str if protocol == "rest-json" else float
        check_answer(json.loads(body), shape, times=times)


def check_answer(value: Any, shape: Any, where: str = "answer", times: type = str) -> None:
    """Assert that a JSON answer fits ``shape`` exactly.

    :param times: the type of timestamps: texts of ISO 8601, or numbers.
    """
    if shape is None:
        assert value == {}, where
    elif isinstance(shape, StructureShape):
        assert isinstance(value, dict), where
        assert set(shape.required_members) <= value.keys(), where
        assert value.keys() <= shape.members.keys(), where
        for name, member in value.items():
            check_answer(member, shape.members[name], f"{where}.{name}", times)
    elif isinstance(shape, ListShape):
        assert isinstance(value, list), where
        for item in value:
            check_answer(item, shape.member, f"{where}[]", times)
    elif isinstance(shape, MapShape):
        assert isinstance(value, dict), where
        for name, item in value.items():
            check_answer(name, shape.key, f"{where} key", times)
            check_answer(item, shape.value, f"{where}[{name}]", times)
    elif shape.type_name == "timestamp":
        assert isinstance(value, times), where
        assert times is float or re.fullmatch(TIMESTAMP, str(value)), where
    else:
        assert type(value) is JSON_TYPES[shape.type_name], where
        _check_limits(value, shape, where)


def _check_xml(node: Any, shape: Any, where: str) -> None:
    """Assert that an element fits ``shape``, by the names on the wire."""
    if shape is None:
        assert {_tag(child) for child in node} <= XML_EXTRA, where
    elif isinstance(shape, StructureShape):
        names = {
            member.serialization.get("name", name): member for name, member in shape.members.items()
        }
        tags = [_tag(child) for child in node if _tag(child) not in XML_EXTRA]
        assert set(tags) <= names.keys(), where
        assert len(tags) == len(set(tags)), where
        assert {
            shape.members[name].serialization.get("name", name) for name in shape.required_members
        } <= set(tags), where
        for child in node:
            if _tag(child) in names:
                _check_xml(child, names[_tag(child)], f"{where}.{_tag(child)}")
    elif isinstance(shape, ListShape):
        for child in node:
            assert _tag(child) == shape.member.serialization.get("name", "member"), where
            _check_xml(child, shape.member, f"{where}[]")
    elif shape.type_name == "timestamp":
        assert re.fullmatch(TIMESTAMP, node.text), where
    else:
        assert len(node) == 0, where
        text = node.text or ""
        value: Any = text
        if shape.type_name == "boolean":
            value = {"true": True, "false": False}[text]
        elif shape.type_name != "string":
            value = int(text)
        _check_limits(value, shape, where)


def _tag(node: Any) -> str:
    name: str = node.tag
    return name.rpartition("}")[2]


def _check_limits(value: Any, shape: ModelShape, where: str) -> None:
    limits = shape.metadata
    size = len(value) if isinstance(value, str) else value
    assert limits.get("min", size) <= size <= limits.get("max", size), where
    if isinstance(shape, StringShape) and shape.enum:
        assert value in shape.enum, where
    if "pattern" in limits:
        assert re.fullmatch(_pattern(limits["pattern"]), value), where


def _pattern(text: str) -> str:
    """Return a pattern of a model as Python writes it: Java has longer escapes."""
    return re.sub(r"\\u1([0-9A-F]{4})", r"\\U0001\1", text)


def check_input(
    ours: Shape, theirs: Any, where: str, wire: str = "json", exact: bool = True
) -> None:
    """Assert that our shape of a request equals the one of botocore's model.

    :param wire: the protocol, which decides the members' names: ``ec2`` or another.
    :param exact: whether ours must have all members, with all their limits; otherwise it may lack
        some, but has no other ones.
    """
    limits = theirs.metadata
    if isinstance(ours, Structure):
        members = {
            _wire_name(name, member, wire): member for name, member in theirs.members.items()
        }
        required = {
            _wire_name(name, theirs.members[name], wire) for name in theirs.required_members
        }
        assert ours.members.keys() <= members.keys(), where
        assert not exact or ours.members.keys() == members.keys(), where
        assert set(ours.required) == required, where
        for name, member in ours.members.items():
            check_input(member, members[name], f"{where}.{name}", wire, exact)
    elif isinstance(ours, ListOf):
        assert theirs.type_name == "list", where
        _check_limit(ours.minimum, limits.get("min", 0), 0, exact, where)
        _check_limit(ours.maximum, limits.get("max"), None, exact, where)
        check_input(ours.item, theirs.member, f"{where}[]", wire, exact)
    elif isinstance(ours, MapOf):
        assert theirs.type_name == "map", where
        check_input(ours.key, theirs.key, f"{where} key", wire, exact)
        check_input(ours.item, theirs.value, f"{where} value", wire, exact)
    elif isinstance(ours, Whole):
        assert theirs.type_name in ("integer", "long"), where
        assert limits.get("min", ours.minimum) == ours.minimum, (where, ours)
        assert limits.get("max", ours.maximum) == ours.maximum, (where, ours)
    elif isinstance(ours, Flag):
        assert theirs.type_name == "boolean", where
    elif isinstance(ours, Time):
        assert theirs.type_name == "timestamp", where
    else:
        assert isinstance(ours, Text)
        assert theirs.type_name == "string", where
        _check_limit(ours.enum, tuple(theirs.enum), (), exact, where)
        _check_limit(ours.minimum, limits.get("min", 0), 0, exact, where)
        _check_limit(ours.maximum, limits.get("max"), None, exact, where)
        _check_limit(ours.pattern, limits.get("pattern"), None, exact, where)


def _check_limit(ours: object, theirs: object, none: object, exact: bool, where: str) -> None:
    """Assert that a limit is the model's, or lacks where it may.

    :param none: the value that stands for no limit.
    """
    assert ours == theirs or (not exact and ours == none), (where, ours, theirs)


def _wire_name(name: str, member: ModelShape, wire: str) -> str:
    """Return a member's name in requests. EC2's is that of answers with a capital, or another."""
    if wire != "ec2":
        return name
    written = member.serialization.get("name", name)
    query_name: str = member.serialization.get("queryName", written[0].upper() + written[1:])
    return query_name
