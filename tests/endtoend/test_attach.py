"""``connector attach``: where it reads its session from, and which sessions it refuses."""

from __future__ import annotations

import json
import random
import signal
import socket
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from .cloud import Cloud
from .commands import CONNECTOR, Commands, Process
from .failing import check
from .targets import GREETING, TcpService, greeting_echo


@pytest.fixture(autouse=True)
def service(cloud: Cloud) -> Iterator[TcpService]:
    with TcpService(greeting_echo) as service:
        cloud.port = service.port
        yield service


def check_echo(process: Process) -> None:
    process.reader.until(GREETING)
    process.send(b"hello")
    assert process.reader.exactly(5) == b"hello"
    process.signal(signal.SIGHUP)
    assert (process.wait(), process.stderr()) == (0, "")


@pytest.fixture
def attach(commands: Commands, tmp_path: Path) -> Callable[[str], Process]:
    """Start ``connector attach`` with a session file of this content."""

    def start(content: str) -> Process:
        file = tmp_path / "session.json"
        file.write_text(content)
        return commands.start(*CONNECTOR, "attach", "--session-file", str(file))

    return start


def with_variable(commands: Commands, value: str) -> Process:
    # The environment lacks the variables that only the API needs.
    environ = {
        name: value
        for name, value in commands.environ.items()
        if not name.startswith("AWS_") or name == "AWS_CA_BUNDLE"
    }
    environ["CONNECTOR_SESSION"] = value
    return commands.start(*CONNECTOR, "attach", environ=environ)


def test_attach_reads_session_from_file(attach: Callable[[str], Process], cloud: Cloud) -> None:
    check_echo(attach(json.dumps(cloud.start_session())))
    assert cloud.session().end_reason == "The agent ended the session"


def test_attach_reads_session_from_variable(commands: Commands, cloud: Cloud) -> None:
    check_echo(with_variable(commands, json.dumps(cloud.start_session())))
    assert cloud.session().end_reason == "The agent ended the session"


@pytest.mark.parametrize("change", [str.lower, str.upper, str.capitalize])
def test_attach_accepts_keys_of_any_case_and_extra_keys(
    attach: Callable[[str], Process], cloud: Cloud, change: Callable[[str], str]
) -> None:
    session = {change(key): value for key, value in cloud.start_session().items()}
    check_echo(attach(json.dumps({**session, "spaceName": "ExampleCorp", "more": [1]})))


def test_attach_accepts_missing_session_id(attach: Callable[[str], Process], cloud: Cloud) -> None:
    session = cloud.start_session()
    del session["sessionId"]
    check_echo(attach(json.dumps(session)))


def test_attach_refuses_stdin_as_session_file(commands: Commands) -> None:
    process = commands.start(*CONNECTOR, "attach", "--session-file", "-")
    check(process, 78, "cannot be read from stdin")


def test_attach_without_session_is_refused(commands: Commands) -> None:
    check(with_variable(commands, ""), 78, "There is no session to attach to")


def test_attach_reports_missing_session_file(commands: Commands, tmp_path: Path) -> None:
    process = commands.start(*CONNECTOR, "attach", "--session-file", str(tmp_path / "none"))
    check(process, 78, "does not exist")


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ('{"streamUrl": "wss://localhost/?%s"', "does not hold JSON"),
        ('["%s"]', "does not hold a JSON object"),
        ('{"streamUrl": "wss://localhost/?%s"}', "lacks a text member tokenValue"),
        ('{"tokenValue": "%s"}', "lacks a text member streamUrl"),
        ('{"streamUrl": 1, "tokenValue": "%s"}', "lacks a text member streamUrl"),
        ('{"streamUrl": "", "tokenValue": "%s"}', "lacks a text member streamUrl"),
        ("", "does not hold JSON"),
        ("[" * 100_000 + "%s", "does not hold JSON"),
    ],
)
def test_malformed_session_is_refused_and_not_quoted(
    attach: Callable[[str], Process], content: str, words: str
) -> None:
    secret = random.Random(8).randbytes(16).hex()
    process = attach(content.replace("%s", secret))
    check(process, 78, words)
    assert secret not in process.stderr()


def test_wrong_token_is_refused(attach: Callable[[str], Process], cloud: Cloud) -> None:
    process = attach(json.dumps({**cloud.start_session(), "tokenValue": "another-tokens-value"}))
    check(process, 76, "may have refused the session's token")
    assert "another-tokens-value" not in process.stderr()
    cloud.stop_session(cloud.session())


def test_plain_url_of_loopback_is_dialled_without_tls(commands: Commands) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    session = {"streamUrl": f"ws://127.0.0.1:{port}/", "tokenValue": "token"}
    environ = {**commands.environ, "CONNECTOR_SESSION": json.dumps(session)}
    process = commands.start(*CONNECTOR, "attach", environ=environ)
    assert process.wait() == 69
    assert f"127.0.0.1:{port}" in process.stderr()
    assert "wss" not in process.stderr()
