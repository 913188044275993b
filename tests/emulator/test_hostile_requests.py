"""Signed requests with members of any kind: each is answered or refused, none fails the server."""

from __future__ import annotations

import asyncio
import json
import logging
import random
import ssl
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlencode

import aiohttp
import pytest
from yarl import URL

from connector.aws.keys.source import AwsKeys
from connector.aws.sigv4 import signed_headers
from connector.emulator.access import Access
from connector.emulator.api import WORLDS
from connector.emulator.api.account import HOME_REGION
from connector.emulator.api.protocols.cbor import RpcCbor, encode
from connector.emulator.api.protocols.protocol import JSON_RPC, Operation, Protocol
from connector.emulator.api.protocols.query import Ec2Query, Query
from connector.emulator.api.shapes import (
    Flag,
    ListOf,
    MapOf,
    Shape,
    Structure,
    Text,
    Whole,
)
from connector.emulator.app import Emulator

from .test_contract import ENDPOINTS, VERSIONS

TEXTS = ("", "x", "demo", "prod", "i-0123456789abcdef0", "arn:aws:x:y:1:z/a", "MA==", "OTk5OTk=")
STRANGE_TEXTS = ("\0", "é" * 5, "a" * 5000, "%2F", "{x}", "a.b.1")
STRANGE: tuple[Any, ...] = (True, -1, 1.5, "x", [], {}, [[]], {"a": {"b": [1]}}, [None], [{}])


class Maker:
    """Makes requests that mostly fit their shapes. The same seed makes the same requests."""

    def __init__(self, seed: int) -> None:
        self.rng = random.Random(seed)

    def value(self, shape: Shape) -> Any:
        rng = self.rng
        if rng.random() < 0.1:
            return rng.choice(STRANGE)
        if isinstance(shape, Text):
            return rng.choice((*shape.enum, *TEXTS, *STRANGE_TEXTS))
        if isinstance(shape, Whole):
            return rng.choice((shape.minimum, shape.maximum, 0, -5, 1 << 63))
        if isinstance(shape, Flag):
            return rng.random() < 0.5
        if isinstance(shape, ListOf):
            return [self.value(shape.item) for _ in range(rng.choice((0, 1, 2, 5)))]
        if isinstance(shape, MapOf):
            return {text: self.value(shape.item) for text in rng.sample(TEXTS, 2)}
        if isinstance(shape, Structure):
            kept = (pair for pair in shape.members.items() if rng.random() < 0.8)
            return {name: self.value(member) for name, member in kept}
        return rng.choice((0, 1e12, "2020-01-01", "x"))

    def members(self, operation: Operation) -> dict[str, Any]:
        value = self.value(operation.input)
        return value if isinstance(value, dict) else {}


def request_of(
    protocol: Protocol, operation: Operation, members: dict[str, Any]
) -> tuple[str, str, bytes, dict[str, str]]:
    """Return the method, the path, the body and the headers of a request."""
    method, path = protocol.route(operation)
    if isinstance(protocol, Query):
        level = "" if isinstance(protocol, Ec2Query) else ".member"
        names = [("Action", operation.name), ("Version", VERSIONS[operation.service])]
        body = urlencode([*names, *form("", members, level)]).encode()
        return method, path, body, {"Content-Type": "application/x-www-form-urlencoded"}
    if isinstance(protocol, RpcCbor):
        return method, path, encode(members), {"smithy-protocol": "rpc-v2-cbor"}
    headers = {"Content-Type": "application/json"}
    if protocol is JSON_RPC:
        headers["X-Amz-Target"] = operation.target
    for name in list(operation.input.members):
        if f"{{{name}}}" in path:
            path = path.replace(f"{{{name}}}", quote(str(members.pop(name, "x")) or "x", safe=""))
    return method, path, json.dumps(members).encode(), headers


def form(prefix: str, value: Any, level: str) -> Iterator[tuple[str, str]]:
    if isinstance(value, dict):
        for name, member in value.items():
            yield from form(f"{prefix}.{name}" if prefix else name, member, level)
    elif isinstance(value, list):
        for number, member in enumerate(value, 1):
            yield from form(f"{prefix}{level}.{number}", member, level)
    else:
        yield prefix, str(value)


def session_for(access: Access) -> aiohttp.ClientSession:
    context = ssl.create_default_context(cafile=str(access.ca_file))
    return aiohttp.ClientSession(connector=aiohttp.TCPConnector(ssl=context))


