"""The light client sends the same requests as botocore."""

from __future__ import annotations

import json
import os
import socket
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from typing import Any
from unittest.mock import patch

import botocore.session
import pytest

from connector.aws.api import Api
from connector.aws.sdk import ClientFactory
from connector.targets.codecatalyst.api import light_api, sdk_api
from connector.targets.codecatalyst.requests import configuration_of
from connector.targets.model import COMMAND, SHELL, SessionRequest
from connector.transport.trust import Trust

from .recording import Recorder, Request, read

#: The members that name a Dev Environment ...
PLACE = {
    "spaceName": "My_Sp.a-ce9",
    "projectName": "9.Pro-ject_X",
    "id": "01234567-89AB-cdef-0123-456789abcdef",
}

#: ... and those of operations that take others, by operation.
NAMES = {
    "list_dev_environment_sessions": {**PLACE, "devEnvironmentId": PLACE["id"]},
    "list_spaces": {},
    "list_projects": {"spaceName": PLACE["spaceName"]},
    "list_dev_environments": {name: PLACE[name] for name in ("spaceName", "projectName")},
}
del NAMES["list_dev_environment_sessions"]["id"]


ANSWER = json.dumps(
    {
        "accessDetails": {"streamUrl": "wss://x", "tokenValue": "t"},
        "identity": "mary",
        "items": [],
        "status": "RUNNING",
    }
).encode()


TOKEN = "aoa-Token_1.2~3+/="


class PlainBotocore:
    """A client of botocore with its own transport."""

    def __init__(self, session: botocore.session.Session, url: str, ca_bundle: str) -> None:
        with patch.dict(os.environ, AWS_BEARER_TOKEN_CODECATALYST=TOKEN):
            self._client = session.create_client(
                "codecatalyst",
                "us-west-2",
                endpoint_url=url,
                verify=ca_bundle,
                aws_access_key_id="unused",  # or botocore would look for keys in the network
                aws_secret_access_key="unused",
            )

    def call(
        self,
        operation: str,
        token: str,
        *,
        connect_timeout: float,
        read_timeout: float,
        **members: Any,
    ) -> dict[str, Any]:
        answer: dict[str, Any] = getattr(self._client, operation)(**members)
        return answer


Ask = Callable[[Api], object]


@pytest.fixture(scope="module")
def asked(
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Callable[[str, Ask], list[Request]]]:
    """Return the request of plain botocore, of botocore through us, and of our client.

    All tests share the server, botocore's sessions, and its clients, which take long to create.
    """
    with Recorder(tmp_path_factory.mktemp("peer"), ANSWER) as peer:
        ca_bundle = str(peer.ca_file)
        session = botocore.session.Session()
        factory = ClientFactory(None, Trust(ca_bundle).connect)

        @cache
        def ways(prefix: str) -> tuple[Api, Api, Api]:
            url = f"https://localhost:{peer.port}{prefix}"
            plain = PlainBotocore(session, url, ca_bundle)
            return plain, sdk_api(factory, url), light_api(url, Trust(ca_bundle).connect)

        def ask_all(prefix: str, ask: Ask) -> list[Request]:
            peer.requests.clear()
            for way in ways(prefix):
                ask(way)
            return [read(request) for request in peer.requests]

        yield ask_all


@pytest.mark.parametrize("prefix", ["", "/", "/stage", "/a.b/~c-d_e/"])
@pytest.mark.parametrize(
    ("operation", "members"),
    [
        ("start_dev_environment_session", {"sessionConfiguration": {"sessionType": "SSH"}}),
        (
            "start_dev_environment_session",
            {"sessionConfiguration": configuration_of(SessionRequest(SHELL))},
        ),
        (
            "start_dev_environment_session",
            {
                "sessionConfiguration": configuration_of(
                    SessionRequest(COMMAND, ("sh", "-c", 'echo "\u00e9\u20ac" & ls'))
                )
            },
        ),
        ("stop_dev_environment_session", {"sessionId": "codecatalyst-0a1b2c3d"}),
        ("stop_dev_environment_session", {"sessionId": "a/b c?d#e%41+&=\u00e9\u20ac~_.-*'()"}),
        ("stop_dev_environment_session", {"sessionId": "{id}../"}),
        ("get_dev_environment", {}),
        ("start_dev_environment", {}),
        ("stop_dev_environment", {}),
        ("list_dev_environment_sessions", {}),
        ("list_dev_environment_sessions", {"nextToken": "a/b+c=&"}),
        ("list_spaces", {}),
        ("list_spaces", {"nextToken": "a/b+c=&"}),
        ("list_projects", {"filters": [{"key": "hasAccessTo", "values": ["true"]}]}),
        ("list_projects", {"nextToken": "\u00e9\u20ac"}),
        ("list_dev_environments", {}),
        ("list_dev_environments", {"nextToken": "a/b+c=&"}),
    ],
)
def test_request_equals_botocores(
    asked: Callable[[str, Ask], list[Request]],
    prefix: str,
    operation: str,
    members: dict[str, Any],
) -> None:
    def ask(way: Api) -> None:
        way.call(
            operation,
            TOKEN,
            connect_timeout=5,
            read_timeout=5,
            **NAMES.get(operation, PLACE),
            **members,
        )

    botocores, carried, ours = asked(prefix, ask)
    assert ours == carried == botocores
    assert ours.headers["authorization"] == f"Bearer {TOKEN}"


@pytest.mark.parametrize("prefix", ["", "/stage/"])
@pytest.mark.parametrize(
    ("operation", "members"),
    [("verify_session", {}), ("get_user_details", {"id": "a1/b c?&=+\u00e9-9"})],
)
def test_request_about_the_user_equals_botocores(
    asked: Callable[[str, Ask], list[Request]],
    prefix: str,
    operation: str,
    members: dict[str, str],
) -> None:
    def ask(way: Api) -> None:
        way.call(operation, TOKEN, connect_timeout=5, read_timeout=5, **members)

    botocores, carried, ours = asked(prefix, ask)
    assert ours == carried == botocores


@pytest.mark.parametrize("suffix", ["", ":443"])
def test_host_header_omits_the_default_port(tmp_path: Path, suffix: str) -> None:
    with Recorder(tmp_path, ANSWER) as peer:
        trust = Trust(str(peer.ca_file))
        dialled = []

        def connect(host: str, port: int, timeout: float) -> socket.socket:
            dialled.append((host, port))
            return trust.connect("localhost", peer.port, timeout)

        api = light_api(f"https://api.example{suffix}", connect)
        api.call("get_dev_environment", "t", connect_timeout=5, read_timeout=5, id="x")
    assert dialled == [("api.example", 443)]
    assert read(peer.requests[0]).headers["host"] == "api.example"
