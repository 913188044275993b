"""The query protocols: a form with ``Action`` and ``Version`` in, XML out.

``Query`` is that of STS, ``Ec2Query`` that of EC2. Source: botocore's serializer and parser of
both. Members have their names on the wire: for EC2 ``InstanceId`` is a list, and an answer has
``reservationSet``, not ``Reservations``.
"""

from __future__ import annotations

import re
import uuid
from datetime import datetime, timezone
from typing import Any
from xml.sax.saxutils import escape

from aiohttp import web

from ..errors import ApiError
from ..shapes import InvalidInput
from .protocol import Answer, Instant, Operation, Protocol, Received

#: The longest list of a request. A choice: AWS's limits differ by operation.
LIST_MAX = 10_000

_NUMBER = re.compile(r"[0-9]{1,9}")

#: Characters that XML 1.0 cannot have.
_UNPRINTABLE = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


class Query(Protocol):
    """The query protocol of STS.

    :param version: of the API, such as ``2011-06-15``.
    :param namespace: of the XML.
    """

    content_type = "text/xml"
    #: The name of a list's elements in answers.
    element = "member"
    #: The parameter between a list's name and its numbers in requests.
    level = "member"

    def __init__(self, version: str, namespace: str) -> None:
        self._version = version
        self._namespace = namespace

    def route(self, operation: Operation) -> tuple[str, str]:
        return "POST", "/"

    def claims(self, operation: Operation, received: Received) -> bool:
        form = received.form
        return (form.get("Action"), form.get("Version")) == (operation.name, self._version)

    def speaks(self, received: Received) -> bool:
        return received.form.get("Version") == self._version

    def unknown_operation(self) -> ApiError:
        return ApiError("The action is not valid for this web service.", "InvalidAction")

    def read(self, operation: Operation, received: Received) -> dict[str, Any]:
        received.body()
        tree: dict[str, Any] = {}
        for name, value in received.form.items():
            if name not in ("Action", "Version"):
                _plant(tree, name.split("."), value)
        members = {name: self._grown(member) for name, member in tree.items()}
        parsed = operation.input.parse(members)
        assert isinstance(parsed, dict)
        return parsed

    def answer(self, operation: Operation, members: Answer) -> web.Response:
        inner = f"<{operation.name}Result>{self._members(members)}</{operation.name}Result>"
        metadata = f"<ResponseMetadata><RequestId>{uuid.uuid4()}</RequestId></ResponseMetadata>"
        return self._document(200, f"{operation.name}Response", inner + metadata)

    def error(self, error: ApiError) -> web.Response:
        kind = "Sender" if error.status < 500 else "Receiver"
        inner = (
            f"<Error><Type>{kind}</Type><Code>{escape(error.code)}</Code>"
            f"<Message>{_text(error.message)}</Message></Error>"
            f"<RequestId>{uuid.uuid4()}</RequestId>"
        )
        return self._document(error.status, "ErrorResponse", inner)

    def _document(self, status: int, root: str, inner: str) -> web.Response:
        text = f'<{root} xmlns="{self._namespace}">{inner}</{root}>'
        return self.response(status, text.encode())

    def _members(self, members: Answer) -> str:
        return "".join(
            f"<{name}>{self._value(value)}</{name}>"
            for name, value in members.items()
            if value is not None
        )

    def _value(self, value: Any) -> str:
        if isinstance(value, dict):
            return self._members(value)
        if isinstance(value, list | tuple):
            return "".join(
                f"<{self.element}>{self._value(item)}</{self.element}>" for item in value
            )
        if isinstance(value, bool):
            return str(value).lower()
        if isinstance(value, Instant):
            time = datetime.fromtimestamp(value, timezone.utc)
            return time.isoformat(timespec="milliseconds").replace("+00:00", "Z")
        return _text(str(value))

    def _grown(self, node: Any) -> Any:
        """Return the value of a branch: a list for numbers, a dictionary for names."""
        if not isinstance(node, dict):
            return node
        if self.level and node.keys() == {self.level} and isinstance(node[self.level], dict):
            node = node[self.level]
        if node and all(_NUMBER.fullmatch(name) for name in node):
            if len(node) > LIST_MAX:
                raise InvalidInput(f"A list has more than {LIST_MAX} items")
            return [self._grown(node[name]) for name in sorted(node, key=int)]
        return {name: self._grown(member) for name, member in node.items()}


class Ec2Query(Query):
    """The query protocol of EC2: lists are flat in requests, and ``item`` in answers."""

    content_type = "text/xml;charset=UTF-8"
    element = "item"
    level = ""

    def answer(self, operation: Operation, members: Answer) -> web.Response:
        inner = f"<requestId>{uuid.uuid4()}</requestId>{self._members(members)}"
        return self._document(200, f"{operation.name}Response", inner)

    def error(self, error: ApiError) -> web.Response:
        text = (
            '<?xml version="1.0" encoding="UTF-8"?>\n<Response><Errors><Error>'
            f"<Code>{escape(error.code)}</Code><Message>{_text(error.message)}</Message>"
            f"</Error></Errors><RequestID>{uuid.uuid4()}</RequestID></Response>"
        )
        return self.response(error.status, text.encode())


def _plant(tree: dict[str, Any], path: list[str], value: str) -> None:
    """Put a value into the tree of a form, where dots separate the levels of its name."""
    if len(path) > 10:
        raise InvalidInput("A parameter is nested too deeply")
    *levels, last = path
    for level in levels:
        tree = tree.setdefault(level, {})
        if not isinstance(tree, dict):
            raise InvalidInput("A parameter is both a value and a structure")
    tree[last] = value


def _text(text: str) -> str:
    """Return the text with XML's escapes, without the characters that XML cannot have."""
    return escape(_UNPRINTABLE.sub("?", text))
