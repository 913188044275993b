"""Forwarding over ssh: ports, SOCKS, the agent, other sessions."""

from __future__ import annotations

import random
import re
import signal
import socket
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from .cloud import Cloud
from .commands import EXAMPLE, Process, Ssh
from .socks import connect_through
from .sshd import USER, program
from .targets import TcpService, echo, receive_exactly
from .waiting import PATIENCE, accepts, eventually, free_port

DATA = random.Random(3).randbytes(200_000)


@pytest.fixture
def service() -> Iterator[TcpService]:
    with TcpService(echo) as service:
        yield service


def exchange(connection: socket.socket, data: bytes) -> bytes:
    """Send data, half-close, and return the whole answer."""

    def send() -> None:
        connection.sendall(data)
        connection.shutdown(socket.SHUT_WR)

    with connection:
        connection.settimeout(PATIENCE)
        sender = threading.Thread(target=send, daemon=True)
        sender.start()
        answer = receive_exactly(connection, len(data) + 1)
        sender.join(PATIENCE)
    return answer


def end(process: Process) -> None:
    process.signal(signal.SIGTERM)
    process.wait()


def test_local_port_is_forwarded(ssh: Ssh, service: TcpService) -> None:
    port = free_port()
    process = ssh.start(options=["-N", "-L", f"{port}:127.0.0.1:{service.port}"])
    eventually(lambda: accepts(port), "ssh -L")
    with socket.create_connection(("127.0.0.1", port), PATIENCE) as connection:
        assert exchange(connection, DATA) == DATA
    end(process)


def test_remote_port_is_forwarded(ssh: Ssh, service: TcpService) -> None:
    process = ssh.start(options=["-N", "-R", f"0:127.0.0.1:{service.port}"])
    allocated = re.compile(r"Allocated port (\d+) for remote forward")
    found = eventually(lambda: allocated.search(process.stderr()), "ssh -R")
    with socket.create_connection(("127.0.0.1", int(found[1])), PATIENCE) as connection:
        assert exchange(connection, DATA) == DATA
    end(process)


def test_socks_proxy_reaches_many_ports_at_once(ssh: Ssh, service: TcpService) -> None:
    port = free_port()
    process = ssh.start(options=["-N", "-D", str(port)])
    eventually(lambda: accepts(port), "ssh -D")
    connections = [connect_through(port, service.port, "127.0.0.1") for _ in range(5)]
    for number, connection in enumerate(connections):
        data = DATA[number : number + 20_000]
        assert exchange(connection, data) == data
    end(process)


def test_standard_streams_are_forwarded_with_w(ssh: Ssh, service: TcpService) -> None:
    answer = ssh.commands.run(
        *ssh.command("ssh", "-W", f"127.0.0.1:{service.port}", ssh.host), input=DATA
    )
    assert (answer.returncode, answer.stderr) == (0, b"")
    assert answer.stdout == DATA


def test_agent_is_forwarded(ssh: Ssh, short_path: Path) -> None:
    agent, add, keygen = program("ssh-agent"), program("ssh-add"), program("ssh-keygen")
    address, key = short_path / "agent", short_path / "key"
    ssh.commands.start(agent, "-D", "-a", str(address))
    eventually(address.exists, "ssh-agent")
    environ = {**ssh.commands.environ, "SSH_AUTH_SOCK": str(address)}
    for words in (
        (keygen, "-q", "-t", "ed25519", "-N", "", "-C", "key of the test", "-f", str(key)),
        (add, "-q", str(key)),
    ):
        assert ssh.commands.run(*words, environ=environ).returncode == 0
    answer = ssh.commands.run(*ssh.command("ssh", "-A", ssh.host, "ssh-add -l"), environ=environ)
    assert answer.returncode == 0
    assert b"key of the test (ED25519)" in answer.stdout


def test_many_commands_share_one_connection(ssh: Ssh, cloud: Cloud, short_path: Path) -> None:
    control = ["-o", f"ControlPath={short_path}/control"]
    master = ssh.start(options=[*control, "-M", "-N"])
    eventually((short_path / "control").exists, "the master")
    for number in range(3):
        answer = ssh.run(f"cat; exit {number}", input=DATA[:5000], options=control)
        assert (answer.returncode, answer.stdout) == (number, DATA[:5000])
    assert ssh.run(options=[*control, "-O", "exit"]).returncode == 0
    master.wait()
    assert len(cloud.sessions) == 1
    cloud.wait_all_ended()
    ssh.commands.wait_connectors_gone()


def test_example_configuration_works_unchanged(ssh: Ssh) -> None:
    options = [word for option in ssh.key_options() for word in ("-o", option)]
    command = [program("ssh"), "-F", str(EXAMPLE), *options]
    shown = ssh.commands.run(*command, "-G", ssh.host).stdout.decode().splitlines()
    assert "user mde-user" in shown
    assert "proxycommand connector proxy %n" in shown
    # This machine has no mde-user, so another user logs in.
    answer = ssh.commands.run(*command, "-l", USER, ssh.host, "cat; exit 4", input=DATA[:5000])
    assert (answer.returncode, answer.stdout, answer.stderr) == (4, DATA[:5000], b"")
