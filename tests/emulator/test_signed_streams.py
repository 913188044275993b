"""The data channels of sessions that signed requests open: upgrades, ports and lines."""

from __future__ import annotations

import json
import ssl
import time
from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import InvalidStatus

from connector.aws.keys.source import AwsKeys
from connector.aws.signing import canonical_query
from connector.aws.sigv4 import presigned_query, signed_headers
from connector.datachannel.messages import PayloadType
from connector.emulator.agent.plugins import (
    InteractiveCommand,
    NonInteractiveCommand,
    Plugin,
    Port,
    Shell,
)
from connector.emulator.api.account import Account, Key, Role
from connector.emulator.gateway.gateway import Gateway
from connector.emulator.listener import Certificates
from connector.emulator.machine.sessionprocess import process_opener
from connector.emulator.sessions import Form, Origin, Session, Sessions, data_channel_url

from .client import Client, opening
from .stages import FAST, open_port

REGION = "eu-west-1"


class Streams:
    """A gateway that checks signatures for an account.

    :ivar opened: the plugins of sessions that run a process.
    """

    def __init__(self, certificates: Certificates, home: Path, port: int) -> None:
        self.shift = 0.0
        self.sessions = Sessions(lambda: time.time() + self.shift)
        self.account = Account(self.sessions, lambda session: "")
        self.opened: list[Plugin] = []
        self.ca_file = certificates.ca_file

        async def dial() -> Any:
            raise OSError("the SSH server is not part of this test")

        def open_process(plugin: Plugin) -> Any:
            self.opened.append(plugin)
            return process_opener(plugin, home=home)

        self.port = port
        self.gateway = Gateway(
            self.sessions,
            dial,
            certificates.server_context,
            open_process=open_process,
            is_signed_upgrade=self.account.signs_upgrade,
            behaviour=FAST,
            seed=1,
        )

    def open(self, form: Form, command: tuple[str, ...] = (), port: int | None = None) -> Session:
        origin = Origin("lamp-1", REGION, "arn")
        return self.account.open_session("lamp-1", origin, form, command, name="mary", port=port)

    def signature(
        self, session: Session, key: Key | None = None, service: str = "ssmmessages", **changes: Any
    ) -> Mapping[str, str]:
        """Return the headers that sign the upgrade of a session."""
        key = key or self.account.user_key
        url = urlsplit(self.url(session))
        keys = AwsKeys(key.id, key.secret, key.token, None)
        signing: dict[str, Any] = {
            "method": "GET",
            "host": url.netloc,
            "path": url.path,
            "query": canonical_query(url.query),
            "headers": {},
            "body": b"",
            "service": service,
            "region": REGION,
            "now": time.time(),
        }
        return signed_headers(keys, **{**signing, **changes})

    def url(self, session: Session) -> str:
        return data_channel_url(self.gateway.url, session)

    async def dial(
        self, session: Session, headers: Mapping[str, str], query: str = ""
    ) -> ClientConnection:
        path, _, own = self.url(session).partition("?")
        return await connect(
            f"{path}?{query or own}",
            ssl=ssl.create_default_context(cafile=str(self.ca_file)),
            additional_headers=headers,
            compression=None,
            proxy=None,
            ping_interval=None,
        )

    async def client(self, session: Session) -> Client:
        """Return a client that has opened a session."""
        connection = await self.dial(session, self.signature(session))
        await connection.send(opening(session.token_value))
        return Client(connection=connection)

    async def status(self, session: Session, headers: Mapping[str, str], query: str = "") -> int:
        """Return the status of an upgrade."""
        try:
            connection = await self.dial(session, headers, query)
        except InvalidStatus as refused:
            return refused.response.status_code
        await connection.close()
        return 101


@pytest.fixture
async def streams(certificates: Certificates, tmp_path: Path) -> AsyncIterator[Streams]:
    async with open_port() as port:
        streams = Streams(certificates, tmp_path, port.number)
        await streams.gateway.start()
        yield streams
        await streams.gateway.stop()


