"""Responses of CodeCatalyst and SSO-OIDC with values of wrong types and ranges."""

from __future__ import annotations

import json
import os
import socket
import tempfile
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any, cast
from unittest.mock import patch

from connector.aws.api import CallFailed, Refused
from connector.aws.profile import SsoSession
from connector.aws.responses import check
from connector.aws.sso.login import token_by_device_code
from connector.aws.sso.oidc import (
    RESPONSES,
    Oidc,
    Registration,
    register,
    registration_file,
)
from connector.aws.sso.tokens import (
    BearerToken,
    BearerTokens,
    CachedToken,
    Unusable,
)
from connector.errors import ConnectorError
from connector.sessions import StartProgress, Waiting
from connector.targets.codecatalyst.account import identify
from connector.targets.codecatalyst.api import OPERATIONS, TOKEN_VARIABLES, light_api
from connector.targets.codecatalyst.calls import Calls
from connector.targets.codecatalyst.environment import CodeCatalystSessions
from connector.targets.codecatalyst.hosts import EnvironmentName
from connector.targets.codecatalyst.listing import list_environments, sessions_of
from connector.targets.memory import Memory
from connector.targets.model import StartSettings

from .choices import Choices

_DIRECTORY = tempfile.TemporaryDirectory(prefix="fuzz-answers-")
_TOKEN = BearerToken("token", None, "log in")
_NOW = 1_800_000_000.0

#: The member names of all operations; any of them may appear in any response.
_NAMES = (
    *("accessDetails", "streamUrl", "tokenValue", "sessionId", "status", "statusReason", "alias"),
    *("items", "nextToken", "name", "id", "identity", "userName", "displayName", "primaryEmail"),
    *("email", "spaceName", "projectName", "instanceType", "inactivityTimeoutMinutes"),
    *("lastUpdatedTime", "repositories", "repositoryName", "branchName", "startedTime"),
    *("clientId", "clientSecret", "clientSecretExpiresAt", "deviceCode", "userCode"),
    *("verificationUri", "verificationUriComplete", "expiresIn", "interval"),
    *("accessToken", "refreshToken", "message", "Message", "code", "__type", "error"),
)

#: Values in JSON. Some are not valid JSON, but Python parses them.
_VALUES = (
    *("null", "true", "false", "0", "-1", "5", "1.5", "-0.0", "1e9", "1e308", "1e400", "-1e400"),
    *("NaN", "Infinity", "-Infinity", "9" * 40, "9" * 5000, "253402300800", "[]", "{}", '""'),
    *('"x"', '"\\ud800"', '"\\u0000"', '"\\u202e\\r\\n\\u001b[2J"', '"2026-11-22T10:00:00Z"'),
    *('"https://device.example/x"', '"wss://x"', '"RUNNING"', '"STOPPED"', "[[]]", "[null]"),
    *("[" * 300 + "]" * 300, "[" * 100000, '{"a":' * 2000 + "1" + "}" * 2000),
    "[" * 60000 + "]" * 60000,
)


#: The shape of every operation's answer.
_SHAPES = {**RESPONSES, **{name: row.response for name, row in OPERATIONS.items()}}


class _Wire:
    """A connection whose peer has sent its whole response already."""

    def __init__(self, answer: bytes) -> None:
        self._left = answer

    def __enter__(self) -> _Wire:
        return self

    def __exit__(self, *details: object) -> None:
        pass

    def settimeout(self, seconds: float) -> None:
        pass

    def sendall(self, data: bytes) -> None:
        pass

    def recv(self, size: int) -> bytes:
        piece, self._left = self._left[:size], self._left[size:]
        return piece


class _Service:
    """The APIs of CodeCatalyst and SSO-OIDC, with responses from the fuzzer."""

    def __init__(self, choices: Choices) -> None:
        self._choices = choices
        self._calls = 0

    def connect(self, host: str, port: int, timeout: float) -> socket.socket:
        self._calls += 1
        status = self._choices.of((200, 200, 200, 200, 400, 401, 403, 404, 409, 429, 500))
        # Bound the calls: a start that never runs and an endless list would be polled for ever.
        body = _document(self._choices) if self._calls < 8 else b"{}"
        head = f"HTTP/1.1 {status} X\r\nContent-Length: {len(body)}\r\n\r\n"
        return cast(socket.socket, _Wire(head.encode() + body))

    def call(self, operation: str, **members: Any) -> dict[str, Any]:
        try:
            answer = json.loads(_document(self._choices))
        except (ValueError, RecursionError):
            raise CallFailed(ConnectorError("no JSON")) from None
        return check(answer, _SHAPES[operation], "host")


class _Watcher:
    def wait(self, waiting: Waiting, seconds: float) -> None:
        str(waiting)

    def go_on(self) -> None:
        pass

    def may_leave(self, harmless: bool) -> None:
        pass


def _value(choices: Choices, depth: int = 0) -> str:
    kind = choices.number() % 8
    if kind == 0 and depth < 4:
        return _object(choices, depth + 1)
    if kind == 1 and depth < 4:
        items = [_value(choices, depth + 1) for _ in range(choices.number() % 3)]
        return f"[{','.join(items)}]"
    if kind == 2:
        return json.dumps(choices.take(choices.number() % 20).decode("utf-8", "surrogateescape"))
    return choices.of(_VALUES)


def _object(choices: Choices, depth: int = 0) -> str:
    members = [  # a name may appear twice
        f"{json.dumps(choices.of(_NAMES))}:{_value(choices, depth)}"
        for _ in range(choices.number() % 12)
    ]
    return f"{{{','.join(members)}}}"


