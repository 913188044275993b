"""ssh with ``ProxyUseFdpass``: it waits for a socket, and the connector lives on without it.

The tests of scp, rsync, git, forwarding and VS Code run with this option too.
"""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pytest

from connector.emulator.agent.behaviour import REAL
from connector.emulator.api.codecatalyst.model import Status
from connector.emulator.api.errors import AccessDeniedException

from .cloud import START, Cloud
from .commands import CONNECTOR, END, Commands, Process, Ssh
from .sshd import USER, Sshd
from .targets import GREETING, TcpService, greeting_echo, silent_gateway
from .terminals import Terminal
from .waiting import PATIENCE, Reader, alive, eventually

PASSED = "ssh has its socket"

#: What ssh says when it has not got a socket.
NO_SOCKET = "proxy dialer did not pass back a connection"

linux = pytest.mark.skipif(sys.platform != "linux", reason="needs /proc")


def processes(commands: Commands) -> list[int]:
    """Return all processes of a test: its variables are in their environment."""
    mark = str(commands.log_file).encode()
    found = []
    for directory in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):  # it has ended, or is another user's
            if mark in (directory / "environ").read_bytes() and alive(int(directory.name)):
                found.append(int(directory.name))
    return found


def wait_nothing_left(commands: Commands) -> None:
    eventually(lambda: not processes(commands), "the end of all processes", END)


def test_slow_start_outlasts_connect_timeout(ssh: Ssh, cloud: Cloud) -> None:
    cloud.stopped(start_seconds=3)
    answer = ssh.run("echo hello", options=["-o", "ConnectTimeout=1"])
    assert (answer.returncode, answer.stdout) == (0, b"hello\n"), answer.stderr


@linux
def test_end_of_ssh_leaves_nothing(ssh: Ssh, cloud: Cloud) -> None:
    assert ssh.run("true").returncode == 0
    wait_nothing_left(ssh.commands)
    assert cloud.stops(cloud.session()) == 1


def test_failure_before_the_hand_over_is_told(ssh: Ssh, cloud: Cloud) -> None:
    cloud.misbehaviours.refuse(START, AccessDeniedException("No"), times=10)
    answer = ssh.run("true")
    first, *_, last = answer.stderr.decode().splitlines()
    assert (answer.returncode, last) == (255, NO_SOCKET)
    assert first.startswith("connector: ")
    assert "No" in first


def test_refused_port_is_told_before_the_hand_over(ssh: Ssh, cloud: Cloud) -> None:
    cloud.port = 0  # nothing listens there
    answer = ssh.run("true")
    first, *_, last = answer.stderr.decode().splitlines()
    assert (answer.returncode, last) == (255, NO_SOCKET)
    assert "The service closed the session" in first


def test_server_that_waits_for_its_client_gets_it(ssh: Ssh, cloud: Cloud, sshd: Sshd) -> None:
    """A multiplexer of protocols does so. The connector hands over without a greeting."""

    def wait_for_the_client(connection: socket.socket) -> None:
        heard = connection.recv(1024)
        assert heard.startswith(b"SSH-2.0-")
        with socket.create_connection(("127.0.0.1", sshd.port)) as server:
            server.sendall(heard)
            back = threading.Thread(target=relay, args=(server, connection), daemon=True)
            back.start()
            relay(connection, server)
            back.join(PATIENCE)

    with TcpService(wait_for_the_client) as service:
        cloud.port = service.port
        answer = ssh.run("echo hello")
    assert (answer.returncode, answer.stdout) == (0, b"hello\n"), answer.stderr


def relay(source: socket.socket, sink: socket.socket) -> None:
    with contextlib.suppress(OSError):
        while data := source.recv(65536):
            sink.sendall(data)
    with contextlib.suppress(OSError):
        sink.shutdown(socket.SHUT_WR)  # also after a reset: the other end waits for it


def test_jump_through_a_target(ssh: Ssh, sshd: Sshd) -> None:
    options = [word for option in ssh.key_options() for word in ("-o", option.replace(" ", "=", 1))]
    jump = ("-J", ssh.host, "-p", str(sshd.port), f"{USER}@127.0.0.1")
    answer = ssh.commands.run(*ssh.command("ssh", *options, *jump, "echo hello"))
    assert (answer.returncode, answer.stdout) == (0, b"hello\n"), answer.stderr


# The end of ssh


@contextlib.contextmanager
def waiting(ssh: Ssh, cloud: Cloud, start: Callable[[], list[Process]]) -> Iterator[None]:
    cloud.stopped(start_seconds=600)
    processes = start()
    eventually(lambda: all("STARTING" in each.stderr() for each in processes), "the wait")
    yield