async def test_upgrade_needs_the_accounts_signature(streams: Streams) -> None:
    session = streams.open(Form.SHELL)
    key = streams.account.user_key
    good = streams.signature(session)
    assert await streams.status(session, good) == 101
    for headers in (
        {},
        streams.signature(session, Key(key.id, "another", key.identity)),
        streams.signature(session, Key("AKIDUNKNOWN123456", key.secret, key.identity)),
        streams.signature(session, service="ssm"),
        streams.signature(session, region="ap-east-1"),
        streams.signature(session, now=time.time() - 400),
        streams.signature(session, query="role=publish_subscribe"),
    ):
        assert await streams.status(session, headers) == 403
    role = Role("arn:aws:iam::111122223333:role/builder")
    temporary = streams.account.add_role_key(role, "ci", 60.0)
    assert await streams.status(session, streams.signature(session, temporary)) == 101
    streams.shift = 61.0
    assert await streams.status(session, streams.signature(session, temporary)) == 403


async def test_upgrade_is_signed_in_the_sessions_region(streams: Streams) -> None:
    session = streams.open(Form.SHELL)
    assert await streams.status(session, streams.signature(session, region="us-east-1")) == 403


async def test_upgrade_needs_the_callers_permission(streams: Streams) -> None:
    session = streams.open(Form.SHELL)
    streams.account.deny("ssmmessages:OpenDataChannel", f"*:session/{session.id}")
    assert await streams.status(session, streams.signature(session)) == 403


async def test_presigned_upgrade_is_verified(streams: Streams) -> None:
    key, session = streams.account.user_key, streams.open(Form.SHELL)
    url = urlsplit(streams.url(session))
    query = presigned_query(
        AwsKeys(key.id, key.secret, None, None),
        host=url.netloc,
        path=url.path,
        query=dict(parse_qsl(url.query.replace("+", "%2B"))),
        service="ssmmessages",
        region=REGION,
        expires=60,
        now=time.time(),
    )
    assert await streams.status(session, {}, query) == 101
    for wrong in (query.replace("Expires=60", "Expires=61"), f"{url.query}&X-Amz-Signature=0"):
        assert await streams.status(session, {}, wrong) == 403


async def test_session_of_a_bearer_token_needs_no_signature(streams: Streams) -> None:
    session = streams.sessions.open("dev", "mary")
    assert await streams.status(session, {}) == 101


async def test_port_session_leads_to_its_port(streams: Streams) -> None:
    client = await streams.client(streams.open(Form.FORWARD, port=streams.port))
    request = await client.receive_until(PayloadType.HANDSHAKE_REQUEST)
    (action,) = json.loads(request.payload)["RequestedClientActions"]
    assert action["ActionParameters"]["SessionType"] == "Port"
    assert action["ActionParameters"]["Properties"] == {
        "portNumber": str(streams.port),
        "type": "LocalPortForwarding",
    }
    await client.close()


@pytest.mark.parametrize(
    ("form", "line", "plugin"),
    [
        (Form.LINE, "echo $((6 * 7)) 'a  b'", InteractiveCommand("echo $((6 * 7)) 'a  b'")),
        (
            Form.PIPED_LINE,
            "echo $((6 * 7)) 'a  b'",
            NonInteractiveCommand(("sh", "-c", "echo $((6 * 7)) 'a  b'")),
        ),
    ],
)
async def test_line_is_run_by_a_shell(
    streams: Streams, form: Form, line: str, plugin: Plugin
) -> None:
    client = await streams.client(streams.open(form, (line,)))
    if form is Form.PIPED_LINE:
        await client.shake_hands()
    await client.wait_closed()
    assert client.output.replace(b"\r\n", b"\n") == b"42 a  b\n"
    assert streams.opened == [plugin]


async def test_shell_is_a_shell(streams: Streams) -> None:
    client = await streams.client(streams.open(Form.SHELL))
    while not client.output:  # the prompt: a shell drops what was typed before
        await client.receive()
    await client.send(b"echo $((6 * 7)); exit\r")
    await client.wait_closed()
    assert b"42" in client.output
    assert streams.opened == [Shell()]
    assert Port(22).properties == {"portNumber": "22", "type": ""}