_GOOD: dict[str, Any] = {
    "accessDetails": {"streamUrl": "wss://x", "tokenValue": "t"},
    "sessionId": "s",
    "status": "RUNNING",
    "identity": "u",
    "userName": "mary",
    "clientId": "c",
    "clientSecret": "s",
    "clientSecretExpiresAt": 1_900_000_000,
    "deviceCode": "d",
    "userCode": "AB-CD",
    "verificationUri": "https://x",
    "interval": 1,
    "accessToken": "a",
    "expiresIn": 3600,
    "refreshToken": "r",
    "primaryEmail": {"email": "mary@example.com"},
    "items": [{"id": "i", "status": "RUNNING", "name": "n"}],
}


def _document(choices: Choices) -> bytes:
    """Return raw bytes, an object of any members, or a valid response with wrong members."""
    kind = choices.number() % 8
    if kind == 0:
        return choices.piece()
    if kind == 1:
        return _value(choices).encode()
    if kind == 2:
        return _object(choices).encode()
    members = {name: json.dumps(value) for name, value in _GOOD.items()}
    for _ in range(choices.number() % 3):
        members[choices.of(_NAMES)] = _value(choices)
    text = ",".join(f"{json.dumps(name)}:{value}" for name, value in members.items())
    return f"{{{text}}}".encode()


def answers(data: bytes) -> None:
    """Any response is used, or causes an error of one line."""
    choices = Choices(data)
    use = choices.of(_USES)
    try:
        use(_Service(choices))
    except (ConnectorError, Refused, CallFailed, Unusable) as error:
        assert type(error) is not ConnectorError or str(error) == "No JSON"
        assert str(error)
        assert "\n" not in str(error)


def _calls(service: _Service) -> Calls:
    tokens = BearerTokens(
        cast(Any, None), {TOKEN_VARIABLES.token: "token"}, cast(Any, None), TOKEN_VARIABLES
    )
    name = EnvironmentName("space", "project", "id")
    return Calls(name, tokens, light_api("https://api.example", service.connect))


def _start(service: _Service) -> None:
    clock = [0.0]

    def sleep(seconds: float) -> None:
        clock[0] += seconds

    def tick() -> float:
        clock[0] += 0.5
        return clock[0]

    starts = Memory(Path(_DIRECTORY.name, "starts.json"), "a")
    settings = StartSettings(allowed=True, timeout=30)
    source = CodeCatalystSessions(
        _calls(service), settings, starts, clock=tick, sleep=sleep, rand=lambda: 1.0
    )
    progress: StartProgress = _Watcher()
    access = source.start(progress)
    assert isinstance(access.session_id, str)
    access.stream_url.encode()
    access.token_value.encode()


def _look(service: _Service) -> None:
    state = _calls(service).look(5)
    assert state.status
    state.reason.encode()


def _stop(service: _Service) -> None:
    _calls(service).stop(5)


def _sessions(service: _Service) -> None:
    for session in sessions_of(_calls(service), 5):
        f"{session.id}{session.started}".encode()


def _identify(service: _Service) -> None:
    identity = identify(light_api("https://api.example", service.connect), _TOKEN)
    "".join((identity.id, identity.user_name, identity.display_name, identity.email)).encode()


def _list(service: _Service) -> None:
    def connect(host: str, port: int, timeout: float) -> socket.socket:
        wire = service.connect(host, port, timeout)
        head, _, body = wire.recv(1 << 24).partition(b"\r\n\r\n")
        status = (
            b"200" if b" 200 " in head else b"404"
        )  # the client retries other statuses after a pause
        new = b"HTTP/1.1 %s X\r\nContent-Length: %d\r\n\r\n%s" % (status, len(body), body)
        return cast(socket.socket, _Wire(new))

    listing = list_environments(light_api("https://api.example", connect), _TOKEN, 30)
    for each in listing.environments:
        json.dumps([*each.name, each.updated, each.inactivity_timeout]).encode()


_SESSION = SsoSession("fuzz", "https://x", "us-east-1", ("a",))


def _register(service: _Service) -> None:
    with patch.dict(os.environ, HOME=_DIRECTORY.name, USERPROFILE=_DIRECTORY.name):
        registration = register(cast(Oidc, service), _SESSION, by_code=True, now=lambda: _NOW)
        registration_file(_SESSION).unlink()
    assert registration.expires_at.endswith("Z")


def _device_code(service: _Service) -> None:
    clock = [0.0]

    def sleep(seconds: float) -> None:
        assert 1 <= seconds < 1e4
        clock[0] += seconds

    registration = Registration("c", "s", "2030-01-01T00:00:00Z")
    _token(
        token_by_device_code(
            cast(Oidc, service),
            _SESSION,
            registration,
            lambda url, code: None,
            clock=lambda: clock[0],
            sleep=sleep,
        )
    )


def _create_token(service: _Service) -> None:
    _token(service.call("create_token"))


def _token(answer: dict[str, Any]) -> None:
    old = CachedToken("old", _NOW, {"refreshToken": "old"})
    kept = old.with_refresh_token(answer).document
    assert kept["refreshToken"] == answer.get("refreshToken", "old")
    token = old.renewed_by(answer, _NOW)
    assert token.expires_at >= _NOW
    json.dumps(token.document).encode()


def _any_operation(service: _Service) -> None:
    for operation in _SHAPES:
        with suppress(CallFailed):
            json.dumps(service.call(operation), default=str).encode()


_USES: tuple[Callable[[_Service], None], ...] = (
    *(_start, _look, _stop, _sessions, _identify, _list),
    *(_register, _device_code, _create_token, _any_operation),
)

#: One seed for each use, with valid responses.
SEEDS = [bytes([number, 0, 3, 0] * 8) for number in range(len(_USES))]
