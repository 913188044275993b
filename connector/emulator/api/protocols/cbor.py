"""CBOR (RFC 8949), as far as AWS's protocol uses it, and that protocol: Smithy RPC v2 with CBOR.

Source of the protocol: https://smithy.io/2.0/additional-specs/protocols/smithy-rpc-v2.html, and
botocore's serializer. No library is needed for so few types.
"""

from __future__ import annotations

import struct
from collections.abc import Mapping
from typing import Any

from aiohttp import web

from ..errors import ApiError
from ..shapes import InvalidInput
from .protocol import Answer, Instant, Operation, Protocol, Received, present

#: How deep a request may be nested. A choice.
DEPTH_MAX = 32

_UNSIGNED, _NEGATIVE, _BYTES, _TEXT, _LIST, _MAP, _TAG, _SIMPLE = range(8)
_INDEFINITE = 31
_BREAK = 0xFF
_SIMPLE_VALUES = {20: False, 21: True, 22: None, 23: None}
_FLOATS = {25: ">e", 26: ">f", 27: ">d"}
_EPOCH = 1  # the tag of a time


class RpcCbor(Protocol):
    """Smithy RPC v2 with CBOR: the service and the operation are in the path.

    :param service: the service's name in paths, such as ``CodeBuild_20161006``.
    """

    content_type = "application/cbor"

    def __init__(self, service: str) -> None:
        self._service = service

    def route(self, operation: Operation) -> tuple[str, str]:
        return "POST", f"/service/{self._service}/operation/{operation.name}"

    def claims(self, operation: Operation, received: Received) -> bool:
        return received.headers.get("smithy-protocol") == "rpc-v2-cbor"

    def read(self, operation: Operation, received: Received) -> dict[str, Any]:
        content = received.body()
        document = decode(content) if content else {}
        if not isinstance(document, dict):
            raise InvalidInput("The body is not a CBOR map")
        return present(document)

    def answer(self, operation: Operation, members: Answer) -> web.Response:
        return self.response(200, encode(present(members)))

    def error(self, error: ApiError) -> web.Response:
        return self.response(error.status, encode({"__type": error.code, **error.body()}))

    def response(self, status: int, content: bytes) -> web.Response:
        response = super().response(status, content)
        response.headers["smithy-protocol"] = "rpc-v2-cbor"
        return response


def encode(value: Any) -> bytes:
    """Return a value in CBOR: None, a boolean, a number, a time, a text, bytes, a list or a map."""
    if value is None:
        return b"\xf6"
    if isinstance(value, bool):
        return b"\xf5" if value else b"\xf4"
    if isinstance(value, int):
        return _head(_UNSIGNED, value) if value >= 0 else _head(_NEGATIVE, -1 - value)
    if isinstance(value, float):
        number = struct.pack(">Bd", _SIMPLE << 5 | 27, value)
        return _head(_TAG, _EPOCH) + number if isinstance(value, Instant) else number
    if isinstance(value, str):
        text = value.encode()
        return _head(_TEXT, len(text)) + text
    if isinstance(value, bytes):
        return _head(_BYTES, len(value)) + value
    if isinstance(value, Mapping):
        pairs = (encode(name) + encode(item) for name, item in value.items())
        return _head(_MAP, len(value)) + b"".join(pairs)
    if isinstance(value, list | tuple):
        return _head(_LIST, len(value)) + b"".join(map(encode, value))
    raise TypeError(f"CBOR has no {type(value).__name__}")


def _head(major: int, number: int) -> bytes:
    if number < 24:
        return bytes([major << 5 | number])
    size = next(size for size in (1, 2, 4, 8) if number < 1 << 8 * size)
    return bytes([major << 5 | 24 + size.bit_length() - 1]) + number.to_bytes(size, "big")


def decode(content: bytes) -> Any:
    """Return the one value that ``content`` holds. A time becomes a number.

    :raises InvalidInput: if the content is no CBOR, or has types that AWS does not use.
    """
    reader = _Reader(content)
    value = reader.item(0)
    if reader.position != len(content):
        raise InvalidInput("The body has bytes after its CBOR value")
    return value


class _Reader:
    """A position in a CBOR document."""

    def __init__(self, content: bytes) -> None:
        self.position = 0
        self._content = content

    def item(self, depth: int) -> Any:
        if depth > DEPTH_MAX:
            raise InvalidInput("The CBOR is nested too deeply")
        first = self._take(1)[0]
        major, info = first >> 5, first & 31
        if major == _SIMPLE:
            return self._simple(info)
        if info == _INDEFINITE:
            return self._indefinite(major, depth)
        number = self._number(info)
        if major == _UNSIGNED:
            return number
        if major == _NEGATIVE:
            return -1 - number
        if major in (_BYTES, _TEXT):
            return self._string(major, self._take(number))
        if major == _LIST:
            return [self.item(depth + 1) for _ in range(number)]
        if major == _MAP:
            return dict(self._pair(depth) for _ in range(number))
        value = self.item(depth + 1)
        if number != _EPOCH or not isinstance(value, int | float) or isinstance(value, bool):
            raise InvalidInput("The CBOR has an unknown tag")
        return value

    def _indefinite(self, major: int, depth: int) -> Any:
        """Read what ends with a break: a string in pieces, a list or a map."""
        if major in (_BYTES, _TEXT):
            pieces = []
            while not self._at_break():
                pieces.append(self.item(depth + 1))
            whole = "".join if major == _TEXT else b"".join
            try:
                return whole(pieces)
            except TypeError:
                raise InvalidInput("The CBOR has a string of mixed pieces") from None
        if major == _LIST:
            items = []
            while not self._at_break():
                items.append(self.item(depth + 1))
            return items
        if major == _MAP:
            pairs = []
            while not self._at_break():
                pairs.append(self._pair(depth))
            return dict(pairs)
        raise InvalidInput("The CBOR has a number without an end")

    def _pair(self, depth: int) -> tuple[str, Any]:
        name = self.item(depth + 1)
        if not isinstance(name, str):
            raise InvalidInput("The CBOR has a map whose keys are not texts")
        return name, self.item(depth + 1)

    def _simple(self, info: int) -> Any:
        if info in _SIMPLE_VALUES:
            return _SIMPLE_VALUES[info]
        if info not in _FLOATS:
            raise InvalidInput("The CBOR has an unknown simple value")
        return struct.unpack(_FLOATS[info], self._take(1 << info - 24))[0]

    def _string(self, major: int, content: bytes) -> str | bytes:
        if major == _BYTES:
            return content
        try:
            return content.decode()
        except UnicodeDecodeError:
            raise InvalidInput("The CBOR has a text that is not UTF-8") from None

    def _number(self, info: int) -> int:
        if info < 24:
            return info
        if info > 27:
            raise InvalidInput("The CBOR has a malformed number")
        return int.from_bytes(self._take(1 << info - 24), "big")

    def _at_break(self) -> bool:
        at = self._content[self.position : self.position + 1] == bytes([_BREAK])
        self.position += at
        return at

    def _take(self, count: int) -> bytes:
        end = self.position + count
        if end > len(self._content):
            raise InvalidInput("The CBOR ends too early")
        taken, self.position = self._content[self.position : end], end
        return taken
