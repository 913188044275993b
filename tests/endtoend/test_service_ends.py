"""The far end ends the session, with or without a reason."""

from __future__ import annotations

import socket
from collections.abc import Callable
from dataclasses import replace

import pytest

from connector.emulator.agent.behaviour import REAL
from connector.emulator.api.codecatalyst.model import Status

from .cloud import Cloud
from .commands import END, Commands, Process, Ssh
from .targets import GREETING, TcpService, greeting_echo


def session_is_stopped(cloud: Cloud) -> None:
    cloud.stop_session(cloud.session())


def environment_is_stopped(cloud: Cloud) -> None:
    cloud.set_status(Status.STOPPING)


CAUSES = [
    pytest.param(session_is_stopped, "Stopped by an administrator", id="session stopped"),
    pytest.param(environment_is_stopped, "The Dev Environment is STOPPING", id="stopping"),
]


def check_refusal(process: Process, reason: str) -> None:
    assert process.wait(END) == 69
    assert process.reader.rest() == b""
    assert process.stderr() == f"connector: The service closed the session: {reason}\n"


@pytest.mark.parametrize(("end", "reason"), CAUSES)
def test_open_session_closed_by_the_service_fails_with_its_reason(
    commands: Commands, cloud: Cloud, end: Callable[[Cloud], None], reason: str
) -> None:
    with TcpService(greeting_echo) as service:
        cloud.port = service.port
        process = commands.proxy()
        process.reader.until(GREETING)
        end(cloud)
        check_refusal(process, reason)


@pytest.mark.parametrize(("end", "reason"), CAUSES)
def test_session_closed_before_its_first_byte_fails_with_the_reason(
    commands: Commands, cloud: Cloud, end: Callable[[Cloud], None], reason: str
) -> None:
    cloud.behave(replace(REAL, dial_delay=(600.0, 600.0)))
    process = commands.proxy()
    process.send(b"hello")
    cloud.wait_for_agents()
    end(cloud)
    check_refusal(process, reason)


def test_ordinary_end_of_the_server_succeeds(commands: Commands, cloud: Cloud) -> None:
    cloud.unpaced()
    size = 600_000

    def speak_and_leave(connection: socket.socket) -> None:
        connection.sendall(bytes(size))

    with TcpService(speak_and_leave) as service:
        cloud.port = service.port
        process = commands.proxy()
        # The output stays unread until the session is over.
        cloud.wait_for_sessions()
        cloud.wait_all_ended()
        assert process.reader.rest() == bytes(size)
        assert process.wait(END) == 0
    assert process.stderr() == ""


def test_server_that_closes_without_a_byte_is_a_failure(commands: Commands, cloud: Cloud) -> None:
    with TcpService(lambda connection: None) as service:
        cloud.port = service.port
        process = commands.proxy()
        assert process.wait() == 69
    assert process.reader.rest() == b""
    assert process.stderr().startswith(
        "connector: The service closed the session before the first byte"
    )


def test_ssh_shows_why_its_session_ended(ssh: Ssh, cloud: Cloud) -> None:
    process = ssh.start("echo here; exec cat")  # ends with its connection
    process.reader.until(b"here\n")
    cloud.stop_session(cloud.session())
    assert process.wait(END) == 255
    assert "connector: The service closed the session: Stopped by an adm" in process.stderr()
