"""Comparison of JSON and of our shapes with the shapes of botocore's models."""

from __future__ import annotations

import re
from typing import Any

from botocore.model import ListShape, StringShape, StructureShape
from botocore.model import Shape as ModelShape

from connector.emulator.api.shapes import (
    ListOf,
    Shape,
    Structure,
    Text,
    Whole,
)

TIMESTAMP = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z"
JSON_TYPES: dict[str, type] = {"string": str, "integer": int, "long": int, "boolean": bool}


def check_answer(value: Any, shape: Any, where: str = "answer") -> None:
    """Assert that a JSON answer fits ``shape`` exactly."""
    if shape is None:
        assert value == {}, where
    elif isinstance(shape, StructureShape):
        assert isinstance(value, dict), where
        assert set(shape.required_members) <= value.keys(), where
        assert value.keys() <= shape.members.keys(), where
        for name, member in value.items():
            check_answer(member, shape.members[name], f"{where}.{name}")
    elif isinstance(shape, ListShape):
        assert isinstance(value, list), where
        for item in value:
            check_answer(item, shape.member, f"{where}[]")
    elif shape.type_name == "timestamp":
        assert re.fullmatch(TIMESTAMP, value), where
    else:
        assert type(value) is JSON_TYPES[shape.type_name], where
        _check_limits(value, shape, where)


def _check_limits(value: Any, shape: ModelShape, where: str) -> None:
    limits = shape.metadata
    size = len(value) if isinstance(value, str) else value
    assert limits.get("min", size) <= size <= limits.get("max", size), where
    if isinstance(shape, StringShape) and shape.enum:
        assert value in shape.enum, where
    if "pattern" in limits:
        assert re.fullmatch(limits["pattern"], value), where


def check_input(ours: Shape, theirs: Any, where: str) -> None:
    """Assert that our shape of a request equals the one of botocore's model."""
    limits = theirs.metadata
    if isinstance(ours, Structure):
        assert ours.members.keys() == theirs.members.keys(), where
        assert set(ours.required) == set(theirs.required_members), where
        for name, member in ours.members.items():
            check_input(member, theirs.members[name], f"{where}.{name}")
    elif isinstance(ours, ListOf):
        assert theirs.type_name == "list", where
        assert ours.maximum == limits.get("max"), where
        check_input(ours.item, theirs.member, f"{where}[]")
    elif isinstance(ours, Whole):
        assert theirs.type_name == "integer", where
        assert (ours.minimum, ours.maximum) == (limits["min"], limits["max"]), where
    else:
        assert isinstance(ours, Text)
        assert theirs.type_name == "string", where
        assert ours.enum == tuple(theirs.enum), where
        found = (ours.minimum, ours.maximum, ours.pattern)
        assert found == (limits.get("min", 0), limits.get("max"), limits.get("pattern")), where
