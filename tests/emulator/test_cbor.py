"""CBOR: RFC 8949's examples, botocore's own reader and writer, and garbage."""

from __future__ import annotations

import contextlib
from typing import Any

import pytest
from botocore.parsers import RpcV2CBORParser
from hypothesis import given
from hypothesis import strategies as st

from connector.emulator.api.protocols.cbor import decode, encode
from connector.emulator.api.protocols.protocol import Instant
from connector.emulator.api.shapes import InvalidInput

VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(1 << 64), (1 << 64) - 1)
    | st.floats(allow_nan=False)
    | st.text()
    | st.binary(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=20,
)


@given(VALUES)
def test_value_survives_both_ways(value: Any) -> None:
    assert decode(encode(value)) == value


@given(st.dictionaries(st.text(), st.integers(-(1 << 64), (1 << 64) - 1) | st.text() | st.binary()))
def test_botocore_reads_what_we_write(value: dict[str, Any]) -> None:
    parser = RpcV2CBORParser()
    stream = parser.get_peekable_stream_from_bytes(encode(value))
    assert parser.parse_data_item(stream) == value


def test_botocore_reads_our_times() -> None:
    parser = RpcV2CBORParser()
    stream = parser.get_peekable_stream_from_bytes(encode(Instant(1_800_000_000.5)))
    assert parser.parse_data_item(stream).timestamp() == 1_800_000_000.5


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("1a000f4240", 1_000_000),
        ("3903e7", -1000),
        ("f93c00", 1.0),
        ("fa47c35000", 100_000.0),
        ("c11a514b67b0", 1_363_896_240),
        ("f7", None),
        ("5f42010243030405ff", b"\1\2\3\4\5"),
        ("7f657374726561646d696e67ff", "streaming"),
        ("9f018202039f0405ffff", [1, [2, 3], [4, 5]]),
        ("bf61610161629f0203ffff", {"a": 1, "b": [2, 3]}),
    ],
)
def test_examples_of_the_rfc_are_read(text: str, value: Any) -> None:
    assert decode(bytes.fromhex(text)) == value


@pytest.mark.parametrize(
    "text",
    [
        *("", "18", "62", "6261", "1c", "1f", "ff", "9f01", "a1", "a10102", "61ff", "f8ff"),
        *("0000", "c21801", "c1f5", "5f6161ff", "c10000", "9bffffffffffffffff", "81" * 100 + "00"),
    ],
)
def test_malformed_cbor_is_refused(text: str) -> None:
    with pytest.raises(InvalidInput):
        decode(bytes.fromhex(text))


@given(st.binary(max_size=64))
def test_any_bytes_are_read_or_refused(content: bytes) -> None:
    with contextlib.suppress(InvalidInput):
        encode(decode(content))


def test_unknown_type_is_an_error() -> None:
    with pytest.raises(TypeError, match="CBOR has no set"):
        encode({1})
