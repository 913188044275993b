"""The messages of failures: one line with the reason, and its exit code."""

from __future__ import annotations

import socket
import uuid
from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from connector.emulator.agent.behaviour import REAL
from connector.emulator.api.codecatalyst.model import Status
from connector.emulator.api.errors import (
    AccessDeniedException,
    ApiError,
    ServiceQuotaExceededException,
    ThrottlingException,
)
from connector.emulator.sessions import Session

from .cloud import START, Cloud
from .commands import CONNECTOR, Commands, Process, Ssh
from .failing import check
from .targets import TcpService
from .waiting import free_port


@dataclass
class Unanswered:
    processes: dict[str, Process]
    sessions: list[Session]


def listen(connection: socket.socket) -> None:
    while connection.recv(65536):
        pass


@pytest.fixture(scope="module", autouse=True)
def unanswered(the_cloud: Cloud, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Unanswered]:
    """Start the failures that take long, so that they happen while the other tests run."""
    the_cloud.reset()
    commands = Commands(the_cloud, tmp_path_factory.mktemp("unanswered"))
    closed = free_port()
    processes = {
        "api": commands.proxy("--endpoint-url", f"https://127.0.0.1:{closed}"),
        "proxy": commands.proxy(
            environ={**commands.environ, "HTTPS_PROXY": f"http://127.0.0.1:{closed}"}
        ),
    }
    the_cloud.misbehaviours.delay("ListSpaces", 60.0)
    processes["names"] = commands.start(*CONNECTOR, "proxy", "my-env.codecatalyst")
    the_cloud.wait_for_requests("ListSpaces")
    the_cloud.behave(REAL, latency_to_client=600.0)
    processes["agent"] = commands.proxy()
    the_cloud.wait_for_agents()
    with TcpService(listen) as service:
        the_cloud.stream_base = f"wss://127.0.0.1:{service.port}"
        processes["gateway"] = commands.proxy()
        the_cloud.wait_for_sessions(2)
        yield Unanswered(processes, the_cloud.sessions)
        commands.close()


# API


def test_unknown_environment_fails(commands: Commands, cloud: Cloud) -> None:
    unknown = str(uuid.uuid4())
    host = cloud.host.replace(cloud.environment.id, unknown)
    process = commands.start(*CONNECTOR, "proxy", host)
    check(process, 68, f"CodeCatalyst knows no Dev Environment {unknown}")


def test_stopped_environment_fails(commands: Commands, cloud: Cloud) -> None:
    cloud.set_status(Status.STOPPED)
    process = commands.proxy("--no-start")
    check(process, 75, "is STOPPED", f"`connector start {cloud.host}`")


def test_failed_environment_shows_its_reason(commands: Commands, cloud: Cloud) -> None:
    cloud.set_status(Status.FAILED, "The image could not be pulled")
    check(commands.proxy(), 75, "is FAILED: The image could not be pulled")


@pytest.mark.parametrize("kind", ["wrong", "expired"])
def test_rejected_token_fails(commands: Commands, cloud: Cloud, kind: str) -> None:
    token = f"{kind}-token-of-mary-0123456789"
    if kind == "expired":
        cloud.tokens.accept(token, cloud.environment.creator_id, expires_at=1.0)
    process = commands.proxy(environ={**commands.environ, "AWS_BEARER_TOKEN_CODECATALYST": token})
    check(process, 77, "does not accept the token", "AWS_BEARER_TOKEN_CODECATALYST")
    assert token not in process.stderr()


def test_missing_token_fails(commands: Commands) -> None:
    environ = dict(commands.environ)
    del environ["AWS_BEARER_TOKEN_CODECATALYST"]
    check(commands.proxy(environ=environ), 77, "There is no bearer token")


@pytest.mark.parametrize(
    ("error", "exit_code", "words"),
    [
        (AccessDeniedException("No"), 77, "You have no access"),
        (ServiceQuotaExceededException("Too much"), 73, "limit of the space ExampleCorp"),
    ],
)
def test_refusal_of_the_service_is_shown(
    commands: Commands, cloud: Cloud, error: ApiError, exit_code: int, words: str
) -> None:
    cloud.misbehaviours.refuse(START, error)
    check(commands.proxy(), exit_code, words)


def test_throttled_start_is_retried(commands: Commands, cloud: Cloud) -> None:
    cloud.misbehaviours.refuse(START, ThrottlingException("Slow down"))
    with TcpService(lambda connection: connection.sendall(b"here")) as service:
        cloud.port = service.port
        process = commands.proxy()
        assert process.reader.rest() == b"here"
        assert process.wait() == 0