async def send(
    session: aiohttp.ClientSession,
    access: Access,
    service: str,
    request: tuple[str, str, bytes, dict[str, str]],
) -> tuple[int, str]:
    method, path, body, headers = request
    signature = signed_headers(
        AwsKeys(access.access_key_id, access.secret_key, None, None),
        method=method,
        host=access.endpoint_url.partition("//")[2],
        path=path,
        query="",
        headers=headers,
        body=body,
        service=service,
        region=HOME_REGION,
        now=time.time(),
    )
    url = URL(access.endpoint_url + path, encoded=True)
    async with session.request(method, url, data=body, headers={**headers, **signature}) as answer:
        return answer.status, await answer.text(errors="replace")


@pytest.mark.parametrize("damaged", [False, True], ids=["whole", "damaged"])
async def test_any_request_is_answered_or_refused(tmp_path: Path, damaged: bool) -> None:
    maker = Maker(7)
    statuses: Counter[int] = Counter()
    emulator = Emulator(tmp_path, kinds=tuple(WORLDS), home=tmp_path)
    async with emulator as access, session_for(access) as session:
        for _ in range(250):
            operation = maker.rng.choice(ENDPOINTS).operation
            protocol = maker.rng.choice(operation.protocols)
            members = maker.members(operation)
            method, path, body, headers = request_of(protocol, operation, dict(members))
            if damaged:
                body = bytes(maker.rng.choices(body, k=len(body)))
            status, text = await send(
                session, access, operation.service, (method, path, body, headers)
            )
            assert status < 500, (operation.full_name, members, text)
            assert "does not match the signature" not in text, (operation.full_name, members)
            statuses[status] += 1
    assert statuses[400] > 50
    assert damaged or statuses[200] > 10


#: The end of a request whose body is longer. The client leaves without an answer.
LEAVING = b"Content-Length: 9\r\n\r\nx"

#: Requests that are no HTTP, or whose parts are malformed: for the API, and for the gateway.
OF_API = (
    b"POST / HTTP/1.1\r\nHost: x\r\n" + LEAVING,
    b"\0\1\2",
    b"GET / HTTP/9.9\r\n\r\n",
    b"GET http://[/ HTTP/1.1\r\nHost: x\r\n\r\n",
    b"GET //[ HTTP/1.1\r\nHost: x\r\n\r\n",
    b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n",
    b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nxyz\r\n",
    b"POST / HTTP/1.1\r\nHost: x\r\nContent-Encoding: gzip\r\nContent-Length: 3\r\n\r\nabc",
    b"GET /openTunnel HTTP/1.1\r\nHost: x\r\nContent-Encoding: gzip\r\nContent-Length: 1\r\n\r\nx",
    b"GET / HTTP/1.1\r\nHost: x\r\nX: " + b"x" * 20_000 + b"\r\n\r\n",
    *(
        b"POST %s HTTP/1.1\r\nHost: x\r\nContent-Type: %s\r\nContent-Length: 1\r\n\r\n\xff" % each
        for each in (
            (b"/device", b"multipart/form-data; boundary=x"),
            (b"/device", b"application/x-www-form-urlencoded"),
            (b"/", b"application/x-www-form-urlencoded"),
            (b"/", b"application/x-amz-json-1.1; charset=\xff"),
        )
    ),
)
_UPGRADE = (
    b"Host: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
    b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
)
OF_GATEWAY = (
    b"\0\1\2\r\n",  # without the end of a line, the gateway waits for 10 s
    b"x" * 100_000,
    *(
        b"GET %s HTTP/1.1\r\n%s" % (path, _UPGRADE)
        for path in (b"//[", b"http://[/", b"*", b"/v1/data-channel/%ff?role=publish_subscribe")
    ),
    *(
        b"GET /v1/data-channel/x?role=publish_subscribe HTTP/1.1\r\n%s%s" % (_UPGRADE, frame)
        for frame in (
            b"\xff\xff\xff",
            b"\x81\x82\0\0\0\0\xff\xff",
            b"\x81\xfe\xff\xff",
            b"\x82\x80\0\0\0\0",
        )
    ),
)


async def test_bytes_that_are_no_request_fail_no_server(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    emulator = Emulator(tmp_path, kinds=tuple(WORLDS), home=tmp_path)

    async def status_line(url: str, content: bytes) -> bytes:
        port = int(url.rpartition(":")[2])
        reader, writer = await asyncio.open_connection("127.0.0.1", port, ssl=context)
        writer.write(content)
        line = b"" if content.endswith(LEAVING) else await reader.readline()
        writer.transport.abort()
        return line

    async with emulator as access:
        context = ssl.create_default_context(cafile=str(access.ca_file))
        for url, contents in ((access.endpoint_url, OF_API), (access.gateway_url, OF_GATEWAY)):
            for content in contents:
                assert b" 500 " not in await status_line(url, content), content
    loud = [record for record in caplog.records if record.levelno >= logging.WARNING]
    assert [record.getMessage() for record in loud] == []