@contextlib.contextmanager
def starting(ssh: Ssh, cloud: Cloud, start: Callable[[], list[Process]]) -> Iterator[None]:
    cloud.misbehaviours.delay(START, 1.0, 2)
    start()
    cloud.wait_for_requests(START, 2)
    yield


def dialling(
    ssh: Ssh, cloud: Cloud, start: Callable[[], list[Process]]
) -> contextlib.AbstractContextManager[None]:
    return silent_gateway(cloud, start, 2)


@contextlib.contextmanager
def shaking_hands(ssh: Ssh, cloud: Cloud, start: Callable[[], list[Process]]) -> Iterator[None]:
    cloud.behave(REAL, latency_to_client=600.0)
    start()
    cloud.wait_for_agents(2)
    yield


@contextlib.contextmanager
def greeting(ssh: Ssh, cloud: Cloud, start: Callable[[], list[Process]]) -> Iterator[None]:
    """Let ssh have its socket, and no server answer it."""

    def say_nothing(connection: socket.socket) -> None:
        while connection.recv(65536):
            pass

    with TcpService(say_nothing) as service:
        cloud.port = service.port
        start()
        ssh.commands.wait_for_log(PASSED, 2)
        yield


@contextlib.contextmanager
def running(ssh: Ssh, cloud: Cloud, start: Callable[[], list[Process]]) -> Iterator[None]:
    for process in start():
        process.reader.until(b"here\n")
    yield


@contextlib.contextmanager
def copying(ssh: Ssh, cloud: Cloud, start: Callable[[], list[Process]]) -> Iterator[None]:
    for process in start():
        process.reader.until(b"here\n")
        process.reader.exactly(100_000)
    yield


Phase = Callable[[Ssh, Cloud, Callable[[], list[Process]]], contextlib.AbstractContextManager[None]]


@linux
@pytest.mark.parametrize(
    "phase", [waiting, starting, dialling, shaking_hands, greeting, running, copying]
)
def test_killed_ssh_leaves_nothing_while(phase: Phase, ssh: Ssh, cloud: Cloud) -> None:
    then = "cat /dev/zero" if phase is copying else "sleep 60"
    started: list[Process] = []

    def start() -> list[Process]:
        started.extend(ssh.start(f"echo here; exec {then}") for _ in range(2))
        return started

    with phase(ssh, cloud, start):
        for process, number in zip(started, (signal.SIGTERM, signal.SIGKILL), strict=True):
            process.signal(number)
            process.wait()
        wait_nothing_left(ssh.commands)
    assert len(cloud.sessions) == (0 if phase is waiting else 2)
    assert [cloud.stops(session) for session in cloud.sessions] == [1] * len(cloud.sessions)


@linux
@pytest.mark.parametrize("starts", [True, False])
def test_ctrl_c_ends_ssh_and_then_the_stream_in_order(ssh: Ssh, cloud: Cloud, starts: bool) -> None:
    if starts:
        cloud.stopped(start_seconds=600)
    with Terminal(24, 80) as terminal:
        process = terminal.start(
            ssh.commands, *ssh.command("ssh", ssh.host, "echo there; sleep 60")
        )
        if starts:
            ssh.commands.wait_for_log("STARTING")
        else:
            terminal.reader.until(b"there\r\n")
            (connector,) = ssh.commands.connector_pids()
            assert os.getpgid(connector) != os.getpgid(process.pid)
        terminal.type(b"\x03")
        assert process.wait() == (-signal.SIGINT if starts else 255)
        wait_nothing_left(ssh.commands)
    assert [cloud.stops(session) for session in cloud.sessions] == ([] if starts else [1])


# What is said after the hand-over


def test_late_end_is_shown_on_the_terminal_of_ssh(ssh: Ssh, cloud: Cloud) -> None:
    with Terminal(24, 200) as terminal:
        words = ssh.command("ssh", ssh.host, "echo there; sleep 60")
        process = terminal.start(ssh.commands, "/bin/sh", "-c", 'exec "$@" 2>&1', "sh", *words)
        terminal.reader.until(b"there\r\n")
        cloud.set_status(Status.STOPPING)
        assert b"connector: The service closed the session:" in terminal.reader.rest()
        assert process.wait() == 255