def test_unknown_ca_fails(commands: Commands) -> None:
    environ = dict(commands.environ)
    del environ["AWS_CA_BUNDLE"]
    check(commands.proxy(environ=environ), 76, "is signed by an unknown CA", "AWS_CA_BUNDLE")


def test_host_that_names_no_environment_fails(commands: Commands) -> None:
    process = commands.start(*CONNECTOR, "proxy", "my-env")
    check(process, 68, "There is no Dev Environment 'my-env'", "connector list")


# Gateway


def test_gateway_that_refuses_connections_fails(commands: Commands, cloud: Cloud) -> None:
    cloud.stream_base = f"wss://127.0.0.1:{free_port()}"
    check(commands.proxy(), 69, "The host 127.0.0.1:", "cannot be reached (Connection refused)")
    assert cloud.stops(cloud.session()) == 1


def test_gateway_outside_aws_fails(commands: Commands, cloud: Cloud) -> None:
    cloud.stream_base = "ws://gateway.example.com"
    check(commands.proxy(), 69, "gateway.example.com that is not wss")
    assert cloud.stops(cloud.session()) == 1


def test_gateway_that_refuses_the_token_fails(commands: Commands, cloud: Cloud) -> None:
    cloud.after_start = cloud.end_session
    check(commands.proxy(), 76, "may have refused the session's token")


@pytest.mark.parametrize("status", [401, 403, 302])
def test_refused_upgrade_fails(commands: Commands, cloud: Cloud, status: int) -> None:
    headers = {"Location": "https://example.com/elsewhere"} if status == 302 else None
    cloud.gateway.refuse_upgrades(status, headers)
    check(commands.proxy(), 76, f"The gateway 127.0.0.1 refused the connection ({status})")
    assert cloud.stops(cloud.session()) == 1


@pytest.mark.parametrize("status", [429, 500, 503])
def test_unavailable_gateway_fails(commands: Commands, cloud: Cloud, status: int) -> None:
    cloud.gateway.refuse_upgrades(status)
    check(commands.proxy(), 69, f"The gateway 127.0.0.1 is not available ({status})")
    assert cloud.stops(cloud.session()) == 1


def test_gateway_without_tls_fails(commands: Commands, cloud: Cloud) -> None:
    def speak_plainly(connection: socket.socket) -> None:
        connection.recv(65536)
        connection.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")

    with TcpService(speak_plainly) as service:
        cloud.stream_base = f"wss://127.0.0.1:{service.port}"
        check(commands.proxy(), 76, "TLS with 127.0.0.1 failed")


# Agent


def test_refused_port_fails(commands: Commands, cloud: Cloud) -> None:
    cloud.port = free_port()
    check(commands.proxy(), 69, "The service closed the session: document process failed")


def test_ssh_shows_the_reason(ssh: Ssh, cloud: Cloud) -> None:
    cloud.set_status(Status.FAILED)
    answer = ssh.run("true")
    assert (answer.returncode, answer.stdout) == (255, b"")
    assert "connector: Dev Environment" in answer.stderr.decode()
    assert "is FAILED" in answer.stderr.decode()


# Slow failures. They come last in this file and were started first.


def test_api_that_refuses_connections_fails(unanswered: Unanswered) -> None:
    process = unanswered.processes["api"]
    check(process, 69, "The host 127.0.0.1:", "cannot be reached (Connection refused)")


def test_proxy_that_refuses_connections_fails(unanswered: Unanswered) -> None:
    process = unanswered.processes["proxy"]
    check(process, 78, "The proxy http://127.0.0.1:", "(Connection refused)", "HTTPS_PROXY")


def test_slow_look_up_times_out_with_a_reason(unanswered: Unanswered) -> None:
    process = unanswered.processes["names"]
    check(process, 69, "has not listed all Dev Environments within 6 s")


def test_agent_that_does_not_answer_fails(unanswered: Unanswered, the_cloud: Cloud) -> None:
    process = unanswered.processes["agent"]
    check(process, 69, "The target's agent does not answer")
    assert the_cloud.stops(unanswered.sessions[0]) == 1


def test_gateway_that_does_not_answer_fails(unanswered: Unanswered, the_cloud: Cloud) -> None:
    process = unanswered.processes["gateway"]
    check(process, 69, "127.0.0.1 does not complete the TLS handshake")
    assert the_cloud.stops(unanswered.sessions[1]) == 1
