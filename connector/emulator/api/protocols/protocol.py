"""What a protocol is, and the plain one: AWS's REST with JSON bodies."""

from __future__ import annotations

import json
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, ClassVar
from urllib.parse import parse_qsl

from aiohttp import web

from ..errors import ApiError, UnknownOperationException
from ..shapes import InvalidInput, Structure

Answer = Mapping[str, Any]


class Instant(float):
    """A time in an answer, in seconds since the epoch. Each protocol writes it its own way."""


@dataclass(frozen=True)
class Received:
    """One request as it came.

    :ivar target: the path and the query, as on the wire.
    :ivar names: the members in the path.
    :ivar problem: why the body could not be read; the content is empty then.
    """

    method: str
    target: str
    headers: Mapping[str, str]
    query: Mapping[str, str]
    names: Mapping[str, str]
    content: bytes
    problem: str = ""

    @cached_property
    def form(self) -> dict[str, str]:
        """The parameters of a form, without their order; empty if the body is no form."""
        kind = self.headers.get("Content-Type", "").partition(";")[0].strip().lower()
        if kind != "application/x-www-form-urlencoded":
            return {}
        text = self.content.decode("utf-8", "surrogateescape")
        return dict(parse_qsl(text, keep_blank_values=True, errors="surrogateescape"))

    def body(self) -> bytes:
        """Return the content; raises InvalidInput if it could not be read."""
        if self.problem:
            raise InvalidInput(self.problem)
        return self.content


class Protocol:
    """REST with JSON, and what the other protocols change.

    A protocol is told operations by name and shape. It reads the members of a request, and
    writes answers and errors.
    """

    content_type: ClassVar[str] = "application/json"

    def route(self, operation: Operation) -> tuple[str, str]:
        """Return the method and the path, with names of members in braces."""
        return operation.method, operation.path

    def claims(self, operation: Operation, received: Received) -> bool:
        """Return whether a request of the operation's route is for this operation."""
        return operation.target in ("", received.headers.get("X-Amz-Target", ""))

    def speaks(self, received: Received) -> bool:
        """Return whether a request of an unknown operation wants its error in this protocol."""
        return False

    def unknown_operation(self) -> ApiError:
        """Return the error of a request that names no operation."""
        return UnknownOperationException("No operation has this method and path")

    def read(self, operation: Operation, received: Received) -> dict[str, Any]:
        """Return the members; raises InvalidInput."""
        members = read_json(received.body()) if received.method in ("PUT", "POST") else {}
        query = {
            name: received.query[wire]
            for name, wire in operation.query_names().items()
            if wire in received.query
        }
        headers = {
            name: received.headers[header]
            for name, header in operation.headers.items()
            if header in received.headers
        }
        placed = operation.input.parse({**query, **headers, **received.names})
        return {**members, **placed}

    def answer(self, operation: Operation, members: Answer) -> web.Response:
        """Return the answer of a success."""
        return self.response(200, json.dumps(present(members)).encode())

    def error(self, error: ApiError) -> web.Response:
        """Return the answer of a failure."""
        response = self.response(error.status, json.dumps(error.body()).encode())
        response.headers["x-amzn-errortype"] = error.code
        return response

    def response(self, status: int, content: bytes) -> web.Response:
        """Return a response of this protocol's type with an id of its own."""
        return web.Response(
            status=status,
            body=content,
            headers={"x-amzn-RequestId": str(uuid.uuid4()), "Content-Type": self.content_type},
        )


class JsonRpc(Protocol):
    """AWS JSON 1.1: one path for all operations, the operation's name in X-Amz-Target."""

    content_type = "application/x-amz-json-1.1"

    def speaks(self, received: Received) -> bool:
        return "X-Amz-Target" in received.headers

    def unknown_operation(self) -> ApiError:
        return ApiError("The operation is unknown", "UnknownOperationException")

    def error(self, error: ApiError) -> web.Response:
        body = {"__type": error.code, **error.body()}
        return self.response(error.status, json.dumps(body).encode())


REST_JSON = Protocol()
JSON_RPC = JsonRpc()


@dataclass(frozen=True)
class Operation:
    """One operation of an API. It answers success with status 200.

    :ivar input: all members: those that ``path`` names in braces, those of ``query`` and
        ``headers``, and the rest, which the body has.
    :ivar query: the members in the query string, or pairs of a member and its name there.
    :ivar target: the value of the header X-Amz-Target; in other protocols than JSON 1.1 what
        their rooms say.
    :ivar headers: the members in headers, with the name of each header.
    :ivar service: the service's name in IAM, for messages and logs; empty for APIs without IAM.
    :ivar protocols: the ways in which the operation can be called.
    """

    name: str
    method: str
    path: str
    input: Structure
    query: tuple[str | tuple[str, str], ...] = ()
    target: str = ""
    headers: Mapping[str, str] = field(default_factory=dict)
    service: str = ""
    protocols: tuple[Protocol, ...] = (REST_JSON,)

    @property
    def full_name(self) -> str:
        """``ssm:StartSession``, or the name alone without a service."""
        return f"{self.service}:{self.name}" if self.service else self.name

    def query_names(self) -> dict[str, str]:
        """Return the names in the query string by the names of their members."""
        return dict((name, name) if isinstance(name, str) else name for name in self.query)


def read_json(content: bytes) -> dict[str, Any]:
    """Return the members of a JSON body; raises InvalidInput."""
    try:
        document = json.loads(content) if content else {}
    except (ValueError, RecursionError):
        raise InvalidInput("The body is not JSON") from None
    if not isinstance(document, dict):
        raise InvalidInput("The body is not a JSON object")
    # In JSON, null stands for an optional member that is missing.
    return present(document)


def present(members: Mapping[str, Any]) -> dict[str, Any]:
    """Return the members that are not ``None``."""
    return {name: value for name, value in members.items() if value is not None}