@linux
def test_late_end_is_not_shown_once_ssh_is_in_the_background(ssh: Ssh, cloud: Cloud) -> None:
    with Terminal(24, 200) as terminal:
        words = ssh.command("ssh", "-f", "-N", ssh.host)
        script = '"$@" 2>&1; echo now; read line'
        process = terminal.start(ssh.commands, "/bin/sh", "-c", script, "sh", *words)
        terminal.reader.until(b"now\r\n")
        cloud.set_status(Status.STOPPING)
        ssh.commands.wait_for_log("The service closed the session:")
        ssh.commands.wait_connectors_gone()
        terminal.type(b"\n")
        assert b"connector" not in terminal.reader.rest()
        assert process.wait() == 0
    wait_nothing_left(ssh.commands)


def test_late_end_is_in_the_file_that_takes_stderr(ssh: Ssh, cloud: Cloud) -> None:
    process = ssh.start("echo there; sleep 60")
    process.reader.until(b"there\n")
    cloud.set_status(Status.STOPPING)
    assert process.wait() == 255
    assert "connector: The service closed the session:" in process.stderr()


@linux
def test_stderr_of_a_background_ssh_ends_while_the_stream_goes_on(ssh: Ssh) -> None:
    words = ssh.command("ssh", "-f", "-N", ssh.host)
    done = subprocess.run(  # it returns when no process has its stderr open any more
        words,
        env=ssh.commands.environ,
        stdin=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        timeout=PATIENCE,
        check=True,
    )
    assert done.stderr == b""
    (connector,) = ssh.commands.connector_pids()
    assert alive(connector)
    for pid in processes(ssh.commands):
        if pid != connector:
            os.kill(pid, signal.SIGKILL)
    wait_nothing_left(ssh.commands)


# Programs with one socket for both directions


class OneSocket:
    """The connector with one socket as its stdin and stdout.

    :param before: a command that starts it.
    """

    def __init__(self, commands: Commands, cloud: Cloud, before: Sequence[str] = ()) -> None:
        self.program, theirs = socket.socketpair()
        self.reader = Reader(self.program.fileno())
        with theirs:
            command = [*before, *CONNECTOR, "proxy", cloud.host]
            stream = theirs.fileno()
            self.dialer = commands.start(*command, stdin=stream, stdout=stream, anew=True)


@pytest.fixture
def one(commands: Commands, cloud: Cloud) -> Iterator[OneSocket]:
    with TcpService(greeting_echo) as service:
        cloud.port = service.port
        one = OneSocket(commands, cloud)
        with one.program:
            yield one


def test_program_that_speaks_first_is_served_as_with_pipes(one: OneSocket) -> None:
    """libssh is one. The process that it has started stays to the end."""
    one.program.sendall(b"hello")
    assert one.reader.exactly(len(GREETING) + 5) == GREETING + b"hello"
    one.program.shutdown(socket.SHUT_WR)
    assert one.reader.rest() == b""
    assert (one.dialer.wait(), one.dialer.stderr()) == (0, "")


@linux
@pytest.mark.parametrize("number", [signal.SIGHUP, signal.SIGTERM, signal.SIGINT, signal.SIGKILL])
def test_signal_to_the_dialer_ends_the_connector(
    one: OneSocket, commands: Commands, cloud: Cloud, number: signal.Signals
) -> None:
    cloud.behave(REAL, latency_to_client=600.0)
    cloud.wait_for_sessions()
    one.dialer.signal(number)
    assert one.dialer.wait(END) == (130 if number == signal.SIGINT else -number)
    wait_nothing_left(commands)
    assert cloud.stops(cloud.session()) == 1


def test_dialer_exits_with_the_code_of_a_failure(commands: Commands, cloud: Cloud) -> None:
    del commands.environ["AWS_BEARER_TOKEN_CODECATALYST"]
    one = OneSocket(commands, cloud)
    with one.program:
        assert one.dialer.wait() == 77
        assert "Run `connector login" in one.dialer.stderr()
        assert one.reader.rest() == b""


def test_failure_is_told_where_the_end_of_children_is_ignored(
    commands: Commands, cloud: Cloud
) -> None:
    """Some daemons ignore SIGCHLD, and their children inherit that."""
    del commands.environ["AWS_BEARER_TOKEN_CODECATALYST"]
    ignore = "signal.signal(signal.SIGCHLD, signal.SIG_IGN); os.execv(sys.argv[1], sys.argv[1:])"
    before = [sys.executable, "-c", f"import os, signal, sys; {ignore}"]
    one = OneSocket(commands, cloud, before)
    with one.program:
        assert one.dialer.wait() == 1
        assert "Run `connector login" in one.dialer.stderr()
        assert "Traceback" not in one.dialer.stderr()
